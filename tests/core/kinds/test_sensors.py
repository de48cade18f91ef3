"""Sensors: what each says, in which unit, and when it says that it does not know."""

from __future__ import annotations

import pytest

from bridge.core.kinds.entity import Entity
from bridge.core.model import Json
from tests.core.kinds.reads import Status, channels, only, values

READINGS: list[tuple[Status, str, Status]] = [
    # Gen1
    (
        {"tmp": {"value": 22.8, "units": "C", "tC": 22.8, "tF": 73.04, "is_valid": True}},
        "temperature/0",
        {"temperature": 22.8},
    ),
    (
        {"ext_temperature": {"1": {"hwID": "28aa", "tC": 21.5, "tF": 70.7}}},
        "temperature/101",
        {"temperature": 21.5, "hwID": "28aa"},
    ),
    ({"hum": {"value": 62.5, "is_valid": True}}, "humidity/0", {"humidity": 62.5}),
    ({"hum": {"value": 62.5, "is_valid": False}}, "humidity/0", {"humidity": None}),
    (
        {"ext_humidity": {"0": {"hwID": "0300", "hum": 53.9}}},
        "humidity/100",
        {"humidity": 53.9, "hwID": "0300"},
    ),
    (
        {"lux": {"value": 172, "illumination": "twilight", "is_valid": True}},
        "illuminance/0",
        {"illuminance": 172, "illumination": "twilight"},
    ),
    (
        {"lux": {"value": 0, "illumination": "dark", "is_valid": False}},
        "illuminance/0",
        {"illuminance": None, "illumination": None},
    ),
    ({"adcs": [{"voltage": 12.34}]}, "voltmeter/0", {"voltage": 12.34}),
    (
        {"bat": {"value": 85, "voltage": 4.07}, "charger": False},
        "battery/0",
        {"battery": 85, "voltage": 4.07, "charging": False},
    ),
    ({"bat": {"value": -1, "voltage": 0}}, "battery/0", {"battery": None, "voltage": 0}),
    ({"smoke": True}, "smoke/0", {"smoke": True}),
    (
        {"flood": False, "rain_sensor": True},
        "flood/0",
        {"flood": False, "rain_mode": True},
    ),
    # A smoke alarm has the member of a water sensor, but no water.
    ({"rain_sensor": True}, "sys/0", {"rain_sensor": True}),
    (
        {
            "gas_sensor": {
                "sensor_state": "normal",
                "self_test_state": "completed",
                "alarm_state": "mild",
            },
            "concentration": {"ppm": 12, "is_valid": True},
        },
        "gas/0",
        {
            "gas": True,
            "alarm": "mild",
            "sensor_state": "normal",
            "self_test": "completed",
            "concentration": 12,
        },
    ),
    (
        {"gas_sensor": {"alarm_state": "unknown"}, "concentration": {"ppm": 0, "is_valid": False}},
        "gas/0",
        {"gas": None, "alarm": "unknown", "concentration": None},
    ),
    ({"valves": [{"state": "closed"}]}, "valve/0", {"state": "closed"}),
    ({"valves": [{"state": "stuck"}]}, "valve/0", {"state": None}),
    ({"sensor": {"state": "open", "is_valid": True}}, "door/0", {"open": True}),
    ({"sensor": {"state": "close", "is_valid": True}}, "door/0", {"open": False}),
    ({"sensor": {"state": "unknown", "is_valid": True}}, "door/0", {"open": None}),
    (
        {
            "sensor": {
                "motion": True,
                "vibration": False,
                "timestamp": 1_790_000_000,
                "active": True,
                "is_valid": True,
            }
        },
        "motion/0",
        {
            "motion": True,
            "vibration": False,
            "active": True,
            "last_motion": "2026-09-21T14:13:20Z",
        },
    ),
    ({"motion": True}, "motion/0", {"motion": True}),
    ({"accel": {"tilt": 15, "vibration": 1}}, "tilt/0", {"tilt": 15, "vibration": True}),
    ({"accel": {"tilt": -1, "vibration": 0}}, "tilt/0", {"tilt": None, "vibration": False}),
    # Gen2+
    (
        {"temperature:100": {"id": 100, "tC": 21.4, "tF": 70.5}},
        "temperature/100",
        {"temperature": 21.4},
    ),
    (
        {"temperature:0": {"id": 0, "tC": None, "tF": None, "errors": ["read"]}},
        "temperature/0",
        {"temperature": None, "errors": ["read"]},
    ),
    ({"humidity:0": {"id": 0, "rh": 48.0}}, "humidity/0", {"humidity": 48.0}),
    ({"humidity:0": {"id": 0, "rh": 126}}, "humidity/0", {"humidity": None}),
    (
        {"illuminance:0": {"id": 0, "lux": 30, "illumination": "dark"}},
        "illuminance/0",
        {"illuminance": 30, "illumination": "dark"},
    ),
    (
        {"voltmeter:100": {"id": 100, "voltage": 4.321, "xvoltage": 43.2}},
        "voltmeter/100",
        {"voltage": 4.321, "value": 43.2},
    ),
    (
        {
            "devicepower:0": {
                "id": 0,
                "battery": {"V": 5.35, "percent": 67},
                "external": {"present": False},
            }
        },
        "battery/0",
        {"battery": 67, "voltage": 5.35, "external_power": False},
    ),
    ({"smoke:0": {"id": 0, "alarm": True, "mute": False}}, "smoke/0", {"smoke": True, "mute": 0}),
    (
        {"flood:0": {"id": 0, "alarm": False, "mute": True, "errors": ["cable_unplugged"]}},
        "flood/0",
        {"flood": False, "mute": True, "errors": ["cable_unplugged"]},
    ),
    (
        {"presencezone:200": {"id": 200, "value": True, "num_objects": 2}},
        "presence/200",
        {"presence": True, "objects": 2},
    ),
    ({"presence": {"sensor_ver": "0.5"}}, "presence/0", {"sensor_ver": "0.5"}),
    (
        {
            "cb:0": {
                "id": 0,
                "output": True,
                "safety": False,
                "temperature": {"tC": 50.3, "tF": 122.6},
                "total_cycles": 11,
                "source": "local",
            }
        },
        "cb/0",
        {
            "state": "ON",
            "safety": False,
            "temperature": 50.3,
            "total_cycles": 11,
            "source": "local",
            "errors": [],
        },
    ),
    # BLU, through the cloud
    ({"window:0": {"open": 1}}, "door/0", {"open": True}),
    ({"motion:0": {"value": False}}, "motion/0", {"motion": False}),
    ({"motion:0": {"motion": True}}, "motion/0", {"motion": True}),
    ({"tilt:0": {"angle": 12}}, "tilt/0", {"tilt": 12}),
    ({"pressure:0": {"id": 0, "value": 1_013.2}}, "pressure/0", {"pressure": 1_013.2}),
    ({"pressure:0": {"pressure": 990}}, "pressure/0", {"pressure": 990}),
    ({"dewpoint:0": {"id": 0, "value": 8.5}}, "dewpoint/0", {"dewpoint": 8.5}),
    ({"UV:0": {"id": 0, "value": 3}}, "uv/0", {"uv": 3}),
    ({"UV:0": {"id": 0, "UV": 3}}, "uv/0", {"uv": 3}),
    ({"precipitation:0": {"value": 1.2}}, "precipitation/0", {"precipitation": 1.2}),
    ({"speed:1": {"id": 1, "value": 4.5}}, "speed/1", {"speed": 4.5}),
    ({"distance:0": {"id": 0, "value": 812}}, "distance/0", {"distance": 812}),
    ({"distance:0": {"distance": -1}}, "distance/0", {"distance": None}),
    ({"vibration:0": {"id": 0, "vibration": 1}}, "vibration/0", {"vibration": True}),
    ({"direction:0": {"id": 0, "value": 270}}, "direction/0", {"direction": 270}),
    ({"moisture_alarm:0": {"value": True}}, "moisture_alarm/0", {"moisture_alarm": True}),
    (
        {"reporter": {"id": "187723572702975", "rssi": -63, "inrange": True}},
        "reporter/0",
        {"gateway": "aabbccddeeff", "rssi": -63, "in_range": True},
    ),
    ({"reporter": {"id": "x", "rssi": 0}}, "reporter/0", {"gateway": None, "rssi": None}),
    # System
    (
        {"wifi_sta": {"connected": True, "ssid": "attic", "ip": "192.0.2.8", "rssi": -70}},
        "wifi/0",
        {"rssi": -70, "sta_ip": "192.0.2.8", "connected": True, "ssid": "attic"},
    ),
    ({"wifi": {"rssi": 0, "status": "got ip"}}, "wifi/0", {"rssi": None, "status": "got ip"}),
    ({"cloud": {"connected": True}}, "cloud/0", {"connected": True}),
    ({"script:1": {"id": 1, "running": True, "cpu": 2}}, "script/1", {"running": True, "cpu": 2}),
    (
        {"sys": {"uptime": 5, "unixtime": 1_790_000_000, "time": "12:00", "ram_free": 9}},
        "sys/0",
        {"uptime": 5, "ram_free": 9},
    ),
    (
        {"temperature": 43.69, "tmp": {"tC": 43.69, "is_valid": True}, "overtemperature": False},
        "sys/0",
        {"temperature": 43.69, "overtemperature": False},
    ),
    ({"tmp": {"tC": 43.69, "tF": 110.65, "is_valid": True}}, "sys/0", {"temperature": 43.69}),
    (
        {"overload": False, "loaderror": True},
        "sys/0",
        {"overload": False, "loaderror": True},
    ),
    ({"voltage": 240.98, "temperature": 999.0}, "sys/0", {"voltage": 240.98, "temperature": None}),
]


@pytest.mark.parametrize(("status", "channel", "expected"), READINGS)
def test_a_sensor_says_what_it_measures(status: Status, channel: str, expected: Status) -> None:
    assert only(status) == (channel, expected)


@pytest.mark.parametrize(
    "status", [status for status, channel, _ in READINGS if channel != "sys/0"]
)
def test_null_is_unknown_and_never_zero(status: Status) -> None:
    key, value = next(iter(status.items()))
    empty = {key: emptied(value)}
    for channel in channels(empty).values():
        known = {field.key for field in channel.fields if field.entity is not None}
        read = channel.read(empty)
        assert all(read.get(key) in (None, []) for key in known)


def emptied(value: Json) -> Json:
    """The same object with `null` wherever there was a value."""
    if isinstance(value, dict):
        return {key: emptied(item) for key, item in value.items()}
    return [emptied(item) for item in value] if isinstance(value, list) else None


def test_a_door_sensor_is_three_channels_and_a_battery() -> None:
    status: Status = {
        "sensor": {"state": "open", "is_valid": True},
        "accel": {"tilt": 5, "vibration": 0},
        "lux": {"value": 5, "illumination": "dark", "is_valid": True},
        "tmp": {"value": 20, "units": "C", "is_valid": True},
        "bat": {"value": 90, "voltage": 5.9},
    }
    assert sorted(channels(status)) == [
        *("battery/0", "door/0", "illuminance/0", "temperature/0", "tilt/0")
    ]


def test_a_power_supply_that_comes_first_leaves_the_battery_s_channel_as_it_is() -> None:
    alone = channels({"charger": True})["battery/0"]
    together = channels({"charger": True, "bat": {"value": 5}})["battery/0"]
    assert alone is together


THERMOSTATS: list[tuple[Status, str, Status]] = [
    (
        {
            "thermostats": [
                {
                    "pos": 12.5,
                    "target_t": {"enabled": True, "value": 21, "value_op": 8, "units": "C"},
                    "tmp": {"value": 19.3, "units": "C", "is_valid": True},
                    "schedule": True,
                    "schedule_profile": 1,
                    "boost_minutes": 0,
                    "window_open": False,
                }
            ]
        },
        "thermostat/0",
        {
            "target_temperature": 21,
            "current_temperature": 19.3,
            "enabled": True,
            "valve_position": 12.5,
            "schedule": True,
            "schedule_profile": 1,
            "boost_minutes": 0,
            "window_open": False,
        },
    ),
    (
        {
            "thermostats": [
                {
                    "target_t": {"enabled": False, "value": 68, "units": "F"},
                    "tmp": {"value": 66.2, "units": "F", "is_valid": True},
                }
            ]
        },
        "thermostat/0",
        {"target_temperature": 20.0, "current_temperature": 19.0, "enabled": False},
    ),
    (
        {
            "thermostat:0": {
                "id": 0,
                "enable": True,
                "target_C": 21,
                "target_F": 70,
                "current_C": 19.9,
                "current_F": 68,
                "output": False,
                "schedules": {"enable": False},
                "errors": [],
            }
        },
        "thermostat/0",
        {
            "enabled": True,
            "target_temperature": 21,
            "current_temperature": 19.9,
            "heating": False,
            "schedule": False,
            "errors": [],
        },
    ),
    (
        {
            "blutrv:200": {
                "id": 200,
                "target_C": 19,
                "current_C": 21,
                "pos": 0,
                "rssi": -58,
                "battery": 100,
                "packet_id": 29,
                "last_updated_ts": 1_790_000_000,
                "paired": True,
            }
        },
        "thermostat/200",
        {
            "target_temperature": 19,
            "current_temperature": 21,
            "valve_position": 0,
            "rssi": -58,
            "battery": 100,
            "last_updated": "2026-09-21T14:13:20Z",
            "paired": True,
        },
    ),
]


@pytest.mark.parametrize(("status", "channel", "expected"), THERMOSTATS)
def test_a_thermostat_has_the_same_words_in_every_generation(
    status: Status, channel: str, expected: Status
) -> None:
    assert only(status) == (channel, expected)


def test_a_diffuser_has_two_sides() -> None:
    vial = {"level": 70, "name": "Cedar", "serial": "x1"}
    left = {"on": True, "intensity": 40, "boost": None, "timer": None, "vial": vial}
    status: Status = {
        "cury:0": {
            "id": 0,
            "mode": None,
            "away_mode": False,
            "slots": {"left": left, "right": {"on": False, "intensity": 0, "vial": None}},
        }
    }
    assert only(status) == (
        "cury/0",
        {
            "mode": None,
            "away_mode": False,
            "left_on": True,
            "left_intensity": 40,
            "left_level": 70,
            "left_scent": "Cedar",
            "left_vial_serial": "x1",
            "left_boost": None,
            "left_timer": None,
            "right_on": False,
            "right_intensity": 0,
        },
    )


def test_values_may_be_asked_of_one_channel_of_many() -> None:
    assert values({"smoke": True, "flood": False}, "smoke/0") == {"smoke": True}


def entity_of(status: Status, channel: str, key: str) -> Entity:
    """How a key of a channel is shown."""
    (field,) = (each for each in channels(status)[channel].fields if each.key == key)
    assert field.entity is not None
    return field.entity


def test_the_second_speed_of_the_wind_is_that_of_its_gusts() -> None:
    status: Status = {"speed:0": {"value": 3.0}, "speed:1": {"value": 9.0}}
    assert entity_of(status, "speed/0", "speed").name is None
    assert entity_of(status, "speed/1", "speed").name == "Wind gust"


def test_a_dimmer_s_faults_are_problems() -> None:
    status: Status = {"loaderror": True, "overload": True}
    for key, name in (("loaderror", "Load error"), ("overload", "Overload")):
        entity = entity_of(status, "sys/0", key)
        assert (entity.device_class, entity.name, entity.enabled) == ("problem", name, True)


def test_the_distance_is_measured_and_the_vibration_noticed() -> None:
    distance = entity_of({"distance:0": {"value": 5}}, "distance/0", "distance")
    assert (distance.device_class, distance.state_class) == ("distance", "measurement")
    vibration = entity_of({"vibration:0": {"value": True}}, "vibration/0", "vibration")
    assert (vibration.device_class, vibration.platform) == ("vibration", "binary_sensor")
