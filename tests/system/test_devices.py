"""Devices of an integrator on MQTT: they appear, change, are switched, and go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brokers import MosquittoProcess
from tests.system.rig import HOSTS, Rig, threads_of_the_bridge

RELAY, COVER, LIGHT = "SNSW-001P16EU", "SNSW-102P16EU:cover", "S3DM-0A101WWL"
GEN1_RELAY, GEN1_ROLLER, COLOR = "SHSW-25:relay", "SHSW-25:roller", "SHRGBW2:color"


def test_granted_devices_appear_with_their_channels(tmp_path: Path) -> None:
    with Rig(tmp_path, hosts=HOSTS) as rig:
        relay, cover = rig.add(RELAY, name="Pump"), rig.add(COVER, HOSTS[1])
        old = rig.add(GEN1_RELAY)
        rig.start().wait_online(relay, cover, old)
        assert rig.text("bridge/state") == "online"
        assert rig.json(f"bridge/hosts/{HOSTS[1]}")["state"] == "connected"
        assert rig.json(f"{relay.hex_id}/relay/0")["state"] == "OFF"
        assert rig.json(f"{old.hex_id}/relay/1")["energy"] == 0
        assert rig.json(f"{cover.hex_id}/roller/0")["state"] in ("open", "closed", "stopped")
        rig.wait(lambda: len(rig.json("bridge/devices") or ()) == 3)
        listed = {item["id"]: item for item in rig.json("bridge/devices")}
        assert listed[relay.hex_id]["name"] == "Pump"
        assert "state" in next(
            channel["commands"]
            for channel in listed[relay.hex_id]["channels"]
            if channel["kind"] == "relay"
        )


def test_a_command_is_accepted_then_the_state_changes_then_it_is_confirmed(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", '{"state": "ON", "id": "one"}')
        rig.wait(lambda: len(rig.results(topic)) == 2)
        accepted, confirmed = rig.results(topic)
        assert (accepted["status"], accepted["stage"], accepted["id"]) == ("ok", "accepted", "one")
        assert (confirmed["status"], confirmed["stage"]) == ("ok", "confirmed")
        assert confirmed["via"] == f"integrator:{HOSTS[0]}"
        assert rig.json(topic)["state"] == "ON"
        rig.wait(lambda: rig.json(topic)["power"] > 0)


@pytest.mark.parametrize("model", [COVER, GEN1_ROLLER])
def test_a_roller_travels_and_stops_where_it_was_sent(tmp_path: Path, model: str) -> None:
    with Rig(tmp_path) as rig:
        roller = rig.add(model)
        rig.start().wait_online(roller)
        topic = f"{roller.hex_id}/roller/0"
        rig.tell(f"{topic}/set", "CLOSE")
        rig.wait(lambda: rig.json(topic)["state"] == "closing")
        rig.world.advance(60)
        rig.wait(lambda: rig.json(topic)["state"] == "closed")
        rig.tell(f"{topic}/set/position", "40")
        rig.wait(lambda: rig.json(topic)["state"] == "opening")
        rig.world.advance(60)
        rig.wait(lambda: rig.json(topic)["position"] == 40)
        stages = [(result["status"], result["stage"]) for result in rig.results(topic)]
        assert stages == [("ok", "accepted"), ("ok", "confirmed")] * 2


def test_lights_are_dimmed_and_coloured(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        light, color = rig.add(LIGHT), rig.add(COLOR)
        rig.start().wait_online(light, color)
        rig.tell(f"{light.hex_id}/light/0/set", '{"state": "ON", "brightness": 30}')
        wish = '{"state": "ON", "color": {"r": 10, "g": 20, "b": 30}, "brightness": 70}'
        rig.tell(f"{color.hex_id}/light/0/set", wish)
        rig.wait(lambda: rig.json(f"{light.hex_id}/light/0")["brightness"] == 30)
        rig.wait(lambda: rig.json(f"{color.hex_id}/light/0")["brightness"] == 70)
        shown = rig.json(f"{color.hex_id}/light/0")["color"]
        assert (shown["r"], shown["g"], shown["b"]) == (10, 20, 30)
        for device in (light, color):
            rig.wait(lambda device=device: len(rig.results(f"{device.hex_id}/light/0")) == 2)  # type: ignore[misc]  # mypy and lambda defaults


def test_button_presses_are_events_and_not_retained(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        buttons = rig.add("SHIX3-1")
        rig.start().wait_online(buttons)
        buttons.press(1, "SS")
        topic = f"shelly/{buttons.hex_id}/input/1/event"
        rig.wait(lambda: rig.peer.payloads(topic))
        assert b'"event_type":"double"' in rig.peer.payloads(topic)[0]
        assert len(rig.peer.payloads(topic)) == 1
        assert not next(message for message in rig.peer.heard if message.topic == topic).retain


def test_a_device_that_goes_offline_says_why(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay, away = rig.add(RELAY), rig.add(RELAY, online=False)
        rig.start().wait_online(relay)
        rig.wait(lambda: rig.text(f"{away.hex_id}/availability") == "offline")
        rig.world.set_online(relay, False)
        rig.wait(lambda: rig.text(f"{relay.hex_id}/availability") == "offline")
        rig.wait(lambda: rig.json(f"{relay.hex_id}/info")["offline_reason"] == "reported_offline")
        rig.world.set_online(relay, True)
        rig.wait(lambda: rig.text(f"{relay.hex_id}/availability") == "online")


def test_a_lost_host_takes_its_devices_offline_after_the_grace_time(tmp_path: Path) -> None:
    with Rig(tmp_path, availability__grace="0.5") as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.world.host().faults.refuse = 503
        rig.world.host().drop()
        rig.wait(lambda: rig.text(f"{relay.hex_id}/availability") == "offline")
        rig.wait(lambda: rig.json(f"{relay.hex_id}/info")["offline_reason"] == "host_down")
        rig.world.host().faults.refuse = None
        rig.wait_online(relay)


def test_everything_ends_with_the_bridge(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.stop()
        assert rig.exit_code == 0
        assert threads_of_the_bridge() == []
        rig.wait(lambda: rig.text("bridge/state") == "offline")


@pytest.mark.mosquitto
def test_the_same_with_a_real_broker(tmp_path: Path) -> None:
    with MosquittoProcess() as broker, Rig(tmp_path, port=broker.port) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", "ON")
        rig.wait(lambda: [result["stage"] for result in rig.results(topic)][1:] == ["confirmed"])
        rig.stop()
        rig.wait(lambda: rig.text("bridge/state") == "offline")
