"""The example flows in a real Node-RED, with a whole system: they do what their comments say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.devices.model import Options
from bridge.simulator.faults import CommandFault
from tests.brokers import MosquittoProcess
from tests.nodered import examples
from tests.nodered.server import Flow, NodeRed, Sidebar
from tests.system.rig import Rig

pytestmark = [pytest.mark.nodered, pytest.mark.timeout(400)]
"""The first of these tests may have to install Node-RED."""

RELAY, COVER, LIGHT = "SNSW-001P16EU", "SNSW-102P16EU:cover", "S3DM-0A101WWL"
METER, OLD_METER = "SPEM-003CEBEU", "SHEM-3"


@contextmanager
def running(node_red: NodeRed, rig: Rig, flow: Flow) -> Iterator[Sidebar]:
    """Deploy a flow and wait until the broker has its subscriptions."""
    wanted = sum(node["type"] == "mqtt in" and not node["inputs"] for node in flow)
    with node_red.deployed(flow) as sidebar:
        if rig.broker is not None:
            rig.wait(lambda: packets(rig, "SUBSCRIBE") >= wanted, what="the flow subscribed")
        yield sidebar


def packets(rig: Rig, kind: str) -> int:
    """How many packets of a kind Node-RED sent to the embedded broker."""
    assert rig.broker is not None
    return sum(
        entry.packet == kind and entry.direction == "in"
        for entry in rig.broker.wire_log
        if entry.client_id.startswith("nodered")
    )


def commands(rig: Rig) -> list[tuple[bool, Any]]:
    """The retain flag and the JSON of every command that Node-RED published."""
    assert rig.broker is not None
    return [
        (entry.retain, json.loads(entry.payload))
        for entry in rig.broker.wire_log
        if entry.direction == "in" and entry.topic.endswith("/set")
    ]


def channel(device: Device, name: str) -> str:
    return f"shelly/{device.hex_id}/{name}"


def table(node_red: NodeRed) -> dict[str, dict[str, Any]]:
    """The rows of the power table by the device's id."""
    answer = node_red.request("GET", "/shelly/power.json")
    if answer.status == 404:
        return {}  # the flow is not deployed yet
    assert (answer.status, answer.type) == (200, "application/json")
    return {row["id"]: row for row in answer.json["devices"]}


def test_the_button_says_accepted_then_confirmed(tmp_path: Path, node_red: NodeRed) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        flow = examples.adapted("button", rig.port, CHANNEL=channel(relay, "relay/0"))
        with running(node_red, rig, flow) as sidebar:
            node_red.press(examples.inject(flow, "TOGGLE"))
            accepted = sidebar.wait("accepted")
            confirmed = sidebar.wait("confirmed")
            assert accepted["id"] == confirmed["id"]
            assert confirmed["command"] == {"state": "TOGGLE"}
            assert rig.json(f"{relay.hex_id}/relay/0")["state"] == "ON"
            rig.tell(f"{relay.hex_id}/relay/0/set", '{"state": "OFF", "id": "another sender"}')
            rig.wait(lambda: rig.json(f"{relay.hex_id}/relay/0")["state"] == "OFF")
            node_red.press(examples.inject(flow, "ON"))
            sidebar.wait("confirmed", lambda result: result["command"] == {"state": "ON"})
            assert len(sidebar.said("accepted")) == 2
            assert not sidebar.said("failed")


def test_the_button_says_why_it_failed_and_works_once_the_device_is_there(
    tmp_path: Path, node_red: NodeRed
) -> None:
    with Rig(tmp_path) as rig:
        rig.start()
        rig.wait(lambda: rig.text("bridge/state") == "online")
        relay = rig.add(RELAY, granted=False)
        flow = examples.adapted("button", rig.port, CHANNEL=channel(relay, "relay/0"))
        with running(node_red, rig, flow) as sidebar:
            node_red.press(examples.inject(flow, "ON"))
            assert sidebar.wait("failed")["status"] == "unknown"
            assert rig.consent(relay).status == 200
            rig.wait_online(relay)
            node_red.press(examples.inject(flow, "ON"))
            sidebar.wait("confirmed")
            rig.world.host().faults.commands = CommandFault.REFUSE
            node_red.press(examples.inject(flow, "OFF"))
            assert sidebar.wait("failed", lambda result: result["status"] == "error")["error"]


def test_the_button_gives_up_when_nothing_comes_back(tmp_path: Path, node_red: NodeRed) -> None:
    with Rig(tmp_path) as rig:
        rig.start().stop()
        flow = examples.adapted("button", rig.port, WAIT="0.3")
        with running(node_red, rig, flow) as sidebar:
            node_red.press(examples.inject(flow, "ON"))
            failed = sidebar.wait("failed")
            assert failed["status"] == "timeout"
            assert "does the bridge run" in failed["error"]


@pytest.mark.parametrize(("name", "button"), [("button", "ON"), ("roller", "0 %")])
def test_a_retain_flag_on_the_way_never_reaches_a_command(
    tmp_path: Path, node_red: NodeRed, name: str, button: str
) -> None:
    with Rig(tmp_path) as rig:
        rig.start()
        flow = examples.adapted(name, rig.port)
        with running(node_red, rig, flow):
            node_red.press(examples.inject(flow, button), retain=True)
            rig.wait(lambda: commands(rig), what="the command")
            ((retained, _),) = commands(rig)
            assert not retained


def test_the_slider_moves_the_roller_and_shows_where_it_is(
    tmp_path: Path, node_red: NodeRed
) -> None:
    with Rig(tmp_path) as rig:
        roller = rig.add(COVER, options=Options(position=100.0))
        rig.start().wait_online(roller)
        flow = examples.adapted("roller", rig.port, DEVICE=f"shelly/{roller.hex_id}")

        def shown() -> Any:
            return node_red.request("GET", "/shelly/roller/state").json

        with running(node_red, rig, flow) as sidebar:
            page = node_red.request("GET", "/shelly/roller")
            assert (page.status, page.type) == (200, "text/html")
            assert b'type="range"' in page.body
            rig.wait(lambda: shown()["online"] and shown()["position"] == 100)
            assert node_red.request("PUT", "/shelly/roller", '{"position": 40}').status == 202
            rig.wait(lambda: shown()["state"] == "closing")
            assert shown()["target"] == 40
            rig.world.advance(60)
            rig.wait(lambda: shown()["position"] == 40)
            sidebar.wait("live position", lambda now: now["position"] == 40)
            node_red.press(examples.inject(flow, "100 %"))
            rig.wait(lambda: shown()["state"] == "opening")
            assert node_red.request("PUT", "/shelly/roller", '{"state": "STOP"}').status == 202
            rig.wait(lambda: shown()["state"] == "stopped")
            assert 40 <= shown()["position"] < 100
            assert shown()["problem"] is None
            rig.world.set_online(roller, False)
            rig.wait(lambda: not shown()["online"])
            node_red.press(examples.inject(flow, "50 %"))
            rig.wait(lambda: shown()["problem"])
            assert "device_offline" in shown()["problem"]


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "{}", '{"position": null}', '{"position": "0"}', '{"position": 101}']
)
def test_the_slider_takes_nothing_but_positions(
    tmp_path: Path, node_red: NodeRed, body: str
) -> None:
    with Rig(tmp_path) as rig:
        flow = examples.adapted("roller", rig.port)
        with running(node_red, rig, flow):
            assert node_red.request("PUT", "/shelly/roller", body).status == 400
            node_red.press(examples.inject(flow, "50 %"))
            rig.wait(lambda: commands(rig), what="the command")
            assert [command for _, command in commands(rig)] == [{"position": 50, "ttl": 10}]


def test_the_table_lists_every_devices_power_also_of_later_ones(
    tmp_path: Path, node_red: NodeRed
) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY, name="Pump <b>")
        meter = rig.add(METER, name="House")
        sensor = rig.add("SHIX3-1", name="Buttons")
        old, roller = rig.add(OLD_METER, name="Shed"), rig.add(COVER, name="Blind")
        rig.start().wait_online(relay, meter, sensor, old, roller)
        with running(node_red, rig, examples.adapted("power", rig.port)):
            rig.wait(lambda: len(table(node_red)) == 5)
            rig.tell(f"{relay.hex_id}/relay/0/set", "ON")
            rig.wait(lambda: (table(node_red)[relay.hex_id]["power"] or 0) > 0)
            assert table(node_red)[meter.hex_id]["power"] == -50
            assert table(node_red)[sensor.hex_id]["power"] is None
            sum_of_phases = rig.json(f"{old.hex_id}/meter/3")["power"]
            assert table(node_red)[old.hex_id]["power"] == pytest.approx(sum_of_phases)
            rig.tell(f"{roller.hex_id}/roller/0/set", "CLOSE")
            rig.wait(lambda: (table(node_red)[roller.hex_id]["power"] or 0) > 0)

            light = rig.add(LIGHT, name="Lamp", granted=False)
            assert rig.consent(light).status == 200
            rig.wait_online(light)
            rig.tell(f"{light.hex_id}/light/0/set", "ON")
            rig.wait(lambda: (table(node_red).get(light.hex_id, {}).get("power") or 0) > 0)

            page = node_red.request("GET", "/shelly/power")
            assert (page.status, page.type) == (200, "text/html")
            assert "Pump &lt;b&gt;" in page.body.decode()
            assert b"Lamp" in page.body

            rig.world.set_online(relay, False)
            rig.wait(lambda: not table(node_red)[relay.hex_id]["online"])
            assert table(node_red)[relay.hex_id]["power"] is None
            assert rig.withdraw(light).status == 200
            rig.wait(lambda: light.hex_id not in table(node_red))
            rig.wait(lambda: packets(rig, "UNSUBSCRIBE"), what="its topics are given up")


def test_the_table_goes_on_after_the_broker_was_away(tmp_path: Path, node_red: NodeRed) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        with running(node_red, rig, examples.adapted("power", rig.port)):
            rig.wait(lambda: table(node_red).get(relay.hex_id, {}).get("power") == 0)
            before = packets(rig, "CONNECT")
            assert rig.broker is not None
            rig.broker.cut()
            rig.wait(lambda: packets(rig, "CONNECT") > before)
            relay.change(0, on=True)
            rig.wait(lambda: (table(node_red)[relay.hex_id]["power"] or 0) > 0)


def test_the_alarm_tells_of_devices_hosts_and_the_bridge(tmp_path: Path, node_red: NodeRed) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY, name="Pump")
        rig.add(RELAY, name="Well", online=False)
        rig.start().wait_online(relay)
        rig.wait(lambda: len(rig.json("bridge/devices") or ()) == 2)
        with running(node_red, rig, examples.adapted("alarm", rig.port)) as sidebar:
            sidebar.wait("ALARM", lambda text: text == "Well is offline")
            rig.world.set_online(relay, False)
            sidebar.wait("ALARM", lambda text: text == "Pump is offline")
            rig.world.set_online(relay, True)
            sidebar.wait("ALARM", lambda text: text == "Pump is back")

            late = rig.add(RELAY, name="Late", granted=False)
            assert rig.consent(late).status == 200
            rig.wait_online(late)
            rig.wait(lambda: len(rig.json("bridge/devices")) == 3)
            rig.world.set_online(late, False)
            sidebar.wait("ALARM", lambda text: text == "Late is offline")

            rig.tell(f"{late.hex_id}/relay/0/set", "ON")
            sidebar.wait("ALARM", lambda text: "device_offline" in text)
            host = rig.world.host()
            host.faults.displace = (1000, "another connection was opened")
            host.drop()
            sidebar.wait(
                "ALARM", lambda text: text == f"{host.name}: another connection took our place"
            )
            host.faults.displace = None
            rig.stop()
            sidebar.wait("ALARM", lambda text: text == "The bridge is offline")
            assert sidebar.said("ALARM").count("Pump is offline") == 1


def test_a_request_is_answered_with_its_correlation_data(tmp_path: Path, node_red: NodeRed) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        flow = examples.adapted("request", rig.port, ANSWERS="test/answers")
        with running(node_red, rig, flow) as sidebar:
            rig.peer.publish("test/answers", '{"data": {}, "status": "ok"}')
            node_red.press(examples.inject(flow, "health_check"))
            answer = sidebar.wait("answer")
            assert answer["status"] == "ok"
            assert answer["data"]["hosts"] == {rig.world.host().name: "connected"}
            node_red.press(examples.inject(flow, "device/verify"))
            assert sidebar.wait("failed")["error"] == "id: there is no such device"
            assert len(sidebar.said("answer")) == 1


def test_a_request_that_nobody_answers_is_given_up(tmp_path: Path, node_red: NodeRed) -> None:
    with Rig(tmp_path) as rig:
        flow = examples.adapted("request", rig.port, WAIT="0.3")
        with running(node_red, rig, flow) as sidebar:
            node_red.press(examples.inject(flow, "health_check"))
            assert "does the bridge run" in sidebar.wait("failed")["error"]


@pytest.mark.mosquitto
def test_all_flows_share_one_connection_to_a_real_broker(tmp_path: Path, node_red: NodeRed) -> None:
    """Their subscriptions overlap, and Mosquitto sends a copy for each."""
    with MosquittoProcess() as broker, Rig(tmp_path, port=broker.port) as rig:
        relay, roller = rig.add(RELAY, name="Pump"), rig.add(COVER)
        rig.start().wait_online(relay, roller)
        environments: dict[str, dict[str, str]] = {
            "button": {"CHANNEL": channel(relay, "relay/0")},
            "roller": {"DEVICE": f"shelly/{roller.hex_id}"},
        }
        flows = [
            examples.adapted(file.stem, rig.port, **environments.get(file.stem, {}))
            for file in examples.FILES
        ]
        together = list({node["id"]: node for flow in flows for node in flow}.values())
        with running(node_red, rig, together) as sidebar:
            rig.wait(lambda: len(table(node_red)) == 2)
            node_red.press(examples.inject(together, "ON"))
            sidebar.wait("confirmed")
            rig.wait(lambda: (table(node_red)[relay.hex_id]["power"] or 0) > 0)
            assert node_red.request("PUT", "/shelly/roller", '{"position": 40}').status == 202
            sidebar.wait("live position", lambda now: now["target"] == 40)
            rig.world.advance(60)
            sidebar.wait("live position", lambda now: now["position"] == 40)
            node_red.press(examples.inject(together, "health_check"))
            assert sidebar.wait("answer")["status"] == "ok"
            rig.world.set_online(relay, False)
            sidebar.wait("ALARM", lambda text: text == "Pump is offline")
            rig.wait(lambda: not table(node_red)[relay.hex_id]["online"])
            assert sidebar.said("ALARM").count("Pump is offline") == 1
