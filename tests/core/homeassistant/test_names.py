"""What people read: short where that is enough, never twice the same, and harmless."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.homeassistant.names import LONGEST, clean, of_class
from bridge.core.model import Json, SettingsReported
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
