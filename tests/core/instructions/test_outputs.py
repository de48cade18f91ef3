"""Commands for relays, lights and rollers (topic conventions 3)."""

from __future__ import annotations

import pytest
from hypothesis import given

from bridge.core.commands import (
    Command,
    Go,
    LightCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
    Turn,
)
from bridge.core.device import ChannelState
from bridge.core.instructions.payload import read
from bridge.core.instructions.wanted import RefusedError
from bridge.core.model import Json
from tests.core import payloads
from tests.core.instructions.channels import (
    BULB,
    DIMMER,
    PLAIN,
    RELAY,
    ROLLER,
    SLATS,
    STRIP,
    UNCALIBRATED,
    channel,
    command,
    refused,
)
from tests.core.strategies import JSON

# Relays


@pytest.mark.parametrize("word", ["ON", "on", " On \n", "true", "1", '"on"', "TRUE", '"1"'])
def test_words_that_switch_on(word: str) -> None:
    assert command(word, RELAY) == RelayCommand(Turn.ON)


@pytest.mark.parametrize("word", ["OFF", "false", "0", "False"])
def test_words_that_switch_off(word: str) -> None:
    assert command(word, RELAY) == RelayCommand(Turn.OFF)


def test_toggle() -> None:
    assert command("toggle", RELAY) == RelayCommand(Turn.TOGGLE)
    assert command("TOGGLE", BULB) == LightCommand(Turn.TOGGLE, colored=True)


@pytest.mark.parametrize("value", [True, 1, "ON", "true"])
def test_a_state_in_json(value: Json) -> None:
    assert command({"state": value}, RELAY) == RelayCommand(Turn.ON)


def test_a_timer() -> None:
    assert command({"state": "ON", "timer": 30}, RELAY) == RelayCommand(Turn.ON, 30.0)


@pytest.mark.parametrize("payload", ["ON", "1", "true"])
def test_a_value_by_its_own_topic(payload: str) -> None:
    assert command(payload, RELAY, key="state") == RelayCommand(Turn.ON)


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ("OPEN", "state"),
        ("2", "state"),
        ("1.0", "state"),
        ("null", "state"),
        ("[1]", "state"),
        ({"state": None}, "state"),
        ({"state": {}}, "state"),
        ({"state": 5}, "state"),
        ({"timer": 5}, "state"),
        ({"state": "ON", "timer": 0}, "timer"),
        ({"state": "ON", "timer": 86_401}, "timer"),
        ({"state": "ON", "timer": "30"}, "timer"),
        ({"state": "ON", "timer": True}, "timer"),
        ({"state": "ON", "brightness": 5}, "brightness"),
        ({"State": "ON"}, "State"),
    ],
)
def test_what_is_wrong_with_a_relay_command_is_named(payload: Json, named: str) -> None:
    status, text = refused(payload, RELAY)
    assert status == "invalid"
    assert text.startswith(f"{named}:")


# Lights


def test_a_light_takes_all_that_it_reports() -> None:
    payload = {
        "state": "ON",
        "brightness": 50,
        "color": {"r": 1, "g": 2, "b": 3},
        "effect": 2,
        "transition": 0.5,
        "timer": 5,
    }
    assert command(payload, BULB) == LightCommand(
        Turn.ON, 50, None, (1, 2, 3), None, 2, 0.5, 5.0, colored=True
    )


def test_white_light_shows_no_colour() -> None:
    assert command({"color_temp": 3000}, BULB) == LightCommand(color_temp=3000, colored=False)


def test_a_brightness_is_for_what_is_shown() -> None:
    assert command({"brightness": 5}, BULB) == LightCommand(brightness=5, colored=True)
    assert command({"brightness": 5}, DIMMER) == LightCommand(brightness=5, colored=False)


def test_the_white_part_of_a_colour() -> None:
    with_white = {"color": {"r": 1, "g": 2, "b": 3, "w": 4}}
    expected = LightCommand(color=(1, 2, 3), white=4, colored=True)
    assert command(with_white, STRIP) == expected
    assert command({"color": {"r": 1, "g": 2, "b": 3}, "white": 4}, STRIP) == expected


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("brightness", "40", LightCommand(brightness=40, colored=True)),
        ("brightness", '"40"', LightCommand(brightness=40, colored=True)),
        ("brightness", "40.4", LightCommand(brightness=40, colored=True)),
        ("state", "OFF", LightCommand(Turn.OFF, colored=True)),
        ("effect", "3", LightCommand(effect=3, colored=True)),
        ("color", '{"r":1,"g":2,"b":3}', LightCommand(color=(1, 2, 3), colored=True)),
    ],
)
def test_a_light_s_value_by_its_own_topic(key: str, payload: str, expected: Command) -> None:
    assert command(payload, BULB, key) == expected


@pytest.mark.parametrize(
    ("word", "effect"),
    [("Breath", 3), (" flash\n", 4), ("On/Off Gradual", 5), ("3", 3), (3, 3), ("Off", 0)],
)
def test_an_effect_by_its_name_or_its_number(word: Json, effect: int) -> None:
    assert command({"effect": word}, BULB) == LightCommand(effect=effect, colored=True)
    assert command(str(word), BULB, "effect") == LightCommand(effect=effect, colored=True)


def test_an_led_controller_knows_fewer_effects() -> None:
    status: dict[str, Json] = {"lights": [{"mode": "color", "red": 1, "gain": 5, "effect": 0}]}
    strip = channel(status, "light")
    assert command({"effect": "Flash"}, strip) == LightCommand(effect=3, colored=True)
    text = "effect: must be one of Off, Meteor Shower, Gradual Change, Flash, or its number"
    for other in (4, "Breath"):
        assert refused({"effect": other}, strip) == ("invalid", text)


def test_an_effect_brings_a_white_bulb_to_show_a_colour() -> None:
    white = channel(payloads.gen1_bulb(mode="white"), "light")
    asked = {"effect": "Flash", "brightness": 40}
    assert command(asked, white) == LightCommand(effect=4, brightness=40, colored=True)
    assert command({"effect": "Off"}, white) == LightCommand(effect=0, colored=False)
    both = command({"effect": "Flash", "color_temp": 3000}, white)
    assert both == LightCommand(effect=4, color_temp=3000, colored=False)


@pytest.mark.parametrize(
    ("state", "seconds", "taken"),
    [
        (BULB, 5, 5.0),
        (BULB, 30, 5.0),
        (BULB, 0, 0.0),
        (DIMMER, 30, 30.0),
        (DIMMER, 3_600, 3_600.0),
        (DIMMER, 6_553, 3_600.0),
    ],
)
def test_a_transition_is_as_long_as_it_can_be(
    state: ChannelState, seconds: int, taken: float
) -> None:
    lit = command({"state": "ON", "transition": seconds}, state)
    assert isinstance(lit, LightCommand)
    assert lit.transition == taken


@pytest.mark.parametrize("word", ["1", "0", "50", "1.5"])
def test_a_bare_number_is_ambiguous_for_a_light(word: str) -> None:
    assert "ambiguous" in (read(word.encode(), None, "light").problem or "")


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({"brightness": 101}, "brightness"),
        ({"brightness": -1}, "brightness"),
        ({"brightness": True}, "brightness"),
        ({"brightness": None}, "brightness"),
        ({"brightness": "--5"}, "brightness"),
        ({"brightness": "-"}, "brightness"),
        ({"brightness": ""}, "brightness"),
        ({"brightness": "1e1"}, "brightness"),
        ({"brightness": "9" * 20}, "brightness"),
        ({"brightness": "٣"}, "brightness"),
        ({"color_temp": 0}, "color_temp"),
        ({"color": "red"}, "color"),
        ({"color": {"r": 1, "g": 2}}, "color"),
        ({"color": {"r": 1, "g": 2, "b": 256}}, "color.b"),
        ({"color": {"r": 1, "g": 2, "b": 3, "x": 4}}, "color.x"),
        ({"effect": 7}, "effect"),
        ({"effect": -1}, "effect"),
        ({"effect": "Fire"}, "effect"),
        ({"effect": ""}, "effect"),
        ({"effect": None}, "effect"),
        ({"effect": ["Flash"]}, "effect"),
        ({"transition": -1}, "transition"),
        ({"transition": "soon"}, "transition"),
        ({"position": 5}, "position"),
        # Nothing would happen.
        ({"transition": 2}, "state"),
        ({"timer": 5}, "state"),
    ],
)
def test_what_is_wrong_with_a_light_command_is_named(payload: Json, named: str) -> None:
    status, text = refused(payload, BULB)
    assert status == "invalid"
    assert text.startswith(f"{named}:")


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({"state": "ON", "brightness": 5}, "brightness"),
        ({"color_temp": 3000}, "color_temp"),
        ({"color": {"r": 1, "g": 2, "b": 3}}, "color"),
        ({"white": 5}, "white"),
        ({"effect": 1}, "effect"),
        ({"effect": "Flash"}, "effect"),
        ({"state": "ON", "transition": 1}, "transition"),
    ],
)
def test_what_a_light_does_not_have_is_not_sent(payload: Json, named: str) -> None:
    status, text = refused(payload, PLAIN)
    assert status == "unsupported"
    assert text.startswith(f"{named}:")


@given(JSON)
def test_a_light_with_a_member_of_our_name_makes_no_trouble(value: Json) -> None:
    odd = channel({"light:0": {"output": True, "color": value, "effect": value}}, "light")
    try:
        command({"white": 5, "effect": 1}, odd)
    except RefusedError:
        return


# Rollers


@pytest.mark.parametrize(
    ("word", "go"), [("OPEN", Go.OPEN), ("close", Go.CLOSE), (" Stop", Go.STOP)]
)
def test_words_for_a_roller(word: str, go: Go) -> None:
    assert command(word, ROLLER) == RollerCommand(go)


def test_a_roller_for_a_time() -> None:
    assert command({"state": "OPEN", "duration": 5}, ROLLER) == RollerCommand(Go.OPEN, 5.0)


@pytest.mark.parametrize("payload", ["40", {"position": 40}, {"position": "40"}])
def test_a_position(payload: Json) -> None:
    assert command(payload, ROLLER) == RollerPosition(40)
    assert command("40", ROLLER, key="position") == RollerPosition(40)


def test_relative_moves_and_slats() -> None:
    assert command({"relative": -5}, ROLLER) == RollerPosition(relative=-5)
    assert command({"slat_position": 5, "position": 0}, SLATS) == RollerPosition(0, None, 5)
    assert command({"slat_relative": -100}, SLATS) == RollerPosition(slat_relative=-100)


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ("ON", "state"),
        ("101", "position"),
        ("-1", "position"),
        ({"position": 1, "relative": 2}, "relative"),
        ({"slat_position": 1, "slat_relative": 2}, "slat_relative"),
        ({"state": "OPEN", "position": 2}, "state"),
        ({"duration": 5}, "duration"),
        ({"state": "OPEN", "duration": 0}, "duration"),
        ({"position": 5, "duration": 5}, "duration"),
        ({"state": "OPEN", "speed": 5}, "speed"),
    ],
)
def test_what_is_wrong_with_a_roller_command_is_named(payload: Json, named: str) -> None:
    status, text = refused(payload, SLATS)
    assert status == "invalid"
    assert text.startswith(f"{named}:")


def test_a_roller_that_knows_no_position() -> None:
    assert refused("40", UNCALIBRATED)[0] == "unsupported"
    assert refused({"relative": 1}, UNCALIBRATED)[0] == "unsupported"
    assert command("STOP", UNCALIBRATED) == RollerCommand(Go.STOP)


def test_a_roller_of_which_that_is_not_known() -> None:
    unknown = channel({"cover:0": {"state": "stopped"}}, "roller")
    assert refused("40", unknown)[0] == "unsupported"
    assert command("OPEN", unknown) == RollerCommand(Go.OPEN)
    knowing = channel({"cover:0": {"state": "stopped", "current_pos": 40}}, "roller")
    assert command("40", knowing) == RollerPosition(40)


def test_a_roller_without_slats() -> None:
    assert refused({"slat_position": 5}, ROLLER)[0] == "unsupported"


def test_a_colour_temperature_beyond_the_light_s_own_range() -> None:
    status = {"cct:0": {"output": True, "brightness": 5, "ct": 3000}}
    lamp = channel(status, "light", 0, {"ct_min": 2700, "ct_max": 6500})
    assert command({"color_temp": 2700}, lamp) == LightCommand(color_temp=2700)
    text = "color_temp: must be a number from 2700 to 6500"
    assert refused({"color_temp": 2699}, lamp) == ("invalid", text)
