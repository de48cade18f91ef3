"""Commands that cannot, or may not, be carried out: one result each, and nothing sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from bridge.simulator.broker import Broker
from bridge.simulator.faults import CommandFault
from tests.brokers import Peer, publish_properties
from tests.system.rig import Rig

RELAY = "SNSW-001P16EU"


@pytest.mark.parametrize(
    ("payload", "status", "named"),
    [
        ("BANANA", "invalid", "state"),
        ('{"state": "ON", "colour": 1}', "invalid", "colour"),
        ('{"state": "ON", "timer": -1}', "invalid", "timer"),
        ('{"state": NaN}', "invalid", ""),
        ("[" * 50_000, "invalid", ""),
        (b"\xff\xfe", "invalid", "state"),
        ("x" * 1_000_000, "invalid", "longer"),
        ('{"id": "' + "x" * 5_000 + '", "state": "ON"}', "invalid", "id"),
    ],
)
def test_a_wrong_payload_is_refused_and_the_key_is_named(
    tmp_path: Path, payload: str | bytes, status: str, named: str
) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", payload)
        rig.wait(lambda: rig.results(topic))
        (result,) = rig.results(topic)
        assert (result["status"], result["stage"]) == (status, "refused")
        assert named in result["error"]
        assert len(json.dumps(result)) < 1_000
        assert not relay.received


def test_each_hindrance_has_its_own_word(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        guarded = rig.add(RELAY, control=False)
        away = rig.add(RELAY, online=False)
        rig.start().wait_online(relay, guarded)
        rig.wait(lambda: rig.text(f"{away.hex_id}/availability") == "offline")
        for topic, status in (
            (f"{guarded.hex_id}/relay/0", "read_only"),
            (f"{away.hex_id}/relay/0", "device_offline"),
            (f"{relay.hex_id}/relay/7", "unknown"),
            (f"{relay.hex_id}/sys/0", "unsupported"),
            ("a0b1c2d3e4f5/relay/0", "unknown"),
        ):
            rig.tell(f"{topic}/set", "ON")
            rig.wait(lambda topic=topic: rig.results(topic), what=status)  # type: ignore[misc]  # mypy and lambda defaults
            assert [result["status"] for result in rig.results(topic)] == [status]
        assert not relay.received
        assert not guarded.received


def test_while_the_host_is_down_a_command_is_refused_at_once_and_never_sent(
    tmp_path: Path,
) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        host = rig.world.host()
        host.faults.refuse = 503
        host.drop()
        rig.wait(lambda: (rig.json(f"bridge/hosts/{host.name}") or {}).get("state") == "backoff")
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", "ON")
        rig.wait(lambda: rig.results(topic))
        assert [result["status"] for result in rig.results(topic)] == ["host_down"]
        host.faults.refuse = None
        rig.wait(lambda: (rig.json(f"bridge/hosts/{host.name}") or {}).get("state") == "connected")
        rig.tell(f"{relay.hex_id}/get", "")
        rig.wait(lambda: len(host.counters.verifies) > 1)
        assert not relay.received


def test_a_command_that_the_cloud_never_answers_times_out_once(tmp_path: Path) -> None:
    with Rig(tmp_path, commands__timeout="0.5") as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.world.host().faults.commands = CommandFault.IGNORE
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", "ON")
        rig.wait(lambda: rig.results(topic))
        (result,) = rig.results(topic)
        assert (result["status"], result["stage"]) == ("timeout", "sent")


def test_accepted_but_not_done_is_told_as_such(tmp_path: Path) -> None:
    with Rig(tmp_path, commands__confirm_timeout="0.4") as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.world.host().faults.commands = CommandFault.PRETEND
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", "ON")
        rig.wait(lambda: len(rig.results(topic)) == 2)
        assert [(result["status"], result["stage"]) for result in rig.results(topic)] == [
            ("ok", "accepted"),
            ("timeout", "confirm"),
        ]
        assert rig.json(topic)["state"] == "OFF"


def test_the_clouds_own_refusal_reaches_the_sender(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.world.host().faults.commands = CommandFault.REFUSE
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", "ON")
        rig.wait(lambda: rig.results(topic))
        (result,) = rig.results(topic)
        assert result["status"] == "error"
        assert result["error"]


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_stored_command_never_runs(tmp_path: Path, protocol: str) -> None:
    """Neither at the first start nor after the broker took us again."""
    with Broker() as broker, Rig(tmp_path, port=broker.port, mqtt__protocol=protocol) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        topic = f"{relay.hex_id}/relay/0"
        rig.stop()
        with Peer(broker.port) as sender:
            sender.publish(f"shelly/{topic}/set", "ON", retain=True)
        rig.start().wait_online(relay)
        rig.wait(lambda: rig.results(topic))
        assert {result["status"] for result in rig.results(topic)} == {"retained"}
        broker.cut()
        rig.peer.close()
        assert not relay.received


def test_a_live_command_with_the_retain_flag_runs_once(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", "ON", retain=True)
        rig.wait(lambda: len(rig.results(topic)) == 2)
        assert len(relay.received) == 1


def test_an_empty_payload_is_nothing(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", "")
        rig.tell(f"{topic}/set", "ON")
        rig.wait(lambda: len(rig.results(topic)) == 2)
        assert len(relay.received) == 1


def test_an_answer_goes_to_the_response_topic_with_its_correlation_data(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        with Peer(rig.port, "my/answers", version=MQTTProtocolVersion.MQTTv5) as sender:
            properties = publish_properties(ResponseTopic="my/answers", CorrelationData=b"\x00c")
            topic = f"shelly/{relay.hex_id}/relay/0/set"
            sender.publish(topic, "ON", properties=properties)
            rig.wait(lambda: len(sender.heard) == 2)
            answer = sender.heard[1]
            assert json.loads(answer.payload)["stage"] == "confirmed"
            assert answer.properties is not None
            assert vars(answer.properties)["CorrelationData"] == b"\x00c"


def test_an_answer_is_never_sent_into_our_own_tree(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        own = f"shelly/{relay.hex_id}/relay/0/set"
        rig.tell(
            f"{relay.hex_id}/relay/0/set",
            "ON",
            properties=publish_properties(ResponseTopic=own),
        )
        rig.wait(lambda: len(rig.results(f"{relay.hex_id}/relay/0")) == 2)
        assert len(relay.received) == 1


def test_fast_commands_keep_their_distance_and_newer_ones_replace_waiting_ones(
    tmp_path: Path,
) -> None:
    with Rig(tmp_path, commands__min_interval="0.3") as rig:
        light = rig.add("S3DM-0A101WWL")
        rig.start().wait_online(light)
        topic = f"{light.hex_id}/light/0"
        for level in range(10, 60, 10):
            rig.tell(f"{topic}/set", json.dumps({"brightness": level, "id": level}))
        rig.wait(lambda: len([r for r in rig.results(topic) if r["stage"] != "accepted"]) == 5)
        final = {r["id"]: r["status"] for r in rig.results(topic) if r["stage"] != "accepted"}
        assert final == {
            10: "ok",
            20: "superseded",
            30: "superseded",
            40: "superseded",
            50: "ok",
        }
        times = [order.at for order in light.received]
        assert len(times) == 2
        assert times[1] - times[0] >= 0.29
