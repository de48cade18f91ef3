"""What Gen2+ and BLU devices say."""

from __future__ import annotations

import pytest

from bridge.simulator.devices.base import Detail
from tests.simulator.devices.room import Room

OWN = {"id", "code", "ts", "serial"}


def test_an_event_holds_only_the_members_that_changed() -> None:
    room = Room(Detail.MEMBERS)
    device = room.add("SNSW-102P16EU:switch")
    room.order(device, "relay", id=1, turn="on")
    report = room.reports[-1]
    assert report.keys() == {"switch:1"} | OWN
    changed = report["switch:1"].keys()
    assert {"id", "source", "output", "apower"} <= changed
    assert "voltage" not in changed
    assert report["id"] == device.hex_id


def test_an_event_holds_whole_components_or_the_whole_status() -> None:
    room = Room(Detail.COMPONENTS)
    device = room.add("SNSW-102P16EU:switch")
    room.order(device, "relay", id=1, turn="on")
    assert room.reports[-1].keys() == {"switch:1"} | OWN
    assert room.reports[-1]["switch:1"] == device.status()["switch:1"]
    room.detail = Detail.WHOLE
    room.order(device, "relay", id=1, turn="off")
    assert room.reports[-1] == device.status()


def test_empty_objects_are_empty_arrays_as_from_the_cloud() -> None:
    status = Room().add("SNSW-001P16EU").status()
    assert status["ble"] == status["sys"]["available_updates"] == []


def test_a_timer_comes_and_goes() -> None:
    room = Room()
    device = room.add("SNSW-001P16EU")
    room.order(device, "relay", turn="on", timeout=5)
    assert room.reports[-1]["switch:0"]["timer_duration"] == 5
    room.pass_time(device, 6.0)
    assert room.reports[-1]["switch:0"]["timer_duration"] is None
    assert room.reports[-1]["switch:0"]["output"] is False
    assert "timer_duration" not in device.status()["switch:0"]


def test_a_cover_on_its_way() -> None:
    room = Room()
    device = room.add("SNSW-102P16EU:cover", travel=10.0)
    room.order(device, "roller_to_pos", pos=30)
    cover = room.reports[0]["cover:0"]
    assert (cover["state"], cover["target_pos"]) == ("closing", 30)
    assert "move_started_at" in cover
    room.pass_time(device, 20.0)
    cover = device.status()["cover:0"]
    assert (cover["state"], cover["current_pos"], cover["target_pos"]) == ("stopped", 30, None)
    assert cover["last_direction"] == "close"
    room.order(device, "roller", go="open")
    room.pass_time(device, 20.0)
    assert device.status()["cover:0"]["state"] == "open"


def test_an_uncalibrated_cover_knows_no_position() -> None:
    device = Room().add("SNSW-102P16EU:cover", calibrated=False)
    cover = device.status()["cover:0"]
    assert (cover["pos_control"], cover["current_pos"]) == (False, None)


def test_slats_and_obstacles() -> None:
    room = Room()
    device = room.add("SNSW-102P16EU:cover", slats=True)
    room.order(device, "roller_to_pos", slat_pos=25)
    assert device.status()["cover:0"]["slat_pos"] == 25
    room.order(device, "roller", go="close")
    device.block()
    assert device.status()["cover:0"]["errors"] == ["obstruction"]


def test_presses_come_as_v_eve_even_if_equal_and_fade() -> None:
    room = Room()
    device = room.add("SNSN-0024X")
    device.press(0, "S")
    device.press(0, "S")
    device.press(1, "L")
    events = [
        (key, value["ev"])
        for report in room.reports
        for key, value in report.items()
        if key.startswith("v_eve")
    ]
    assert events == [("v_eve:0", "S"), ("v_eve:0", "S"), ("v_eve:1", "L")]
    room.pass_time(device, 2.0)
    assert room.reports[-1]["v_eve:1"]["ev"] == ""
    assert device.status()["input:0"]["state"] is None


def test_a_switch_input_has_a_state_and_its_output_follows() -> None:
    room = Room()
    device = room.add("SNSN-0024X")
    device.press(2)
    assert room.reports[-1]["input:2"]["state"] is True
    plug = room.add("SNSW-001P16EU")
    plug.press(0)
    assert plug.status()["switch:0"]["output"] is True
    assert plug.status()["switch:0"]["source"] == "switch"


@pytest.mark.parametrize(
    ("model", "params", "key", "expected"),
    [
        ("S3DM-0A101WWL", {"brightness": 7}, "light:0", {"brightness": 7}),
        ("SNDC-0D4P10WW:light", {"id": 2, "brightness": 7}, "light:2", {"brightness": 7}),
        ("SNDC-0D4P10WW:rgb", {"red": 1, "blue": 3}, "rgb:0", {"rgb": [1, 255, 3]}),
        ("SNDC-0D4P10WW:rgb", {"gain": 12}, "rgb:0", {"brightness": 12}),
        ("SNDC-0D4P10WW:rgbw", {"white": 99}, "rgbw:0", {"white": 99}),
        ("S3BL-D010009AEU", {"temp": 2700}, "cct:0", {"ct": 2700}),
    ],
)
def test_lights(model: str, params: dict[str, int], key: str, expected: dict[str, object]) -> None:
    room = Room()
    device = room.add(model)
    assert room.order(device, "light", turn="on", **params) is None
    light = room.reports[-1][key]
    assert light["output"] is True
    assert expected.items() <= light.items()


def test_commands_for_what_is_not_there_are_refused_and_remembered() -> None:
    room = Room()
    device = room.add("SNSW-001P16EU")
    assert room.order(device, "relay", id=1, turn="on") == "the device has no relay 1"
    assert room.order(device, "light", turn="on") == "the device takes no light command"
    assert room.order(device, "relay", turn="on") is None
    assert [received.refusal is None for received in device.received] == [False, False, True]
    assert device.received[-1].params == {"turn": "on"}
    assert room.reports[-1]["switch:0"]["source"] == "SHC"


def test_pretending_changes_nothing() -> None:
    room = Room()
    device = room.add("SNSW-001P16EU")
    assert device.execute("relay", {"turn": "on"}, 1, pretend=True) is None
    assert device.status()["switch:0"]["output"] is False
    assert len(device.received) == 1


def test_a_house_takes_and_returns_energy() -> None:
    room = Room()
    device = room.add("SPEM-003CEBEU", report_every=60.0)
    before = device.status()["emdata:0"]
    room.pass_time(device, 3600.0, step=10.0)
    after = device.status()
    assert after["emdata:0"]["a_total_act_energy"] > before["a_total_act_energy"] + 100
    assert after["emdata:0"]["c_total_act_ret_energy"] > 100
    total = sum(after["em:0"][f"{letter}_act_power"] for letter in "abc")
    assert after["em:0"]["total_act_power"] == pytest.approx(total, abs=0.1)


def test_a_sleeper_says_everything_when_it_wakes() -> None:
    room = Room()
    device = room.add("SNSN-0013A")
    device.measure()
    assert room.reports[-1] == device.status()
    assert "wakeup_period" in device.status()["sys"]


def test_offline_nothing_is_told_until_later() -> None:
    room = Room()
    device = room.add("SNSW-001P16EU")
    device.online = False
    device.change(0, on=True)
    assert room.reports == []
    device.online = True
    device.publish()
    assert room.reports[-1]["switch:0"]["output"] is True


def test_new_names_are_in_the_settings() -> None:
    room = Room()
    device = room.add("SNSW-102P16EU:switch")
    device.rename("Pump", "Valve")
    assert room.settings_told == 1
    config = device.settings()
    assert (config["switch:0"]["name"], config["switch:1"]["name"]) == ("Pump", "Valve")


def test_what_a_device_has_not_got_cannot_be_touched() -> None:
    device = Room().add("SNSW-001P16EU")
    with pytest.raises(ValueError, match="no input 5"):
        device.press(5)
    with pytest.raises(ValueError, match="no channel 0 with"):
        device.change(0, position=5)


def test_blu_devices() -> None:
    room = Room()
    sensor, door, button = (room.add(code) for code in ("SBHT-003C", "SBDW-002C", "SBBT-002C"))
    sensor.measure()
    assert "tC" in room.reports[-1]["temperature:0"]
    assert sensor.status()["devicepower:0"]["battery"]["V"] is None
    assert sensor.status()["reporter"]["id"].isdigit()
    assert "id" not in sensor.status()
    door.change(0, open=True)
    assert room.reports[-1]["window:0"] == {"id": 0, "open": 1}
    button.press(0, "SS")
    assert room.reports[-1]["v_eve:0"]["ev"] == "SS"
    assert "input:0" not in button.status()
