"""Captured payloads of real devices, through the running bridge: nothing is lost on the way.

The captures are other people's and not part of the project; the folder lies beside it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.core.kinds.all import BY_NAME
from bridge.core.kinds.catalog import layout
from bridge.core.kinds.input import TYPES
from bridge.core.kinds.light import COLOR_MODES
from bridge.core.kinds.roller import STATES
from bridge.core.learned import learn
from bridge.simulator.devices.base import Device
from tests.conftest import SHARED_FIXTURES
from tests.frames.captures import Capture, captures
from tests.system.rig import Rig

pytestmark = pytest.mark.shared_fixtures

CLOUDS_OWN = {"id", "code", "ts", "serial", "getinfo"}
"""Members of a status that are no components."""

ON_OFF = {"relay", "light", "input", "boolean", "cb"}
"""Kinds whose state is `ON` or `OFF`."""

FLAGS = {
    *("smoke", "flood", "gas", "open", "motion", "vibration", "presence", "heating", "enabled"),
    *("window_open", "external_power", "charging", "calibrated", "calibrating", "obstruction"),
    *("in_range", "connected", "running", "restart_required", "overtemperature"),
}
"""Keys that are true or false."""

READINGS = {
    "apower": "power",
    "act_power": "power",
    "total_act_power": "power",
    "aprt_power": "apparent_power",
    "tC": "temperature",
    "rh": "humidity",
    "lux": "illuminance",
    "voltage": "voltage",
    "percent": "battery",
    "freq": "frequency",
    "pf": "pf",
    "current_C": "current_temperature",
    "target_C": "target_temperature",
}
"""Shelly's members with a reading that is published as it is, and our key for it."""


def told() -> list[Capture]:
    """The captures that say what a device's state is."""
    return [capture for capture in captures() if capture.status]


def components(status: dict[str, Any]) -> set[str]:
    """The members of a status that report something."""
    return {
        key
        for key, value in status.items()
        if key not in CLOUDS_OWN and not key.startswith("_") and value not in ({}, [])
    }


def check_channel(kind: str, channel: dict[str, Any]) -> None:
    """What the contract says of a channel's JSON."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", channel["ts"])
    state = channel.get("state")
    if kind in ON_OFF:
        assert state in ("ON", "OFF", None)
    if kind in ("relay", "light"):
        assert isinstance(channel["errors"], list)
        assert state is not None
    if kind == "input":
        assert channel["type"] in TYPES
        assert state is None or channel["type"] == "switch"
    if kind == "roller":
        assert state in STATES
        position = channel["position"]
        assert position is None or 0 <= position <= 100
        assert channel["calibrated"] or position is None
    if kind == "light":
        brightness = channel.get("brightness")
        assert brightness is None or 0 <= brightness <= 100
        assert channel["color_mode"] in COLOR_MODES
        assert channel["color_mode"] != "rgbw" or set(channel["color"]) == set("rgbw")
    for key, value in channel.items():
        check_value(key, value)


def check_value(key: str, value: Any) -> None:
    """What a key says in every kind."""
    if key in FLAGS:
        assert value in (True, False, None), key
    if key.endswith("energy"):
        assert value is None or round(value, 3) == value, key
    if key.endswith(("temperature", "dewpoint")):
        assert value is None or -100 <= value < 999, key
    if key == "rssi":
        assert value is None or value < 0
    assert not isinstance(value, float) or math.isfinite(value), key


def test_there_are_captures_of_every_generation() -> None:
    found = told()
    assert {each.name.partition("/")[0] for each in found} >= {
        *("gen1", "gen2", "gen3", "gen4", "ble")
    }
    assert len(found) > 100
    assert len([each for each in found if "components" in each.name]) > 10
    assert SHARED_FIXTURES.is_dir()


def test_captures_are_of_many_kinds_and_all_of_them_known() -> None:
    seen = set()
    for capture in told():
        learned = learn(capture.settings or {})
        channels, refused = layout(capture.status, learned.mode, learned.facts)
        assert not refused, capture.name
        seen |= {channel.kind for channel in channels}
    assert not seen - BY_NAME.keys()
    assert seen >= {
        *("relay", "light", "roller", "input", "meter", "temperature", "humidity", "illuminance"),
        *("voltmeter", "battery", "smoke", "flood", "door", "motion", "tilt", "presence", "cb"),
        *("thermostat", "boolean", "number", "text", "enum", "button", "group", "object"),
        *("bthomedevice", "bthomesensor", "reporter", "sys", "wifi", "cloud", "script", "service"),
    }


@pytest.mark.timeout(180)
@pytest.mark.quiet
def test_every_captured_status_goes_through_the_running_bridge(tmp_path: Path) -> None:
    found = told()
    with Rig(tmp_path) as rig:
        devices = [rig.add("SNSW-001P16EU", online=False) for _ in found]
        rig.start()
        # Not only asked about: the answer says that a device is offline, and must not come later.
        rig.wait(lambda: rig.world.host().counters.actions_answered == len(found), 60)
        for device, capture in zip(devices, found, strict=True):
            for frame in frames_of(device, capture):
                rig.world.emit(None, frame)
        rig.wait_online(*devices, limit=60)
        for device, capture in zip(devices, found, strict=True):
            check_device(rig, device, capture)
        assert rig.bridge.failed_parts() == []
        rig.stop()
        assert rig.exit_code == 0


def frames_of(device: Device, capture: Capture) -> Iterator[str]:
    """The settings, where they are known, and then the state."""
    if capture.settings is not None:
        settings = {"event": "Shelly:Settings", "deviceId": device.id, "settings": capture.settings}
        yield json.dumps(settings)
    event = {"event": "Shelly:StatusOnChange", "deviceId": device.id, "status": capture.status}
    yield json.dumps(event)


def check_device(rig: Rig, device: Device, capture: Capture) -> None:
    learned = learn(capture.settings or {})
    expected, _ = layout(capture.status, learned.mode, learned.facts)
    by_component = {channel.component: channel for channel in expected}
    rig.wait(
        lambda: {each["component"] for each in channels_of(rig, device)} >= by_component.keys(),
        what=f"{capture.name}: all channels",
    )
    published: dict[str, dict[str, Any]] = {}
    read: set[str] = set()
    for channel in channels_of(rig, device):
        topic = channel["topic"].removeprefix("shelly/")
        rig.wait(lambda topic=topic: rig.json(topic), what=f"{capture.name}: {topic}")  # type: ignore[misc]  # mypy and lambda defaults
        published[channel["component"]] = rig.json(topic)
        if channel["component"] in by_component:
            check_channel(channel["kind"], published[channel["component"]])
            read.update(by_component[channel["component"]].keys)
    for key in components(capture.status):
        assert key in read, f"{capture.name}: {key} is lost"
    for component, status in capture.status.items():
        if component.startswith("object:"):
            assert published[component]["value"] == status["value"]
        else:
            for member, value in readings(status):
                said = said_of(published, READINGS[member])
                assert value in said, f"{capture.name}: {member} {value} is lost"


def said_of(published: dict[str, dict[str, Any]], key: str) -> list[Any]:
    """All values of a key, of the whole or of a phase."""
    return [
        value
        for channel in published.values()
        for name, value in channel.items()
        if name == key or re.fullmatch(f"[abc]_{key}", name)
    ]


def channels_of(rig: Rig, device: Device) -> list[dict[str, Any]]:
    """What `info` lists."""
    channels: list[dict[str, Any]] = rig.json(f"{device.hex_id}/info")["channels"]
    return channels


def readings(value: Any) -> Iterator[tuple[str, Any]]:
    """Every number with a known name, wherever it stands."""
    if isinstance(value, dict):
        for key, item in value.items():
            name = re.sub(r"^[abc]_", "", key)
            if name in READINGS and isinstance(item, int | float):
                yield name, item
            else:
                yield from readings(item)
    elif isinstance(value, list):
        for item in value:
            yield from readings(item)
