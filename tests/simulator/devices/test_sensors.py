"""Devices that tell: alarms, motion, weather, heating."""

from __future__ import annotations

import pytest

from bridge.simulator.devices.heating import Thermostat
from tests.simulator.devices.room import Room
from tests.simulator.devices.test_things import DICE


@pytest.mark.parametrize(
    ("model", "change", "path"),
    [
        ("SHSM-01", {"smoke": True}, ("smoke",)),
        ("SHWT-1", {"flood": True}, ("flood",)),
        ("SHGS-1", {"alarm": "heavy"}, ("gas_sensor", "alarm_state")),
        ("SHMOS-01", {"motion": True}, ("sensor", "motion")),
        ("SNSN-0031Z", {"alarm": True}, ("smoke:0", "alarm")),
        ("S4SN-0071A", {"alarm": True}, ("flood:0", "alarm")),
        ("SPCB-01VENEU", {"safety": True}, ("cb:0", "safety")),
        ("SBMO-003Z", {"motion": True}, ("motion:0", "motion")),
        ("SBWS-90CM", {"raining": True}, ("moisture_alarm:0", "value")),
    ],
)
def test_what_happens_is_told_at_once(
    model: str, change: dict[str, object], path: tuple[str, ...]
) -> None:
    room = Room()
    device = room.add(model)
    device.change(0, **change)
    value = room.reports[-1]
    for step in path:
        value = value[step]
    assert value == next(iter(change.values()))


def test_a_zone_is_entered() -> None:
    room = Room()
    device = room.add("S4SN-0U61X")
    device.change(200, value=True, num_objects=2)
    assert room.reports[-1]["presencezone:200"] == {"id": 200, "value": True, "num_objects": 2}


def test_the_weather_changes() -> None:
    room = Room()
    device = room.add("SBWS-90CM")
    seen = set()
    for _ in range(20):
        device.measure()
        seen.add(device.status()["speed:0"]["value"])
    assert len(seen) > 5
    assert device.status()["speed:1"]["id"] == 1


def test_a_thermostat_heats_until_it_is_warm() -> None:
    thermostat = Thermostat(21.0)
    assert thermostat.heating
    assert thermostat.valve == 60
    for _ in range(20):
        thermostat.measure(DICE)
    assert thermostat.current == pytest.approx(21.0, abs=1.0)
    thermostat.wish(5.0, None)
    assert (thermostat.heating, thermostat.valve) == (False, 0)
    thermostat.wish(30.0, False)
    assert not thermostat.heating
    thermostat.wish(None, True)
    thermostat.window = True
    assert not thermostat.heating


def test_a_gen1_valve() -> None:
    room = Room()
    device = room.add("SHTRV-01")
    device.change(0, target=25.0, window=True)
    valve = room.reports[-1]["thermostats"][0]
    assert (valve["target_t"]["value"], valve["window_open"], valve["pos"]) == (25.0, True, 0)


def test_gen1_sleepers_say_how_long_they_sleep() -> None:
    room = Room()
    assert room.add("SHSM-01").settings()["sleep_mode"] == {"period": 12, "unit": "h"}
    assert "sleep_mode" not in room.add("SHSW-1").settings()
