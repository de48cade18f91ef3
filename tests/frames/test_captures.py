"""Captured payloads of real devices, through the running bridge: nothing is lost on the way.

The captures are other people's and not part of the project; the folder lies beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.core.kinds.roller import STATES
from bridge.simulator.devices.base import Device
from tests.conftest import SHARED_FIXTURES
from tests.system.rig import Rig

pytestmark = pytest.mark.shared_fixtures

CLOUDS_OWN = {"id", "code", "ts", "serial", "getinfo"}
"""Members of a status that are no components."""


def statuses(payload: Any, kind: str) -> Iterator[dict[str, Any]]:
    """Every device status in a capture, whatever envelope it came in."""
    if kind == "notify_full_status" or (
        isinstance(payload, dict) and payload.get("method") == "NotifyStatus"
    ):
        yield payload["params"]
    elif kind == "event":
        if payload.get("event") == "Shelly:StatusOnChange":
            yield payload["status"]
    elif kind == "status" and isinstance(payload, list):
        yield from (item["status"] for item in payload if "status" in item)
    elif kind == "status" and "devices_status" in payload.get("data", {}):
        yield from payload["data"]["devices_status"].values()
    elif kind == "status" and "device_status" in payload.get("data", {}):
        yield payload["data"]["device_status"]
    elif kind == "status" and "components" not in payload:
        yield payload


def captures() -> list[tuple[str, dict[str, Any]]]:
    """Name and status of every captured state."""
    found = []
    for file in sorted(SHARED_FIXTURES.glob("*/*.json")):
        capture = json.loads(file.read_text())
        name = f"{file.parent.name}/{file.stem}"
        found += [(name, status) for status in statuses(capture["payload"], capture["kind"])]
    return found


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
    if kind in ("relay", "light", "input"):
        assert state in ("ON", "OFF", None)
    if kind in ("relay", "light"):
        assert isinstance(channel["errors"], list)
        assert state is not None
    if kind == "roller":
        assert state in STATES
        position = channel["position"]
        assert position is None or 0 <= position <= 100
        assert channel["calibrated"] or position is None
    if kind == "light":
        brightness = channel.get("brightness")
        assert brightness is None or 0 <= brightness <= 100
        assert channel["color_mode"] in ("onoff", "brightness", "color_temp", "rgb", "rgbw")
        assert channel["color_mode"] != "rgbw" or set(channel["color"]) == set("rgbw")
    if kind in ("relay", "light", "roller", "meter"):
        energy = channel.get("energy")
        assert energy is None or round(energy, 3) == energy


def test_there_are_captures_of_every_generation() -> None:
    assert {name.partition("/")[0] for name, _ in captures()} >= {"gen1", "gen2", "gen3", "gen4"}
    assert len(captures()) > 80


@pytest.mark.timeout(120)
def test_every_captured_status_goes_through_the_running_bridge(tmp_path: Path) -> None:
    found = captures()
    with Rig(tmp_path) as rig:
        devices = [rig.add("SNSW-001P16EU", online=False) for _ in found]
        rig.start()
        rig.wait(lambda: len(rig.world.host().counters.verifies) == len(found), 30)
        for device, (_, status) in zip(devices, found, strict=True):
            rig.world.emit(None, frame_of(device, status))
        rig.wait_online(*devices, limit=30)
        for device, (name, status) in zip(devices, found, strict=True):
            check_device(rig, device, name, status)
        assert rig.bridge.failed_parts() == []
        rig.stop()
        assert rig.exit_code == 0


def frame_of(device: Device, status: dict[str, Any]) -> str:
    event = {"event": "Shelly:StatusOnChange", "deviceId": device.id, "status": status}
    return json.dumps(event)


def check_device(rig: Rig, device: Device, name: str, status: dict[str, Any]) -> None:
    info = rig.json(f"{device.hex_id}/info")
    published = {}
    for channel in info["channels"]:
        topic = channel["topic"].removeprefix("shelly/")
        rig.wait(lambda topic=topic: rig.json(topic), what=f"{name}: {topic}")  # type: ignore[misc]  # mypy and lambda defaults
        published[channel["component"]] = rig.json(topic)
        check_channel(channel["kind"], published[channel["component"]])
    text = json.dumps(published)
    for key in components(status):
        assert key in published or is_part(key, status[key], published), f"{name}: {key} is lost"
    for reading in ("apower", "aprt_power", "tC", "rh", "lux", "voltage", "act_power"):
        values = list(readings(status, reading))
        for value in values:
            assert json.dumps(value) in text, f"{name}: {reading} {value} is lost"


def is_part(key: str, value: Any, published: dict[str, Any]) -> bool:
    """Whether a member without a number is published: by array member, or among the scalars."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        members = {component.partition(":")[0] for component in published}
        return key in members or (key == "meters" and bool(members & {"relays", "lights"}))
    if isinstance(value, dict):
        return f"{key}:0" in published or any(
            component.startswith(f"{key}:") for component in published
        )
    return key in published.get("sys", {})


def readings(value: Any, name: str) -> Iterator[Any]:
    """Every number with a name, wherever it stands."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == name and isinstance(item, int | float):
                yield item
            else:
                yield from readings(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from readings(item, name)
