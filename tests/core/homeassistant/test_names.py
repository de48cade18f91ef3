"""What people read: short where that is enough, never twice the same, and harmless."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import SettingsReported
from bridge.core.homeassistant.names import LONGEST, clean, of_class
from bridge.core.model import Json
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, Dialogue, grant, online, override

TOPIC = f"homeassistant/device/{DEVICE}/config"


def names(dialogue: Dialogue) -> dict[str, Json]:
    """Component → its name; `...` where it has none."""
    shown = dialogue.holds(TOPIC)["cmps"]
    return {key: options.get("name", ...) for key, options in shown.items()}


def told(status: dict[str, Json], **settings: Json) -> Dialogue:
    dialogue = online(grant(names=()), status=status, overrides=override(name="Boiler"))
    dialogue.says(SettingsReported(HOST, DEVICE, settings))
    dialogue.waits(5)
    return dialogue


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Pump", "Pump"),
        ("  Pump \r\n room\t", "Pump room"),
        ("\x00\x1b[31m\x7f\x9b", "[31m"),
        ("a\u2028b\u202ec\u2066d", "a b c d"),
        ("\ud800", None),
        ("", None),
        (" \n", None),
        (None, None),
        ("\"{{ 1/0 }}'", "\"{{ 1/0 }}'"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 hall",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 hall",
        ),
        ("x" * 10_000, "x" * LONGEST),
    ],
)
def test_a_name_is_one_line_of_bearable_length(text: str | None, shown: str | None) -> None:
    assert clean(text) == shown


def test_what_home_assistant_calls_a_class() -> None:
    assert of_class("apparent_power") == "Apparent power"
    assert of_class("pm25") == "PM2.5"


def test_the_only_channel_bears_the_name_of_the_device() -> None:
    found = names(told(payloads.gen1_relay()))
    assert found["relay_0"] is None
    assert found["relay_0_power"] is ...
    assert found["relay_0_errors_binary_sensor"] == "Problem"
    assert found["input_0"] == "Input 0"


def test_several_channels_have_names_of_their_own() -> None:
    found = names(told(payloads.two_switches(), **{"switch:1": {"id": 1, "name": "Valve"}}))
    assert (found["relay_0"], found["relay_1"]) == ("Relay 0", "Valve")
    assert (found["relay_0_power"], found["relay_1_power"]) == ("Relay 0 power", "Valve power")
    assert found["relay_1_result"] == "Valve last command"


def test_the_channel_that_is_called_as_the_device() -> None:
    named = {"switch:0": {"id": 0, "name": "Boiler"}, "switch:1": {"id": 1, "name": "Pump"}}
    found = names(told(payloads.two_switches(), **named))
    assert (found["relay_0"], found["relay_1"]) == (None, "Pump")
    assert (found["relay_0_power"], found["relay_1_power"]) == (..., "Pump power")


def test_two_channels_that_are_called_the_same() -> None:
    named = {f"switch:{number}": {"id": number, "name": "Lamp"} for number in (0, 1)}
    found = names(told(payloads.two_switches(), **named))
    assert (found["relay_0"], found["relay_1"]) == ("Lamp", "Lamp 2")
    both = {f"switch:{number}": {"id": number, "name": "Boiler"} for number in (0, 1)}
    found = names(told(payloads.two_switches(), **both))
    assert (found["relay_0"], found["relay_1"]) == (None, "Boiler 2")


def test_thermometers_are_not_called_temperature_twice() -> None:
    found = names(told(payloads.gen1_addon(), ext_temperature={}))
    assert found["temperature_100_temperature"] == "Temperature 100"
    assert found["temperature_101_temperature"] == "Temperature 101"


def test_what_somebody_called_by_a_name_bears_it() -> None:
    found = names(
        told(
            {"temperature:100": {"id": 100, "tC": 61.0}, "switch:0": payloads.switch()},
            **{"temperature:100": {"id": 100, "name": "Tank top"}},
        )
    )
    assert found["temperature_100_temperature"] == "Tank top temperature"
    meters = {f"em1:{number}": {"id": number, "act_power": 5.0} for number in (0, 1)}
    counted = {"em1data:0": {"id": 0, "total_act_energy": 5.0}}
    found = names(told({**meters, **counted}, **{"em1:0": {"id": 0, "name": "Solar"}}))
    assert (found["meter_0_power"], found["meter_1_power"]) == ("Solar power", "Meter 1 power")
    assert found["meter_0_energy"] == "Solar energy"


def test_the_sum_of_all_meters() -> None:
    emeters = [{"power": 5.0, "total": 1, "is_valid": True} for _ in range(3)]
    found = names(told({"emeters": emeters, "total_power": 15.0, "emeter_n": {"current": 0.1}}))
    assert found["meter_3_power"] == "Total power"
    assert found["meter_0_power"] == "Meter 0 power"


BLE: dict[str, Json] = {
    "bthomedevice:200": {"id": 200, "rssi": -60, "battery": 90, "last_updated_ts": 1_790_000_000},
    **{
        f"bthomesensor:{number}": {"id": number, "value": 20, "last_updated_ts": 1_790_000_000}
        for number in (200, 201, 202, 203)
    },
}


def ble(name: str | None, *objects: tuple[int, int]) -> dict[str, Json]:
    """The settings of a BLE device and its sensors, by object and index."""
    address = "11:22:33:44:55:66"
    sensors = {
        f"bthomesensor:{number}": {"id": number, "addr": address, "obj_id": what, "idx": index}
        for number, (what, index) in enumerate(objects, 200)
    }
    return {"bthomedevice:200": {"id": 200, "addr": address, "name": name}, **sensors}


@pytest.mark.parametrize(("name", "title"), [("Bath", "Bath"), (None, "BLE device 200")])
def test_what_a_gateway_hears_is_called_as_the_ble_device(name: str | None, title: str) -> None:
    found = names(told(BLE, **ble(name, (1, 0), (46, 0), (5, 0), (45, 0))))
    assert found["bthomesensor_201_value"] == f"{title} humidity"
    assert found["bthomesensor_203_value_binary_sensor"] == f"{title} window"
    assert found["bthomedevice_200_battery"] == f"{title} battery"
    assert found["bthomedevice_200_last_updated"] == f"{title} last updated"
    assert not [key for key in found if key.startswith("bthomesensor") and "updated" in key]


def test_alike_sensors_of_a_ble_device_keep_their_names_whatever_comes() -> None:
    found = names(told(BLE, **ble("Bath", (2, 1), (2, 0), (69, 0), (1, 0))))
    assert found["bthomesensor_201_value"] == "Bath temperature"
    assert found["bthomesensor_200_value"] == "Bath temperature 2"
    assert found["bthomesensor_202_value"] == "Bath temperature 202"
    assert found["bthomesensor_203_value"] == "Bath battery 203"


def test_a_valve_on_a_radiator_is_not_called_as_its_gateway() -> None:
    status = {"blutrv:200": {"id": 200, "target_C": 19.5, "current_C": 20.5, "pos": 40}}
    found = names(told(status, **{"blutrv:200": {"id": 200, "name": "Bedroom"}}))
    assert found["thermostat_200_valve_position"] == "Bedroom valve position"
    assert names(told(status))["thermostat_200_valve_position"] == "Valve position"


def test_a_valve_tells_its_battery_once() -> None:
    heard = {"rssi": -60, "battery": 90}
    status = {"blutrv:200": {"id": 200, "target_C": 19.5, **heard}, "bthomedevice:201": heard}
    bedroom = {"id": 200, "name": "Bedroom", "addr": "11:22:33:44:55:66"}
    dialogue = told(
        status,
        **{"blutrv:200": {**bedroom, "trv": "bthomedevice:201"}, "bthomedevice:201": bedroom},
    )
    shown = dialogue.holds(TOPIC)["cmps"]
    valve, twice = shown["thermostat_200_battery"], shown["bthomedevice_201_battery"]
    assert (valve["name"], valve.get("en")) == ("Bedroom battery", None)
    assert (twice["name"], twice.get("en")) == ("Bedroom battery 201", False)


def test_several_names_of_a_consent_are_those_of_the_channels() -> None:
    dialogue = online(grant(names=("Pump", "Pump valve")), status=payloads.two_switches())
    dialogue.waits(5)
    assert dialogue.holds(TOPIC)["dev"]["name"] == "SNSW-002P16EU 54dc"
    found = names(dialogue)
    assert (found["relay_0"], found["relay_1"]) == ("Pump", "Pump valve")


def test_a_device_that_is_called_as_one_of_its_values() -> None:
    dialogue = online(status=payloads.gen1_relay(), overrides=override(name="Last seen"))
    dialogue.waits(5)
    assert names(dialogue)["last_seen"] == "Last seen 2"


def test_a_device_without_a_name_has_its_id() -> None:
    dialogue = online(grant(names=()), status=payloads.gen1_relay())
    dialogue.waits(5)
    assert dialogue.holds(TOPIC)["dev"]["name"] == DEVICE


HOSTILE = st.text(max_size=40) | st.sampled_from(
    [
        *("{{ 1 / 0 }}", "{% raw %}", "a\"b'c", "\\", "\n", "x" * 10_000, "\U0001f642", "+/#"),
        *("None", "relay_0", "Power", "{{ value_json.state }}", "\u202eevil", "null", "Problem"),
    ]
)


@given(st.lists(HOSTILE, min_size=6, max_size=6))
def test_no_name_does_any_harm(texts: list[str]) -> None:
    device, first, second, inputs, area, virtual = texts
    dialogue = online(
        grant(names=(device, first)),
        status={**payloads.two_switches(), "number:200": {"value": 1}, "enum:200": {"value": "a"}},
        overrides=override(name=device or None, area=area or None),
    )
    settings: dict[str, Json] = {
        "sys": {"device": {"name": device}},
        "switch:0": {"id": 0, "name": first},
        "switch:1": {"id": 1, "name": second},
        "input:0": {"id": 0, "name": inputs},
        "number:200": {"id": 200, "name": virtual, "meta": {"ui": {"unit": virtual}}},
        "enum:200": {"id": 200, "name": first, "options": [virtual, second, "a"]},
    }
    dialogue.says(SettingsReported(HOST, DEVICE, settings))
    dialogue.waits(5)
    # The dialogue's guard has looked at it; the names are nowhere but in names and options.
    message = dialogue.holds(TOPIC)
    plain = online(status=payloads.two_switches())
    plain.says(SettingsReported(HOST, DEVICE, {}))
    plain.waits(5)
    for key, options in plain.holds(TOPIC)["cmps"].items():
        ours = message["cmps"][key]
        assert {each: ours[each] for each in ours.keys() - {"name"}} == {
            each: options[each] for each in options.keys() - {"name"}
        }
    assert json.dumps(message).isascii()
