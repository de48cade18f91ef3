"""Whether a state shows that a command was carried out, and which commands replace each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.commands import (
    AwayCommand,
    BoostCommand,
    ButtonCommand,
    Command,
    Go,
    LightCommand,
    ModeCommand,
    MuteCommand,
    Push,
    RelayCommand,
    RollerCommand,
    RollerPosition,
    SetValue,
    Slot,
    SlotCommand,
    ThermostatCommand,
    Turn,
)
from bridge.core.confirm import changed_keys, covers, is_absolute, shows
from bridge.core.model import Json
from tests.core.strategies import JSON

ON, OFF, TOGGLE = (RelayCommand(turn) for turn in Turn)
OPEN, CLOSE, STOP = (RollerCommand(go) for go in Go)

Values = dict[str, Json]


@pytest.mark.parametrize(
    ("command", "before", "now", "shown"),
    [
        (ON, "OFF", "ON", True),
        (ON, "ON", "ON", True),
        (ON, "OFF", "OFF", False),
        (ON, "OFF", None, False),
        (OFF, "ON", "OFF", True),
        (TOGGLE, "OFF", "ON", True),
        (TOGGLE, "ON", "OFF", True),
        (TOGGLE, "ON", "ON", False),
        (TOGGLE, "ON", None, False),
        (TOGGLE, None, "ON", True),
    ],
)
def test_a_relay(command: Command, before: Json, now: Json, shown: bool) -> None:
    assert shows(command, {"state": before}, {"state": now}) is shown


LIT: Values = {
    "state": "ON",
    "brightness": 50,
    "color": {"r": 1, "g": 2, "b": 3, "w": 4},
    "effect": "Gradual Change",
    "color_temp": 3000,
}


@pytest.mark.parametrize(
    "command",
    [
        LightCommand(Turn.ON),
        LightCommand(brightness=50),
        LightCommand(color=(1, 2, 3)),
        LightCommand(white=4),
        LightCommand(effect=2),
        LightCommand(color_temp=3000),
        LightCommand(Turn.ON, 50, 3000, (1, 2, 3), 4, 2, transition=1.0),
    ],
)
def test_a_light_that_shows_it_all(command: Command) -> None:
    assert shows(command, {}, LIT)


@pytest.mark.parametrize(
    "command",
    [
        LightCommand(Turn.OFF),
        LightCommand(brightness=51),
        LightCommand(color=(1, 2, 4)),
        LightCommand(white=5),
        LightCommand(effect=0),
        LightCommand(color_temp=3001),
        LightCommand(Turn.ON, brightness=10),
    ],
)
def test_a_light_that_shows_something_else(command: Command) -> None:
    assert not shows(command, {}, LIT)
    assert not shows(command, {}, {**LIT, "state": None, "color": None, "effect": None})


def test_an_effect_goes_by_the_name_that_the_light_has_for_it() -> None:
    strip: Values = {"effect": "Flash", "color": {"r": 1, "g": 2, "b": 3}}
    assert shows(LightCommand(effect=3), {}, strip)
    assert not shows(LightCommand(effect=3), {}, {**strip, "color_temp": 3000})
    assert shows(LightCommand(effect=4), {}, {**strip, "color_temp": 3000})
    assert shows(LightCommand(effect=5), {}, {**strip, "effect": "5"})


@pytest.mark.parametrize(
    ("command", "state", "shown"),
    [
        (OPEN, "opening", True),
        (OPEN, "open", True),
        (OPEN, "closing", False),
        (OPEN, "stopped", False),
        (CLOSE, "closing", True),
        (CLOSE, "closed", True),
        (CLOSE, "open", False),
        (STOP, "stopped", True),
        (STOP, "open", True),
        (STOP, "closed", True),
        (STOP, "opening", False),
        (STOP, None, False),
    ],
)
def test_a_roller(command: Command, state: Json, shown: bool) -> None:
    assert shows(command, {}, {"state": state}) is shown


BEFORE: Values = {"state": "stopped", "position": 40, "target": None, "slat_position": 0}


@pytest.mark.parametrize(
    ("command", "now", "shown"),
    [
        # Its target, its position, or the way it goes.
        (RollerPosition(70), {"target": 70}, True),
        (RollerPosition(70), {"position": 69}, True),
        (RollerPosition(70), {"position": 72}, True),
        (RollerPosition(70), {"position": 67}, False),
        (RollerPosition(70), {"state": "opening"}, True),
        (RollerPosition(70), {"state": "closing"}, False),
        (RollerPosition(10), {"state": "closing"}, True),
        (RollerPosition(10), {"state": "opening"}, False),
        (RollerPosition(40), {"state": "stopped"}, True),
        (RollerPosition(70), {"state": "stopped"}, False),
        (RollerPosition(relative=5), {}, False),
        (RollerPosition(relative=5), {"state": "opening"}, True),
        (RollerPosition(relative=5), {"position": 45}, True),
        (RollerPosition(slat_position=50), {"slat_position": 49}, True),
        (RollerPosition(slat_position=50), {"slat_position": 0}, False),
        (RollerPosition(40, slat_position=50), {"slat_position": 50}, True),
        (RollerPosition(70, slat_position=50), {"slat_position": 50}, False),
        (RollerPosition(slat_relative=5), {"slat_position": 5}, True),
    ],
)
def test_a_roller_on_its_way(command: Command, now: Values, shown: bool) -> None:
    assert shows(command, BEFORE, {**BEFORE, **now}) is shown


@pytest.mark.parametrize("start", [None, "x", []])
def test_a_roller_that_did_not_know_where_it_was(start: Json) -> None:
    before: Values = {"position": start}
    assert not shows(RollerPosition(70), before, {"position": None, "state": "opening"})


@pytest.mark.parametrize(
    ("command", "now", "shown"),
    [
        (SetValue(21.5, 1e-6), {"value": 21.5}, True),
        (SetValue(21.5, 1e-6), {"value": 21.4999999}, True),
        (SetValue(21.5, 1e-6), {"value": 21.6}, False),
        (SetValue(21.3, 0.25), {"value": 21.5}, True),
        (SetValue(1, 0.25), {"value": True}, False),
        (SetValue(1, 0.25), {"value": None}, False),
        (SetValue(1, 0.25), {}, False),
        (SetValue("eco"), {"value": "eco"}, True),
        (SetValue("eco"), {"value": "full"}, False),
        (SetValue("1"), {"value": 1}, False),
        (ThermostatCommand(21.5), {"target_temperature": 21.5}, True),
        (ThermostatCommand(21.53), {"target_temperature": 21.5}, True),
        (ThermostatCommand(21.6), {"target_temperature": 21.5}, False),
        (ThermostatCommand(21.5), {"target_temperature": None}, False),
        (ThermostatCommand(enabled=True), {"enabled": True}, True),
        (ThermostatCommand(enabled=False), {"enabled": None}, False),
        (ThermostatCommand(20, enabled=True), {"target_temperature": 20, "enabled": False}, False),
        (MuteCommand(), {"mute": True}, True),
        (MuteCommand(), {"mute": False}, False),
        (SlotCommand(Slot.LEFT, on=True), {"left_on": True}, True),
        (SlotCommand(Slot.LEFT, on=True), {"right_on": True}, False),
        (SlotCommand(Slot.LEFT, intensity=40), {"left_intensity": 40}, True),
        (SlotCommand(Slot.LEFT, on=True, intensity=40), {"left_intensity": 40}, False),
        (BoostCommand(Slot.RIGHT, on=True), {"right_boost": {"started_at": 5}}, True),
        (BoostCommand(Slot.RIGHT, on=True), {"right_boost": None}, False),
        (BoostCommand(Slot.RIGHT, on=False), {"right_boost": None}, True),
        (ModeCommand("Evening"), {"mode": "Evening"}, True),
        (ModeCommand(None), {"mode": "Evening"}, False),
        (ModeCommand(None), {"mode": None}, True),
        (AwayCommand(on=True), {"away_mode": True}, True),
        (AwayCommand(on=True), {"away_mode": None}, False),
    ],
)
def test_other_things(command: Command, now: Values, shown: bool) -> None:
    assert shows(command, {}, now) is shown


def test_a_button_shows_nothing_and_so_nothing_is_waited_for() -> None:
    assert shows(ButtonCommand(), {}, {})


RELAYS = st.builds(RelayCommand, st.sampled_from(Turn), st.none() | st.just(5.0))
LIGHTS = st.builds(
    LightCommand,
    turn=st.none() | st.sampled_from(Turn),
    brightness=st.none() | st.integers(0, 100),
    color_temp=st.none() | st.just(3000),
    color=st.none() | st.just((1, 2, 3)),
    white=st.none() | st.just(4),
    effect=st.none() | st.just(2),
    timer=st.none() | st.just(5.0),
)
PARTS = st.none() | st.integers(0, 100)
ROLLERS = st.builds(RollerCommand, st.sampled_from(Go), st.none() | st.just(5.0)) | st.builds(
    RollerPosition, PARTS, PARTS, PARTS, PARTS
)
SLOTS = st.sampled_from(Slot)
FLAGS = st.none() | st.booleans()
OTHERS = (
    st.builds(SetValue, st.floats(-5, 5) | st.text(max_size=3), st.floats(0, 1))
    | st.builds(ButtonCommand, st.sampled_from(Push))
    | st.builds(ThermostatCommand, st.none() | st.floats(4, 35), FLAGS)
    | st.just(MuteCommand())
    | st.builds(SlotCommand, SLOTS, FLAGS, PARTS)
    | st.builds(BoostCommand, SLOTS, st.booleans())
    | st.builds(ModeCommand, st.none() | st.text(max_size=3))
    | st.builds(AwayCommand, st.booleans())
)
VALUES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            *("state", "brightness", "color", "effect", "position", "target", "value", "mode"),
            *("target_temperature", "enabled", "mute", "left_on", "right_boost", "away_mode"),
        ),
        JSON,
    ),
)


@given(RELAYS | LIGHTS | ROLLERS | OTHERS, VALUES, VALUES)
def test_no_state_makes_it_stumble(command: Command, before: Values, now: Values) -> None:
    assert shows(command, before, now) in (True, False)


@pytest.mark.parametrize(
    ("command", "absolute"),
    [
        (ON, True),
        (TOGGLE, False),
        (RelayCommand(Turn.ON, 5.0), False),
        (LightCommand(brightness=5), True),
        (LightCommand(Turn.TOGGLE), False),
        (LightCommand(Turn.ON, timer=5.0), False),
        (OPEN, True),
        (RollerCommand(Go.OPEN, 5.0), False),
        (RollerPosition(5), True),
        (RollerPosition(relative=5), False),
        (RollerPosition(slat_relative=5), False),
        (RollerPosition(5, slat_position=5), True),
        (SetValue(5), True),
        (ThermostatCommand(20), True),
        (BoostCommand(Slot.LEFT, on=True), True),
        (ButtonCommand(), False),
    ],
)
def test_doing_it_twice_is_doing_it_once_for_absolute_ones(
    command: Command, absolute: bool
) -> None:
    assert is_absolute(command) is absolute


@pytest.mark.parametrize(
    ("newer", "older", "covered"),
    [
        (ON, OFF, True),
        (ON, ON, True),
        (ON, TOGGLE, False),
        (TOGGLE, ON, False),
        (ON, RelayCommand(Turn.OFF, 5.0), False),
        (LightCommand(brightness=5), LightCommand(brightness=50), True),
        (LightCommand(Turn.ON, 5), LightCommand(brightness=50), True),
        # The colour would get lost.
        (LightCommand(brightness=5), LightCommand(color=(1, 2, 3)), False),
        (STOP, OPEN, True),
        (STOP, RollerPosition(5), True),
        (RollerPosition(5), OPEN, True),
        (RollerPosition(5), RollerPosition(50), True),
        (RollerPosition(5), RollerPosition(relative=5), False),
        (RollerPosition(relative=5), RollerPosition(5), False),
        # The roller's own way would get lost, or that of its slats.
        (RollerPosition(slat_position=5), RollerPosition(50), False),
        (RollerPosition(slat_position=5), OPEN, False),
        (RollerPosition(5), RollerPosition(5, slat_position=5), False),
        (RollerPosition(slat_position=5), RollerPosition(slat_position=6), True),
        (RollerPosition(5, slat_position=5), RollerPosition(6), True),
        (SetValue(5), SetValue(6), True),
        (ButtonCommand(), ButtonCommand(), False),
        (ThermostatCommand(20), ThermostatCommand(21), True),
        (ThermostatCommand(20), ThermostatCommand(enabled=True), False),
        (ThermostatCommand(20, enabled=True), ThermostatCommand(21), True),
        (SlotCommand(Slot.LEFT, on=True), SlotCommand(Slot.LEFT, on=False), True),
        (SlotCommand(Slot.LEFT, on=True), SlotCommand(Slot.RIGHT, on=False), False),
        (SlotCommand(Slot.LEFT, on=True), SlotCommand(Slot.LEFT, intensity=5), False),
        (BoostCommand(Slot.LEFT, on=True), BoostCommand(Slot.LEFT, on=False), True),
        (BoostCommand(Slot.LEFT, on=True), BoostCommand(Slot.RIGHT, on=False), False),
        (ModeCommand("a"), ModeCommand("b"), True),
        (ModeCommand("a"), AwayCommand(on=True), False),
    ],
)
def test_a_newer_command_replaces_what_it_decides(
    newer: Command, older: Command, covered: bool
) -> None:
    assert covers(newer, older) is covered


@given(LIGHTS, LIGHTS)
def test_no_wish_for_a_light_gets_lost(newer: LightCommand, older: LightCommand) -> None:
    if covers(newer, older):
        assert changed_keys(older) <= changed_keys(newer)
        assert is_absolute(older)
        assert is_absolute(newer)
