"""Devices that connect to the bridge: from their socket to MQTT and back."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.outbound import Unit
from tests.brokers import wait_until
from tests.system.rig import Rig

SECRET = "the-secret-of-the-outbound-address"

Make = Callable[..., Rig]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def make(**values: str) -> Rig:
            given: dict[str, Any] = {
                "outbound.enabled": "true",
                "outbound.listen": "127.0.0.1:0",
                "outbound.secret": SECRET,
                "availability.grace": "1",
                **{key.replace("__", "."): value for key, value in values.items()},
            }
            return stack.enter_context(Rig(tmp_path, **given))

        yield make


def address(rig: Rig) -> str:
    return f"ws://127.0.0.1:{rig.bridge.ports['outbound']}/shelly/{SECRET}"


def local(rig: Rig, model: str = "SNSW-001P16EU", **options: Any) -> Unit:
    """A device that is in no cloud, and connects to the bridge."""
    device = rig.add(model, granted=False, **options)
    return dial(rig, device)


def dial(rig: Rig, device: Device) -> Unit:
    unit = Unit(rig.world, device, awake=0.3)
    unit.dial(address(rig))
    return unit


def native(device: Device, method: str) -> list[Any]:
    """The calls of a method that reached a device by its own connection or the cloud's."""
    return [received for received in device.received if received.cmd == method]


def final(rig: Rig, topic: str, count: int = 1) -> dict[str, Any]:
    """The last result of a channel once there are so many that end a command."""

    def ended() -> list[dict[str, Any]]:
        return [each for each in rig.results(topic) if each["stage"] != "accepted"]

    rig.wait(lambda: len(ended()) >= count, what=f"{count} results at {topic}")
    return ended()[-1]


def test_a_device_is_on_mqtt_and_can_be_switched(make: Make) -> None:
    rig = make().start()
    unit = local(rig, name="Boiler")
    rig.wait_online(unit.device)
    hex_id = unit.device.hex_id
    info = rig.json(f"{hex_id}/info")
    assert (info["model"], info["name"], info["firmware"]) == ("SNSW-001P16EU", "Boiler", "1.7.5")
    assert info["sources"] == [{"kind": "ws", "link": "outbound", "access": "control"}]
    assert rig.json("bridge/hosts/outbound")["state"] == "connected"
    rig.tell(f"{hex_id}/relay/0/set", '{"state": "ON", "timer": 60, "id": 1}')
    result = final(rig, f"{hex_id}/relay/0")
    assert (result["status"], result["stage"], result["via"]) == ("ok", "confirmed", "ws:outbound")
    rig.wait(lambda: rig.json(f"{hex_id}/relay/0")["state"] == "ON")
    assert unit.calls[-1] == ("Switch.Set", {"id": 0, "on": True, "toggle_after": 60})


def test_presses_are_events(make: Make) -> None:
    rig = make().start()
    unit = local(rig, "SNSN-0024X")
    rig.wait_online(unit.device)
    unit.device.press(0, "SS")
    topic = f"shelly/{unit.device.hex_id}/input/0/event"
    rig.wait(lambda: rig.peer.payloads(topic))
    assert json.loads(rig.peer.payloads(topic)[0])["event_type"] == "double_push"


def test_the_devices_of_a_gateway_come_with_it(make: Make) -> None:
    rig = make().start()
    unit = local(rig, "S3GW-1DBT001")
    rig.wait_online(unit.device)
    rig.wait(
        lambda: (
            {"blutrv:200", "bthomesensor:202"}
            <= {entry["component"] for entry in rig.json(f"{unit.device.hex_id}/info")["channels"]}
        )
    )


def test_a_display_begins_with_a_part_and_is_all_there(make: Make) -> None:
    rig = make().start()
    unit = local(rig, "SAWD-0A1XX10EU1")
    rig.wait_online(unit.device)
    rig.wait(lambda: rig.json(f"{unit.device.hex_id}/info")["model"] == "SAWD-0A1XX10EU1")


def test_errors_of_the_device_reach_the_result(make: Make) -> None:
    rig = make().start()
    unit = local(rig, "SNSW-102P16EU:cover")
    rig.wait_online(unit.device)
    topic = f"{unit.device.hex_id}/roller/0"
    rig.wait(lambda: rig.json(topic))
    rig.tell(f"{topic}/set", '{"position": 40}')
    assert final(rig, topic)["status"] in ("ok", "error", "timeout")
    unit.rebooting = True
    rig.tell(f"{topic}/set", "OPEN")
    rig.wait(lambda: any(each["status"] == "error" for each in rig.results(topic)))
    failed = next(each for each in rig.results(topic) if each["status"] == "error")
    assert failed["error"].startswith("-109: shutting down")
    unit.rebooting = False


# Coming and going


def test_a_device_that_leaves_is_offline_after_the_grace_time(make: Make) -> None:
    rig = make().start()
    unit = local(rig)
    rig.wait_online(unit.device)
    unit.dial("")
    availability = f"{unit.device.hex_id}/availability"
    rig.wait(lambda: rig.text(availability) == "offline")
    rig.tell(f"{unit.device.hex_id}/relay/0/set", "ON")
    assert final(rig, f"{unit.device.hex_id}/relay/0")["status"] == "device_offline"
    unit.dial(address(rig))
    rig.wait(lambda: rig.text(availability) == "online")


def test_a_device_that_comes_back_at_once_was_never_offline(make: Make) -> None:
    rig = make(availability__grace="5").start()
    unit = local(rig)
    rig.wait_online(unit.device)
    unit.hang_up()
    rig.wait(lambda: unit.opened == 2)
    rig.wait(lambda: [name for name, _ in unit.calls].count("Shelly.GetStatus") == 2)
    told = rig.peer.payloads(f"shelly/{unit.device.hex_id}/availability")
    assert told == [b"online"]


def test_a_restart_of_the_bridge_takes_nothing_away(make: Make) -> None:
    rig = make().start()
    awake, gone = local(rig), local(rig, "S3GW-1DBT001")
    rig.wait_online(awake.device, gone.device)
    last = {"update", "thermostat/200", "bthomesensor/202"}
    wanted = {f"shelly/{gone.device.hex_id}/{name}" for name in last}
    rig.wait(lambda: wanted <= set(rig.topics_of(gone.device)))
    before = set(rig.topics_of(gone.device))
    rig.stop()
    rig.start()
    awake.dial(address(rig))
    gone.dial("")
    rig.wait(lambda: rig.text(f"{gone.device.hex_id}/availability") == "offline")
    assert set(rig.topics_of(gone.device)) >= before
    rig.wait_online(awake.device)
    assert rig.json(f"{gone.device.hex_id}/info")["name"] != gone.device.hex_id


def test_a_sleeping_device_is_never_offline_for_sleeping(make: Make) -> None:
    rig = make().start()
    unit = local(rig, "SNSN-0013A")
    hex_id = unit.device.hex_id
    rig.wait_online(unit.device)
    rig.wait(lambda: unit.opened == 1 and not unit.connected)
    end = time.monotonic() + 1.5
    rig.wait(lambda: time.monotonic() > end)
    assert rig.text(f"{hex_id}/availability") == "online"
    assert rig.json(f"{hex_id}/info")["sleeper"]
    unit.wake()
    rig.wait(lambda: unit.opened == 2)


# Approval


def test_an_unknown_device_waits_for_approval(make: Make) -> None:
    rig = make(outbound__approve="manual").start()
    unit = local(rig, name="Stranger")
    hex_id = unit.device.hex_id

    def entry() -> dict[str, Any]:
        listed = rig.json("bridge/devices") or []
        return next((each for each in listed if each["id"] == hex_id), {})

    rig.wait(lambda: entry().get("name") == "Stranger")
    assert entry()["pending"] is True
    assert rig.topics_of(unit.device) == []
    rig.tell("bridge/request/device/approve", hex_id)
    rig.wait_online(unit.device)
    rig.wait(lambda: "pending" not in entry())
    rig.stop()
    rig.start()
    # What was retained is there before the bridge listens for requests again.
    rig.wait(lambda: rig.text("bridge/state") == "online")
    unit.dial(address(rig))
    rig.wait(lambda: unit.opened == 2)
    rig.wait_online(unit.device)
    assert "pending" not in entry()
    rig.tell("bridge/request/device/remove", hex_id)
    rig.wait(lambda: rig.topics_of(unit.device) == [])
    unit.hang_up()
    rig.wait(lambda: entry().get("pending") is True)
    rig.tell("bridge/request/device/remove", hex_id)
    rig.wait(lambda: entry() == {})


def test_a_removed_device_stays_away_until_it_comes_again(make: Make) -> None:
    rig = make().start()
    unit = local(rig)
    rig.wait_online(unit.device)
    rig.tell("bridge/request/device/remove", unit.device.hex_id)
    rig.wait(lambda: rig.topics_of(unit.device) == [])
    unit.device.change(0, on=True)
    unit.hang_up()
    rig.wait_online(unit.device)


# Two ways to one device


def test_commands_take_the_local_way_and_the_cloud_when_it_is_gone(make: Make) -> None:
    rig = make()
    device = rig.add("SNSW-001P16EU")
    rig.start()
    unit = dial(rig, device)
    hex_id = device.hex_id
    rig.wait(lambda: len((rig.json(f"{hex_id}/info") or {"sources": []})["sources"]) == 2)
    rig.wait_online(device)
    topic = f"{hex_id}/relay/0"
    rig.tell(f"{topic}/set", "ON")
    assert final(rig, topic)["via"] == "ws:outbound"
    assert len(native(device, "Switch.Set")) == 1
    unit.dial("")
    rig.wait(lambda: not unit.connected)
    rig.tell(f"{topic}/set", "OFF")
    result = final(rig, topic, 2)
    assert (result["status"], result["via"]) == ("ok", f"integrator:{device.host}")
    assert len(native(device, "Switch.Set")) == 1
    assert len(native(device, "relay")) == 1
    assert rig.text(f"{hex_id}/availability") == "online"


def test_a_command_that_could_not_be_sent_goes_by_the_cloud_within_its_time(make: Make) -> None:
    rig = make(commands__timeout="3")
    device = rig.add("SNSW-001P16EU")
    rig.start()
    unit = dial(rig, device)
    hex_id = device.hex_id
    rig.wait(lambda: len((rig.json(f"{hex_id}/info") or {"sources": []})["sources"]) == 2)
    rig.wait_online(device)
    rig.wait(lambda: "Shelly.GetStatus" in [name for name, _ in unit.calls])
    topic = f"{hex_id}/relay/0"
    for number in range(8):
        # The connection goes in the very moment of the command.
        unit.hang_up()
        state = "ON" if number % 2 == 0 else "OFF"
        # Both ways pass the timer on, so it tells which command was carried out.
        rig.tell(f"{topic}/set", json.dumps({"state": state, "id": number, "timer": 600 + number}))
        final(rig, topic, number + 1)
        rig.wait(lambda: unit.connected)
    timers = [call.params["toggle_after"] for call in native(device, "Switch.Set")]
    timers += [call.params["timeout"] for call in native(device, "relay")]
    ended = {each["id"]: each for each in rig.results(topic) if each["stage"] != "accepted"}
    assert sorted(ended) == list(range(8))
    for number, result in ended.items():
        times = timers.count(600 + number)
        assert result["status"] in ("ok", "timeout")
        assert times == 1 or (times == 0 and result["status"] == "timeout")
    assert any(result["via"] == f"integrator:{device.host}" for result in ended.values())


# Calls of one's own


def test_calls_of_ones_own_are_allowed_by_name(make: Make) -> None:
    rig = make(outbound__rpc_methods="Shelly.GetDeviceInfo,Switch.Set").start()
    unit = local(rig)
    rig.wait_online(unit.device)
    topic = f"{unit.device.hex_id}/rpc"

    def answers() -> list[dict[str, Any]]:
        return [json.loads(text) for text in rig.peer.payloads(f"shelly/{topic}/response")]

    for number, call in enumerate(
        (
            {"id": "a", "method": "Shelly.GetDeviceInfo"},
            {"id": "b", "method": "switch.set", "params": {"id": 7, "on": True}},
            {"id": "c", "method": "Shelly.Reboot"},
        ),
        1,
    ):
        rig.tell(topic, json.dumps(call))
        rig.wait(lambda n=number: len(answers()) == n)  # type: ignore[misc]  # mypy and defaults
    info, wrong, refused = answers()
    assert (info["id"], info["result"]["model"]) == ("a", "SNSW-001P16EU")
    assert (wrong["id"], wrong["error"]["code"]) == ("b", -105)
    assert "outbound.rpc_methods" in refused["error"]["message"]
    assert unit.reboots == 0


def test_calls_are_off_by_default(make: Make) -> None:
    rig = make().start()
    unit = local(rig)
    rig.wait_online(unit.device)
    rig.tell(f"{unit.device.hex_id}/rpc", '{"method": "Shelly.Reboot"}')
    rig.tell(f"{unit.device.hex_id}/relay/0/set", "ON")
    final(rig, f"{unit.device.hex_id}/relay/0")
    assert rig.peer.payloads(f"shelly/{unit.device.hex_id}/rpc/response") == []


# How fast


def test_a_command_and_its_answer_are_fast(make: Make) -> None:
    rig = make(commands__min_interval="0").start()
    unit = local(rig)
    rig.wait_online(unit.device)
    topic = f"{unit.device.hex_id}/relay/0"
    times = []
    for number in range(50):
        rig.tell(f"{topic}/set", json.dumps({"state": "ON" if number % 2 else "OFF", "id": number}))
        rig.wait(lambda n=number: any(each["id"] == n for each in rig.results(topic)))  # type: ignore[misc]  # as above
        times.append(next(each for each in rig.results(topic) if each["id"] == number)["ms"])
    assert statistics.median(times) <= 20


def test_nothing_secret_gets_out(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    rig = make(mqtt__raw="true").start()
    unit = local(rig)
    rig.wait_online(unit.device)
    rig.tell(f"{unit.device.hex_id}/relay/0/set", "ON")
    final(rig, f"{unit.device.hex_id}/relay/0")
    told = repr(list(rig.peer.values.items()))
    for secret in (SECRET, *rig.world.secrets):
        assert secret not in told
    assert SECRET not in caplog.text
    wait_until(lambda: rig.bridge.failed_parts() == [])
