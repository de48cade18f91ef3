"""What Gen1 devices say."""

from __future__ import annotations

from tests.simulator.devices.room import Room


def test_a_relay_with_its_timer_and_meter_in_watt_minutes() -> None:
    room = Room()
    device = room.add("SHSW-PM")
    assert room.order(device, "relay", id=0, turn="on", timeout=120) is None
    relay = room.reports[-1]["relays"][0]
    assert (relay["ison"], relay["source"]) == (True, "cloud")
    assert (relay["has_timer"], relay["timer_duration"], relay["timer_remaining"]) == (
        *(True, 120, 120),
    )
    room.pass_time(device, 121.0)
    relay = room.reports[-1]["relays"][0]
    assert (relay["ison"], relay["source"], relay["has_timer"]) == (False, "timer", False)
    assert room.reports[-1]["meters"][0]["total"] == 3000


def test_a_device_without_a_meter_has_a_dummy() -> None:
    room = Room()
    device = room.add("SHSW-1")
    room.order(device, "relay", turn="on")
    assert device.status()["meters"][0]["power"] == 0


def test_an_event_holds_all_measuring_keys_and_no_other() -> None:
    room = Room()
    device = room.add("SHSW-25:relay")
    room.order(device, "relay", id=1, turn="on")
    report = room.reports[-1]
    assert len(report["relays"]) == len(report["meters"]) == len(report["inputs"]) == 2
    assert {"temperature", "tmp", "serial"} <= report.keys()
    assert not {"wifi_sta", "mac", "uptime", "update"} & report.keys()
    assert {"wifi_sta", "mac", "uptime", "update"} <= device.status().keys()


def test_the_state_of_a_roller_is_the_direction_it_moves_in() -> None:
    room = Room()
    device = room.add("SHSW-25:roller", travel=10.0)
    room.order(device, "roller", id=0, go="close")
    roller = room.reports[-1]["rollers"][0]
    assert (roller["state"], roller["last_direction"], roller["power"]) == ("close", "close", 140)
    room.pass_time(device, 20.0)
    positions = [report["rollers"][0]["current_pos"] for report in room.reports]
    assert positions == sorted(positions, reverse=True)
    assert len(set(positions)) > 5
    roller = room.reports[-1]["rollers"][0]
    assert (roller["state"], roller["current_pos"], roller["positioning"]) == ("stop", 0, True)
    assert "relays" not in device.status()


def test_an_uncalibrated_roller_says_101() -> None:
    room = Room()
    device = room.add("SHSW-25:roller", calibrated=False)
    roller = device.status()["rollers"][0]
    assert (roller["current_pos"], roller["positioning"]) == (101, False)
    assert room.order(device, "roller_to_pos", pos=10) == "the roller is not calibrated"


def test_an_obstacle_is_told() -> None:
    room = Room()
    device = room.add("SHSW-25:roller")
    room.order(device, "roller", go="close")
    device.block()
    assert room.reports[-1]["rollers"][0]["stop_reason"] == "obstacle"


def test_presses_are_counted() -> None:
    room = Room()
    device = room.add("SHIX3-1")
    for event in ("S", "S", "L"):
        device.press(1, event)
    seen = [report["inputs"][1] for report in room.reports]
    assert [(one["event"], one["event_cnt"]) for one in seen] == [("S", 1), ("S", 2), ("L", 3)]
    assert room.reports[-1]["inputs"][0]["event_cnt"] == 0


def test_a_colour_lamp_and_a_white_one() -> None:
    room = Room()
    color = room.add("SHRGBW2:color")
    room.order(color, "light", turn="on", red=9, green=8, blue=7, white=6, gain=55, mode="color")
    light = room.reports[-1]["lights"][0]
    assert [light[key] for key in ("red", "green", "blue", "white", "gain")] == [9, 8, 7, 6, 55]
    white = room.add("SHRGBW2:white")
    room.order(white, "light", id=3, turn="on", brightness=5)
    assert room.reports[-1]["lights"][3]["brightness"] == 5
    assert room.reports[-1]["meters"][3]["is_valid"] == "true"


def test_a_bulb_with_a_colour_temperature() -> None:
    room = Room()
    device = room.add("SHBDUO-1")
    room.order(device, "light", turn="on", temp=6500, mode="white")
    light = room.reports[-1]["lights"][0]
    assert (light["temp"], light["white"]) == (6500, 100)


def test_a_sleeper_says_everything_when_it_wakes() -> None:
    room = Room()
    device = room.add("SHHT-1")
    device.measure()
    assert room.reports[-1] == device.status()


def test_a_door_is_opened() -> None:
    room = Room()
    device = room.add("SHDW-2")
    device.change(0, open=True)
    assert room.reports[-1]["sensor"] == {"state": "open", "is_valid": True}
    assert device.status()["sensor"]["state"] == "open"
