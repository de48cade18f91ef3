"""Native calls to simulated devices."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.devices.orders import RpcError
from bridge.simulator.devices.virtual import Button
from tests.simulator.devices.room import Room

PANEL, VIRTUAL, GATEWAY = "SAWD-0A1XX10EU1", "S3SW-001P16EU", "S3GW-1DBT001"
COVER = "SNSW-102P16EU:cover"
Json = Any


def call(device: Device, method: str, /, **params: Json) -> Json:
    result = device.call(method, params, "t")
    device.publish()
    return result


def code_of(device: Device, method: str, /, **params: Json) -> Json:
    with pytest.raises(RpcError) as caught:
        call(device, method, **params)
    return caught.value.answer["code"]


def test_a_switch() -> None:
    room = Room()
    device = room.add("SNSW-001P16EU")
    assert call(device, "Switch.Set", id=0, on=True, toggle_after=5) == {"was_on": False}
    assert room.reports[-1]["switch:0"]["timer_duration"] == 5
    assert call(device, "switch.toggle", id=0) == {"was_on": True}
    assert device.status()["switch:0"]["output"] is False
    assert [code_of(device, "Switch.Set", id=0), code_of(device, "Switch.Toggle")] == [-103, -103]


@pytest.mark.parametrize(
    ("model", "method", "params", "key", "expected"),
    [
        ("S3DM-0A101WWL", "Light.Set", {"brightness": 7}, "light:0", {"brightness": 7}),
        ("S3DM-0A101WWL", "Light.Set", {"on": True}, "light:0", {"output": True}),
        ("S3DM-0A101WWL", "Light.Toggle", {}, "light:0", {"output": True}),
        ("SNDC-0D4P10WW:rgb", "RGB.Set", {"on": True, "rgb": [1, 2, 3]}, "rgb:0", {"output": True}),
        (
            "SNDC-0D4P10WW:rgb",
            "RGB.Set",
            {"on": True, "rgb": [1, 2, 3]},
            "rgb:0",
            {"rgb": [1, 2, 3]},
        ),
        ("SNDC-0D4P10WW:rgbw", "RGBW.Set", {"on": True, "white": 9}, "rgbw:0", {"white": 9}),
        ("S3BL-D010009AEU", "CCT.Set", {"ct": 3000}, "cct:0", {"ct": 3000}),
    ],
)
def test_lights(model: str, method: str, params: Json, key: str, expected: Json) -> None:
    room = Room()
    device = room.add(model)
    result = call(device, method, id=0, **params)
    assert result == ({"was_on": False} if method.endswith("Toggle") else None)
    assert expected.items() <= device.status()[key].items()


@pytest.mark.parametrize(
    ("model", "method", "params"),
    [
        ("S3DM-0A101WWL", "Light.Set", {}),
        ("S3DM-0A101WWL", "Light.Set", {"on": "yes"}),
        ("S3DM-0A101WWL", "Light.Set", {"on": True, "rgb": [1, 2, 3]}),
        ("SNDC-0D4P10WW:rgb", "RGB.Set", {"on": True, "rgb": [1, 2]}),
        ("SNDC-0D4P10WW:rgb", "RGB.Set", {"on": True, "rgb": [1, 2, 300]}),
        ("S3BL-D010009AEU", "CCT.Set", {"ct": 9000}),
        (COVER, "Cover.GoToPosition", {}),
        (COVER, "Cover.GoToPosition", {"pos": 101}),
        (COVER, "Cover.GoToPosition", {"slat_pos": 10}),
        (COVER, "Cover.Stop", {"duration": 4}),
        (PANEL, "Thermostat.SetConfig", {}),
        (PANEL, "Thermostat.SetConfig", {"config": {"target_C": 90}}),
        (PANEL, "Thermostat.SetConfig", {"config": {"target_C": "warm"}}),
        (GATEWAY, "BluTRV.Call", {"method": "Trv.SetTarget", "params": {}}),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    model: str, method: str, params: Json
) -> None:
    room = Room()
    device = room.add(model)
    number = 200 if model == GATEWAY else 0
    assert code_of(device, method, id=number, **params) == -103
    device.publish()
    assert room.reports == []
    assert device.received[-1].cmd == method
    assert device.received[-1].refusal is not None


def test_what_is_not_there_is_not_found() -> None:
    device = Room().add("SNSW-001P16EU")
    assert code_of(device, "Switch.Set", id=3, on=True) == -105
    assert code_of(device, "Light.Set", id=0, on=True) == -105
    assert code_of(device, "Switch.Explode", id=0) == 404
    with pytest.raises(RpcError, match="params is not an object"):
        device.call("Switch.Set", [], 1)


def test_a_cover() -> None:
    room = Room()
    device = room.add(COVER, travel=10.0, slats=True)
    call(device, "Cover.GoToPosition", id=0, pos=40)
    assert room.reports[-1]["cover:0"]["target_pos"] == 40
    call(device, "Cover.Stop", id=0)
    assert device.status()["cover:0"]["state"] != "closing"
    call(device, "Cover.GoToPosition", id=0, slat_pos=20)
    assert device.status()["cover:0"]["slat_pos"] == 20
    call(device, "Cover.Close", id=0, duration=2)
    room.pass_time(device, 5.0)
    assert device.status()["cover:0"]["state"] == "stopped"
    call(device, "Cover.Open", id=0)
    assert device.status()["cover:0"]["state"] == "opening"


@pytest.mark.parametrize("where", [{"id": 0}, {}])
def test_a_thermostat(where: Json) -> None:
    room = Room()
    device = room.add(PANEL)
    config = {"id": 0, "target_C": 16.5, "enable": True}
    assert call(device, "Thermostat.SetConfig", **where, config=config) == {
        "restart_required": False
    }
    told = room.reports[-1]["thermostat:0"]
    assert (told["target_C"], told["output"]) == (16.5, False)
    assert device.settings()["thermostat:0"]["target_C"] == 16.5


def test_a_radiator_valve_behind_a_gateway() -> None:
    room = Room()
    device = room.add(GATEWAY)
    wish = {"method": "Trv.SetTarget", "params": {"id": 0, "target_C": 28}}
    assert call(device, "BluTRV.Call", id=200, **wish) is None
    assert room.reports[-1]["blutrv:200"]["target_C"] == 28
    assert room.reports[-1]["blutrv:200"]["pos"] == 100
    assert code_of(device, "BluTRV.Call", id=200, method="Trv.Dance") == 404


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("boolean", [True, False], [1, "x", None]),
        ("number", [0, 99.5, 100], [-1, 101, True, "5", None]),
        ("text", ["", "x" * 255], ["x" * 256, 5, None]),
        ("enum", ["comfort", None], ["party", 5]),
    ],
)
def test_virtual_components(kind: str, good: list[Json], bad: list[Json]) -> None:
    room = Room()
    device = room.add(VIRTUAL)
    for value in good:
        assert call(device, f"{kind}.Set", id=200, value=value) is None
        assert device.status()[f"{kind}:200"]["value"] == value
    assert room.merged[f"{kind}:200"]["value"] == good[-1]
    assert room.merged[f"{kind}:200"]["last_update_ts"] == int(room.now())
    for value in bad:
        assert code_of(device, f"{kind}.Set", id=200, value=value) == -103
    assert device.status()[f"{kind}:200"]["value"] == good[-1]


def test_what_may_only_be_read_cannot_be_set() -> None:
    device = Room().add(VIRTUAL)
    assert code_of(device, "Boolean.Set", id=201, value=False) == -103
    assert code_of(device, "Number.Set", id=201, value=2) == -103


def test_a_virtual_button_and_a_smoke_alarm() -> None:
    room = Room()
    device, smoke = room.add(VIRTUAL), room.add("SNSN-0031Z")
    assert call(device, "Button.Trigger", id=200, event="long_push") is None
    assert code_of(device, "Button.Trigger", id=200, event="kick") == -103
    buttons = [one.thing for one in device.channels if isinstance(one.thing, Button)]
    assert [button.pushes for button in buttons] == [["long_push"]]
    smoke.change(0, alarm=True)
    call(smoke, "Smoke.Mute", id=0)
    assert smoke.status()["smoke:0"] == {"id": 0, "alarm": True, "mute": True}


def test_pretending_changes_nothing() -> None:
    device = Room().add(VIRTUAL)
    before = device.status()
    assert device.call("Number.Set", {"id": 200, "value": 1}, 1, pretend=True) is None
    assert device.status() == before
    assert len(device.received) == 1


@pytest.mark.parametrize("model", ["SHSW-1", "SBHT-003C"])
def test_only_gen2_devices_can_be_called(model: str) -> None:
    device = Room().add(model)
    with pytest.raises(RpcError) as caught:
        call(device, "Shelly.GetStatus")
    assert caught.value.answer == "WRONG_ID"


def test_status_and_config_hold_no_dynamic_components() -> None:
    device = Room().add(VIRTUAL)
    status, config = call(device, "Shelly.GetStatus"), call(device, "Shelly.GetConfig")
    assert "switch:0" in status.keys() & config.keys()
    assert "boolean:200" not in status.keys() | config.keys()
    assert "DeviceInfo" not in config
    assert call(device, "Shelly.GetDeviceInfo")["model"] == VIRTUAL


def test_components_come_in_pages() -> None:
    device = Room().add(VIRTUAL)
    found: dict[str, Json] = {}
    total = 1
    while len(found) < total:
        answer = call(
            device,
            "Shelly.GetComponents",
            offset=len(found),
            include=["status", "config"],
            dynamic_only=True,
        )
        assert answer["offset"] == len(found)
        assert 0 < len(answer["components"]) <= 5
        found |= {entry["key"]: entry for entry in answer["components"]}
        total = answer["total"]
    assert "switch:0" not in found
    number = found["number:200"]
    assert number["status"]["value"] == 40
    assert (number["config"]["max"], number["config"]["meta"]["ui"]["unit"]) == (100, "%")
    assert found["enum:200"]["config"]["options"] == ["eco", "comfort", "away"]
    assert found["button:200"]["status"] == {}


def test_components_of_a_service_say_their_role() -> None:
    device = Room().add("S3XT-0S")
    answer = call(device, "Shelly.GetComponents", dynamic_only=True)
    roles = {entry["key"]: entry["attrs"]["role"] for entry in answer["components"]}
    assert roles["number:202"] == "target_temperature"
    call(device, "Number.Set", id=202, value=19.5)
    assert device.status()["number:202"]["value"] == 19.5
    assert "status" not in answer["components"][0]
