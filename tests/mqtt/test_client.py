"""The adapter against the embedded broker: state, commands, other bridges, the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from bridge.core.effects import Lane, Publish
from bridge.core.events import Delivered, RetainedFound
from bridge.simulator.broker import Broker
from tests.brokers import Peer, free_port, publish_properties, wait_until
from tests.mqtt.rig import BASE, CLIENT_ID, COMMAND, RELAY, STATE, Rig, published, state

BOTH = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@BOTH
def test_state_arrives_retained_and_a_will_is_left(broker: Broker, protocol: str) -> None:
    with Rig(broker.port, protocol=protocol) as rig:
        rig.wait_up()
        assert [up.protocol for up in rig.ups] == [protocol]
        rig.outbox.put_all([state(1, "on"), state(2, "off")])
        wait_until(lambda: len(broker.retained) == 2)
        broker.cut()
        wait_until(lambda: broker.retained.get(STATE) == b"offline")
    assert broker.retained[RELAY] == b"on"


@BOTH
def test_events_arrive_in_order_and_are_not_retained(broker: Broker, protocol: str) -> None:
    with Peer(broker.port, "shelly/#") as ear, Rig(broker.port, protocol=protocol) as rig:
        rig.wait_up()
        for number in range(500):
            rig.outbox.put(Publish("shelly/e", str(number), retain=False, lane=Lane.EVENT))
        wait_until(lambda: len(ear.heard) == 500)
    assert ear.payloads("shelly/e") == [str(number).encode() for number in range(500)]
    assert "shelly/e" not in broker.retained


def test_the_engine_gets_its_receipts(broker: Broker) -> None:
    def receipts() -> list[str]:
        return [each.receipt for each in list(rig.events) if isinstance(each, Delivered)]

    with Rig(broker.port) as rig:
        rig.wait_up()
        rig.inbox_full = True
        rig.outbox.put_all(
            [
                Publish("shelly/a", "1", receipt="one"),
                Publish("shelly/b", "1"),
                Publish("shelly/c", "1", receipt="two"),
            ]
        )
        wait_until(lambda: len(broker.retained) == 3)
        assert receipts() == []
        rig.inbox_full = False
        wait_until(lambda: receipts() == ["one", "two"])


def test_properties_of_a_result(broker: Broker) -> None:
    with Peer(broker.port, "answers") as ear, Rig(broker.port) as rig:
        rig.wait_up()
        rig.outbox.put(
            Publish(
                "answers",
                '{"status":"ok"}',
                retain=False,
                lane=Lane.EVENT,
                correlation=b"\x01",
                expiry=60,
                properties=(("source", "x"), ("device", "y")),
            )
        )
        wait_until(lambda: ear.heard)
    got = vars(ear.heard[0].properties)
    assert got["CorrelationData"] == b"\x01"
    assert got["UserProperty"] == [("source", "x"), ("device", "y")]
    assert got["ContentType"] == "application/json"
    assert got["MessageExpiryInterval"] in (59, 60)


@BOTH
def test_commands_come_in_and_stored_ones_are_marked(broker: Broker, protocol: str) -> None:
    broker.publish(COMMAND, b"stored", retain=True)
    asked = publish_properties(ResponseTopic="answers", CorrelationData=b"7")
    with Rig(broker.port, protocol=protocol) as rig, Peer(broker.port) as mouth:
        rig.wait_up()
        mouth.publish(COMMAND, "live", retain=True, properties=asked)
        mouth.publish(COMMAND, "plain", qos=0)
        mouth.publish(f"{COMMAND}/else", "not asked for")
        wait_until(lambda: rig.messages and rig.messages[-1].payload == b"plain")
    got = [(each.payload, each.retain, each.stored, each.qos) for each in rig.messages]
    if protocol == "5":
        assert got == [(b"live", True, False, 1), (b"plain", False, False, 0)]
        assert rig.messages[0].response_topic == "answers"
        assert rig.messages[0].correlation == b"7"
    else:
        assert got == [
            (b"stored", True, True, 1),
            (b"live", False, False, 1),
            (b"plain", False, False, 0),
        ]
    assert all(abs(each.at - time.monotonic()) < 10 for each in rig.messages)


def test_a_full_inbox_turns_commands_away_but_not_the_news(broker: Broker) -> None:
    rig = Rig(broker.port)
    rig.inbox_full = True
    with rig, Peer(broker.port) as mouth:
        wait_until(lambda: rig.adapter.connected)
        mouth.publish(COMMAND, "ON")
        wait_until(lambda: rig.overloaded)
        assert (rig.overloaded[0].payload, rig.adapter.overloads) == (b"ON", 1)
        assert rig.events == []
        rig.inbox_full = False
        rig.wait_up()
        rig.inbox_full = True
        broker.refuse = True
        broker.cut()
        wait_until(lambda: not rig.adapter.connected)
        rig.inbox_full = False
        wait_until(lambda: rig.downs)


def test_a_refused_subscription_is_named_and_the_rest_works(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with Rig(broker.port, subscriptions=("$share/x/shelly/y", "shelly/+/+/+/set")) as rig:
        rig.wait_up()
        broker.publish(COMMAND, b"ON")
        wait_until(lambda: rig.messages)
    assert "refuses the subscription" in caplog.text


@BOTH
def test_another_bridge_on_the_base_topic_is_left_alone(broker: Broker, protocol: str) -> None:
    broker.publish(STATE, b"online", retain=True)
    broker.publish(f"{BASE}/bridge/info", b'{"bridge_id": "theirs"}', retain=True)
    with Rig(broker.port, protocol=protocol) as rig:
        rig.outbox.put(state(1, "ours"))
        wait_until(lambda: rig.others)
        wait_until(lambda: not rig.adapter.thread_alive)
        wait_until(lambda: not broker.clients)
    assert rig.others == ["theirs"]
    assert broker.retained[STATE] == b"online"
    assert not rig.ups
    assert not [
        entry for entry in broker.wire_log if entry.packet == "PUBLISH" and entry[1] == "in"
    ]


@pytest.mark.parametrize(
    ("online", "info", "owner"),
    [
        (b"offline", b'{"bridge_id": "theirs"}', "theirs"),
        (b"online", b'{"bridge_id": "ours"}', "ours"),
        (b"online", b"not JSON", None),
        (b"online", b"[1]", None),
        (b"", b'{"bridge_id": "theirs"}', "theirs"),
        (b"", b"", None),
    ],
)
def test_the_base_topic_is_taken_when_nobody_is_there(
    broker: Broker, online: bytes, info: bytes, owner: str | None
) -> None:
    broker.publish(STATE, online, retain=True)
    broker.publish(f"{BASE}/bridge/info", info, retain=True)
    with Rig(broker.port) as rig:
        rig.wait_up()
        assert rig.ups[0].owner == owner
        broker.cut()
        rig.wait_up(2)
        assert rig.ups[1].owner is None
    assert not rig.others


@BOTH
def test_an_instance_has_a_will_of_its_own_and_hears_of_the_others(
    broker: Broker, protocol: str
) -> None:
    barn = f"{BASE}/bridge/barn/info"
    broker.publish(barn, b"stored", retain=True)
    broker.publish(COMMAND, b"stored", retain=True)
    # What another bridge says of itself is not about this one.
    broker.publish(STATE, b"online", retain=True)
    broker.publish(f"{BASE}/bridge/info", b'{"bridge_id": "theirs"}', retain=True)
    broker.publish(f"{BASE}/bridge/attic/info", b'{"bridge_id": "ours"}', retain=True)
    with Rig(broker.port, protocol=protocol, instance="attic") as rig:
        rig.wait_up()
        assert rig.ups[0].owner == "ours"
        broker.publish(barn, b"live", retain=True)
        wait_until(lambda: rig.messages and rig.messages[-1].payload == b"live")
        broker.cut()
        wait_until(lambda: broker.retained.get(f"{BASE}/bridge/attic/state") == b"offline")
    assert broker.retained[STATE] == b"online"
    heard = [each.payload for each in rig.messages if each.topic == barn]
    assert heard == [b"stored", b"live"]
    commands = [each for each in rig.messages if each.topic == COMMAND]
    assert commands == [] if protocol == "5" else [each.stored for each in commands] == [True]


def test_two_instances_of_one_name_do_not_fight(broker: Broker) -> None:
    broker.publish(f"{BASE}/bridge/attic/state", b"online", retain=True)
    broker.publish(f"{BASE}/bridge/attic/info", b'{"bridge_id": "theirs"}', retain=True)
    with Rig(broker.port, instance="attic") as rig:
        wait_until(lambda: rig.others)
    assert rig.others == ["theirs"]
    assert not rig.ups


def test_an_instance_scans_only_what_is_its_own(broker: Broker) -> None:
    own = f"{BASE}/bridge/attic/hosts/x"
    for topic in (own, COMMAND, RELAY, f"{BASE}/bridge/barn/hosts/x", f"{COMMAND}/state"):
        broker.publish(topic, b"1", retain=True)
    with Rig(broker.port, instance="attic") as rig:
        rig.wait_up()
        assert rig.adapter.request_scan(7) is None
        wait_until(lambda: found_by(rig))
    assert found_by(rig)[0].complete
    assert {topic for topic, _ in found_by(rig)[0].topics} == {own, COMMAND, f"{COMMAND}/state"}


def found_by(rig: Rig) -> list[RetainedFound]:
    """What scans found."""
    return [each for each in list(rig.events) if isinstance(each, RetainedFound)]


def test_a_scan_lists_what_is_retained(broker: Broker) -> None:
    for number in range(2_000):
        broker.publish(f"{BASE}/{number}/relay/0", b"x", retain=True)
    broker.publish("elsewhere", b"x", retain=True)
    with Rig(broker.port) as rig:
        rig.wait_up()
        assert rig.adapter.request_scan(7) is None
        busy = rig.adapter.request_scan(8)
        assert busy is not None
        assert (busy.token, busy.topics, busy.complete) == (8, (), False)
        wait_until(lambda: any(getattr(event, "token", None) == 7 for event in rig.events), 10)
        found = next(event for event in rig.events if getattr(event, "token", None) == 7)
        assert getattr(found, "complete", None) is True
        assert len(getattr(found, "topics", ())) == 2_000
        assert rig.adapter.connected, "the scan is a connection of its own"


def test_a_scan_without_a_broker_is_incomplete(broker: Broker) -> None:
    with Rig(broker.port) as rig:
        rig.wait_up()
        broker.stop()
        rig.adapter.request_scan(1)
        wait_until(lambda: any(getattr(event, "token", None) == 1 for event in rig.events))
        found = next(event for event in rig.events if getattr(event, "token", None) == 1)
        assert getattr(found, "complete", None) is False


def test_stop_sends_what_waits_and_then_the_farewell(broker: Broker) -> None:
    with Peer(broker.port, "shelly/#") as ear:
        with Rig(broker.port) as rig:
            rig.wait_up()
            rig.outbox.put_all([state(number, "last") for number in range(1_000)])
            assert rig.stop() == []
            assert rig.stop() == []
            wait_until(lambda: len(ear.heard) == 1_001)
        assert ear.heard[-1].topic == STATE
    assert len(broker.retained) == 1_001
    goodbye = [entry.packet for entry in broker.wire_log if entry.client_id == CLIENT_ID]
    assert goodbye[-1] == "DISCONNECT"
    assert [entry.payload for entry in published(broker, STATE)] == [b"offline"], "and no will"


def test_stop_before_start_and_without_a_broker() -> None:
    rig = Rig(free_port())
    assert rig.stop() == []
    rig.adapter.start()
    assert not rig.adapter.thread_alive
    begin = time.monotonic()
    with Rig(free_port()) as waiting:
        wait_until(lambda: waiting.downs)
    assert time.monotonic() - begin < 3


def _freeze_later(broker: Broker, rig: Rig) -> None:
    rig.wait_up()
    broker.freeze()
    rig.outbox.put_all([state(number, "x" * 1_000) for number in range(1_000)])


def _freeze_first(broker: Broker, rig: Rig) -> None:
    broker.freeze()
    rig.adapter.start()
    wait_until(lambda: rig.adapter.thread_alive)


@pytest.mark.parametrize("freeze", [_freeze_first, _freeze_later])
def test_stop_keeps_to_its_deadline_when_the_broker_is_frozen(
    broker: Broker, freeze: Callable[[Broker, Rig], None]
) -> None:
    rig = Rig(broker.port)
    if freeze is _freeze_later:
        rig.adapter.start()
    freeze(broker, rig)
    rig.adapter.request_scan(1)
    begin = time.monotonic()
    assert rig.stop(1.5) == []
    assert time.monotonic() - begin <= 1.5
    assert not [t.name for t in threading.enumerate() if t.name.startswith("mqtt-s")]
    broker.thaw()


def test_an_error_of_our_own_ends_the_thread_and_is_told(broker: Broker) -> None:
    rig = Rig(broker.port)
    rig.adapter.start()
    rig.wait_up()
    rig.outbox.take = None  # type: ignore[method-assign,assignment]  # a bug on purpose
    wait_until(lambda: rig.crashes)
    wait_until(lambda: not rig.adapter.thread_alive)
    wait_until(lambda: broker.retained.get(STATE) == b"offline")
    assert rig.stop() == []
    assert isinstance(rig.crashes[0], TypeError)
