"""`info`, `bridge/devices` and `bridge/info`."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core import abilities, documents, jsontext
from bridge.core.device import Device, Path
from bridge.core.model import Access, DeviceId, Grant, Json, LinkId, SourceKind
from bridge.core.registry import Override, Registry
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, ROOT, WALL, grant, override, settings


def made(
    status: dict[str, Json] | None = None, *, granted: Grant | None = None, **changes: Any
) -> tuple[Registry, Device]:
    registry = Registry(settings(**changes))
    device, _ = registry.adopt(granted or grant())
    if status is not None:
        device.apply(status, full=True, wall=WALL)
    return registry, device


def channels(registry: Registry, device: Device) -> dict[str, Any]:
    listed: Any = documents.device_info(registry, device)["channels"]
    return {f"{each['kind']}/{each['number']}": each for each in listed}


def test_the_info_of_a_device() -> None:
    registry, device = made(payloads.two_switches(), overrides=override(area="Cellar"))
    device.firmware = "1.4.4"
    device.last_seen = WALL
    info = documents.device_info(registry, device)
    channel = info.pop("channels")[1]
    assert info == {
        "id": DEVICE,
        "name": "SNSW-002P16EU 54dc",
        "model": "SNSW-002P16EU",
        "gen": 2,
        "access": "control",
        "topic": ROOT,
        "firmware": "1.4.4",
        "mode": None,
        "area": "Cellar",
        "sources": [{"kind": "integrator", "link": HOST, "access": "control"}],
        "last_seen": "2026-09-21T14:13:20.000Z",
        "available_since": None,
        "offline_reason": None,
        "sleeper": False,
        "wake_period": None,
    }
    assert channel == {
        "kind": "input",
        "number": 0,
        "name": None,
        "component": "input:0",
        "topic": f"{ROOT}/input/0",
        "commands": [],
    }


def test_a_consent_s_names_are_those_of_the_main_channels() -> None:
    registry, device = made(payloads.two_switches())
    assert [channels(registry, device)[f"relay/{n}"]["name"] for n in (0, 1)] == ["Pump", "Valve"]
    assert channels(registry, device)["input/0"]["name"] is None


def test_a_name_of_the_settings_is_preferred() -> None:
    registry, device = made(payloads.two_switches())
    device.channel_names = {"switch:1": "Tap", "input:0": "Wall"}
    assert channels(registry, device)["relay/1"]["name"] == "Tap"
    assert channels(registry, device)["input/0"]["name"] == "Wall"


def test_two_lights_of_one_number_are_told_apart_by_their_components() -> None:
    registry, device = made({"light:0": {"output": True}, "rgb:0": {"rgb": [1, 2, 3]}})
    found = {key: each["component"] for key, each in channels(registry, device).items()}
    assert found == {"light/0": "rgb:0", "light/1": "light:0"}


@pytest.mark.parametrize(
    ("status", "channel", "commands"),
    [
        (payloads.two_switches(), "relay/0", ["state", "timer"]),
        (payloads.two_switches(), "wifi/0", []),
        ({"light:0": {"output": True}}, "light/0", ["state", "timer"]),
        (
            payloads.gen1_bulb(),
            "light/0",
            [
                *("state", "timer", "brightness", "color", "white", "color_temp"),
                *("effect", "transition"),
            ],
        ),
        (payloads.shutter(), "roller/0", ["state", "duration", "position", "relative"]),
        (payloads.gen1_roller(positioning=False), "roller/0", ["state", "duration"]),
        (
            {"cover:0": payloads.cover(slat_pos=5)},
            "roller/0",
            ["state", "duration", "position", "relative", "slat_position", "slat_relative"],
        ),
    ],
)
def test_the_keys_that_a_channel_takes(
    status: dict[str, Json], channel: str, commands: list[str]
) -> None:
    registry, device = made(status)
    assert channels(registry, device)[channel]["commands"] == commands


def test_without_control_there_are_none() -> None:
    registry, device = made(payloads.two_switches())
    device.paths[HOST].access = Access.READ
    assert channels(registry, device)["relay/0"]["commands"] == []


def test_the_best_access_of_all_ways_counts() -> None:
    _, device = made()
    assert abilities.access(device) is Access.CONTROL
    device.paths[HOST].access = Access.NONE
    assert abilities.access(device) is Access.NONE
    device.paths[LinkId("home")] = Path(LinkId("home"), SourceKind.ACCOUNT)
    assert abilities.access(device) is Access.READ
    device.paths.clear()
    assert abilities.access(device) is Access.NONE


@pytest.mark.parametrize(
    ("device", "code", "generation"),
    [
        (DEVICE, "SHSW-25", 1),
        (DEVICE, "SNSW-002P16EU", 2),
        (DEVICE, "SPSW-202PE16EU", 2),
        (DEVICE, "SAWD-0A1XX10EU1", 2),
        (DEVICE, "S3SW-001P8EU", 3),
        (DEVICE, "S4SW-001P8EU", 4),
        (DEVICE, "", None),
        ("XB1122", "SBHT-003C", "ble"),
        ("Xvirtual", "THERMOSTAT", None),
    ],
)
def test_generations(device: str, code: str, generation: Json) -> None:
    registry = Registry(settings())
    adopted, _ = registry.adopt(grant(DeviceId(device), code=code))
    adopted.code = code
    assert documents.device_info(registry, adopted)["gen"] == generation


def test_the_list_of_devices_is_enough_to_subscribe_by() -> None:
    registry, _ = made(payloads.two_switches(), overrides=override(topic="cellar/pump"))
    (listed,) = jsontext.parse(documents.device_list(registry).encode())
    assert listed["topic"] == "shelly/cellar/pump"
    assert listed["sources"] == ["integrator"]
    topics = [each["topic"] for each in listed["channels"]]
    assert "shelly/cellar/pump/relay/1" in topics


def test_what_the_bridge_says_of_itself() -> None:
    registry = Registry(settings(consent_url="https://my.shelly.cloud/?cb=hunter2"))
    info = documents.bridge_info(registry, "5")
    assert info == {
        "version": "1.2.3",
        "bridge_id": "0a1b2c3d",
        "started": "2026-09-21T14:13:15.000Z",
        "mqtt_version": "5",
        "config": {
            "base_topic": "shelly",
            "retain": True,
            "values": False,
            "device_state": False,
            "raw": False,
            "availability_grace": 30.0,
            "command_timeout": 10.0,
        },
        "homeassistant": True,
        "restart_required": False,
    }


@pytest.mark.parametrize(
    ("configured", "own", "granted", "name"),
    [
        ("Mine", "Own", ("Granted",), "Mine"),
        (None, "Own", ("Granted",), "Own"),
        (None, None, ("Granted",), "Granted"),
        (None, None, ("Granted", "", "Granted"), "Granted"),
        # Those are what its channels are called.
        (None, None, ("Granted", "Second"), "SNSW-002P16EU 54dc"),
        (None, "Own", ("Granted", "Second"), "Own"),
        (None, None, ("",), DEVICE),
        (None, None, (), DEVICE),
    ],
)
def test_the_name_of_a_device(
    configured: str | None, own: str | None, granted: tuple[str, ...], name: str
) -> None:
    registry = Registry(settings(overrides={DEVICE: Override(name=configured)}))
    device, _ = registry.adopt(grant(names=granted))
    device.name = own
    assert registry.name(device) == name


def test_of_a_device_without_a_model_its_id_is_left() -> None:
    registry = Registry(settings())
    device, _ = registry.adopt(grant(code="", names=("First", "Second")))
    assert registry.name(device) == DEVICE


def test_the_only_name_of_a_consent_is_no_channel_s() -> None:
    registry, device = made(payloads.two_switches(), granted=grant(names=("Pump",)))
    assert channels(registry, device)["relay/0"]["name"] is None


@pytest.mark.parametrize(
    ("letter", "alias", "left", "whole"),
    [
        ("x", 5, {"name", "commands"}, True),
        ("\U0001f642", 5, {"commands"}, True),
        ("\U0001f642", 180, set(), True),
        ("\U0001f642", 250, set(), False),
    ],
)
def test_an_info_fits_into_a_message(letter: str, alias: int, left: set[str], whole: bool) -> None:
    registry, device = made(
        {f"light:{number}": {"output": True, "brightness": 40} for number in range(200)},
        overrides=override(topic="x" * alias),
    )
    device.channel_names = {f"light:{number}": letter * 128 for number in range(200)}
    info: Any = documents.device_info(registry, device)
    assert len(jsontext.dump(info).encode()) <= documents.LONGEST
    first = info["channels"][0]
    assert first.keys() & {"name", "commands"} == left
    assert first["topic"] == f"shelly/{'x' * alias}/light/0"
    assert (len(info["channels"]) == 200) is whole
    assert len(info["channels"]) > 100
