"""Commands in the native RPC (Shelly docs, Gen2 components and services)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import jsontext
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
    Target,
    ThermostatCommand,
    Turn,
)
from bridge.core.effects import SendCommand
from bridge.core.rpc import encode, knows, settled, shortest
from tests.core.dialogue import DEVICE, HOST

ON, OFF, TOGGLE = (RelayCommand(turn) for turn in Turn)


def call(component: str, command: Command, number: int = 0) -> tuple[str, dict[str, Any]]:
    return encode(SendCommand(HOST, DEVICE, Target(component, number), command, 18, 99.0))


TABLE: list[tuple[str, Command, str, dict[str, Any]]] = [
    ("switch", ON, "Switch.Set", {"on": True}),
    ("switch", OFF, "Switch.Set", {"on": False}),
    ("switch", TOGGLE, "Switch.Toggle", {}),
    ("switch", RelayCommand(Turn.ON, 30.0), "Switch.Set", {"on": True, "toggle_after": 30}),
    ("light", LightCommand(Turn.ON), "Light.Set", {"on": True}),
    ("light", LightCommand(Turn.TOGGLE), "Light.Toggle", {}),
    ("light", LightCommand(brightness=0), "Light.Set", {"brightness": 0}),
    (
        "light",
        LightCommand(Turn.ON, brightness=50, transition=1.5, timer=5.0),
        "Light.Set",
        {"on": True, "brightness": 50, "transition_duration": 1.5, "toggle_after": 5},
    ),
    *(
        (
            "light",
            LightCommand(Turn.ON, transition=asked),
            "Light.Set",
            {"on": True, "transition_duration": sent},
        )
        for asked, sent in ((0.0, 0.5), (0.1, 0.5), (0.6, 0.6), (3600.0, 3600))
    ),
    # One of `on` and `brightness` is required.
    ("rgb", LightCommand(color=(1, 2, 3)), "RGB.Set", {"on": True, "rgb": [1, 2, 3]}),
    (
        "rgb",
        LightCommand(brightness=9, color=(1, 2, 3)),
        "RGB.Set",
        {"brightness": 9, "rgb": [1, 2, 3]},
    ),
    (
        "rgbw",
        LightCommand(Turn.ON, color=(1, 2, 3), white=4, colored=True),
        "RGBW.Set",
        {"on": True, "rgb": [1, 2, 3], "white": 4},
    ),
    ("rgbw", LightCommand(white=4), "RGBW.Set", {"on": True, "white": 4}),
    (
        "rgbcct",
        LightCommand(Turn.ON, color_temp=3000),
        "RGBCCT.Set",
        {"on": True, "ct": 3000},
    ),
    ("cct", LightCommand(color_temp=3000), "CCT.Set", {"on": True, "ct": 3000}),
    ("cct", LightCommand(Turn.OFF), "CCT.Set", {"on": False}),
    ("cover", RollerCommand(Go.OPEN), "Cover.Open", {}),
    ("cover", RollerCommand(Go.CLOSE, 2.5), "Cover.Close", {"duration": 2.5}),
    ("cover", RollerCommand(Go.STOP), "Cover.Stop", {}),
    ("cover", RollerCommand(Go.STOP, 5.0), "Cover.Stop", {}),
    ("cover", RollerPosition(40), "Cover.GoToPosition", {"pos": 40}),
    ("cover", RollerPosition(relative=-5), "Cover.GoToPosition", {"rel": -5}),
    ("cover", RollerPosition(slat_position=0), "Cover.GoToPosition", {"slat_pos": 0}),
    ("cover", RollerPosition(slat_relative=7), "Cover.GoToPosition", {"slat_rel": 7}),
    (
        "cover",
        RollerPosition(40, slat_position=5),
        "Cover.GoToPosition",
        {"pos": 40, "slat_pos": 5},
    ),
    ("cb", OFF, "CB.Set", {"output": False}),
    ("boolean", ON, "Boolean.Set", {"value": True}),
    ("number", SetValue(21.5, 0.25), "Number.Set", {"value": 21.5}),
    ("number", SetValue(21.0), "Number.Set", {"value": 21}),
    ("text", SetValue(""), "Text.Set", {"value": ""}),
    ("enum", SetValue("eco"), "Enum.Set", {"value": "eco"}),
    ("button", ButtonCommand(Push.LONG), "Button.Trigger", {"event": "long_push"}),
    ("smoke", MuteCommand(), "Smoke.Mute", {}),
    ("cury", SlotCommand(Slot.LEFT, on=True), "Cury.Set", {"slot": "left", "on": True}),
    (
        "cury",
        SlotCommand(Slot.RIGHT, intensity=0),
        "Cury.Set",
        {"slot": "right", "intensity": 0},
    ),
    ("cury", BoostCommand(Slot.LEFT, on=True), "Cury.Boost", {"slot": "left"}),
    ("cury", BoostCommand(Slot.LEFT, on=False), "Cury.StopBoost", {"slot": "left"}),
    ("cury", ModeCommand("Evening"), "Cury.SetMode", {"mode": "Evening"}),
    ("cury", ModeCommand(None), "Cury.SetMode", {"mode": None}),
    ("cury", AwayCommand(on=False), "Cury.SetAwayMode", {"on": False}),
]


@pytest.mark.parametrize(("component", "command", "method", "parameters"), TABLE)
def test_a_call(component: str, command: Command, method: str, parameters: dict[str, Any]) -> None:
    assert call(component, command, 201) == (method, {"id": 201, **parameters})


def test_a_thermostat_is_set_by_its_configuration() -> None:
    command = ThermostatCommand(21.5, enabled=False)
    config = {"id": 1, "target_C": 21.5, "enable": False}
    assert call("thermostat", command, 1) == ("Thermostat.SetConfig", {"config": config})
    assert call("thermostat", ThermostatCommand(21.0))[1] == {"config": {"id": 0, "target_C": 21}}


def test_a_radiator_s_valve_is_called_through_its_gateway() -> None:
    assert call("blutrv", ThermostatCommand(19.5), 200) == (
        "BluTRV.Call",
        {"id": 200, "method": "Trv.SetTarget", "params": {"id": 0, "target_C": 19.5}},
    )
    with pytest.raises(ValueError, match="blutrv"):
        call("blutrv", ThermostatCommand(enabled=True), 200)


@pytest.mark.parametrize(
    ("component", "command"),
    [("relays", ON), ("switch", LightCommand(Turn.ON)), ("wifi", ON), ("number", ON)],
)
def test_what_a_component_does_not_take(component: str, command: Command) -> None:
    with pytest.raises(ValueError, match=component):
        call(component, command)


def test_gen1_has_no_rpc() -> None:
    assert knows("switch")
    assert not any(knows(name) for name in ("relays", "lights", "rollers", "thermostats"))


@pytest.mark.parametrize(
    ("component", "command", "state", "expected"),
    [
        ("switch", TOGGLE, "ON", TOGGLE),
        ("switch", RelayCommand(Turn.TOGGLE, 5.0), "ON", RelayCommand(Turn.OFF, 5.0)),
        ("switch", ON, "ON", ON),
        ("boolean", TOGGLE, "ON", OFF),
        ("boolean", TOGGLE, "OFF", ON),
        ("boolean", TOGGLE, None, ON),
        ("light", LightCommand(Turn.TOGGLE), "ON", LightCommand(Turn.TOGGLE)),
        (
            "rgb",
            LightCommand(Turn.TOGGLE, colored=True),
            "ON",
            LightCommand(Turn.TOGGLE, colored=True),
        ),
        (
            "light",
            LightCommand(Turn.TOGGLE, brightness=5),
            "ON",
            LightCommand(Turn.OFF, brightness=5),
        ),
        ("number", SetValue(5), "ON", SetValue(5)),
    ],
)
def test_a_toggle_without_a_method_becomes_absolute(
    component: str, command: Command, state: str | None, expected: Command
) -> None:
    assert settled(command, Target(component, 0), state) == expected


@pytest.mark.parametrize(("value", "short"), [(5.0, 5), (5, 5), (0.5, 0.5), (None, None)])
def test_numbers_have_no_needless_fraction(value: float | None, short: float | None) -> None:
    assert json.dumps(shortest(value)) == json.dumps(short)


PERCENT = st.none() | st.integers(0, 100)
SECONDS = st.none() | st.floats(0.1, 3_600)
FLAGS = st.none() | st.booleans()
COMMANDS: dict[str, st.SearchStrategy[Command]] = {
    "switch": st.builds(RelayCommand, st.sampled_from(Turn), SECONDS),
    **dict.fromkeys(
        ("light", "rgb", "rgbw", "rgbcct", "cct"),
        st.builds(
            LightCommand,
            turn=st.none() | st.sampled_from(Turn),
            brightness=PERCENT,
            color_temp=st.none() | st.integers(1_000, 12_000),
            color=st.none() | st.tuples(*[st.integers(0, 255)] * 3),
            white=st.none() | st.integers(0, 255),
            effect=st.none() | st.integers(0, 6),
            transition=SECONDS,
            timer=SECONDS,
            colored=st.booleans(),
        ),
    ),
    "cover": st.builds(RollerCommand, st.sampled_from(Go), SECONDS)
    | st.builds(RollerPosition, PERCENT, PERCENT, PERCENT, PERCENT),
    **dict.fromkeys(("cb", "boolean"), st.builds(RelayCommand, st.sampled_from(Turn))),
    "thermostat": st.builds(ThermostatCommand, st.none() | st.floats(5, 35), FLAGS),
    "blutrv": st.builds(ThermostatCommand, st.floats(4, 30)),
    "number": st.builds(SetValue, st.floats(allow_nan=False, allow_infinity=False)),
    **dict.fromkeys(("text", "enum"), st.builds(SetValue, st.text())),
    "button": st.builds(ButtonCommand, st.sampled_from(Push)),
    "smoke": st.just(MuteCommand()),
    "cury": st.builds(SlotCommand, st.sampled_from(Slot), FLAGS, PERCENT)
    | st.builds(BoostCommand, st.sampled_from(Slot), st.booleans())
    | st.builds(ModeCommand, st.none() | st.text())
    | st.builds(AwayCommand, st.booleans()),
}
KNOWN = {
    "Switch.Set": {"id", "on", "toggle_after"},
    "Cover.Open": {"id", "duration"},
    "Cover.Close": {"id", "duration"},
    "Cover.GoToPosition": {"id", "pos", "rel", "slat_pos", "slat_rel"},
    "CB.Set": {"id", "output"},
    "Thermostat.SetConfig": {"config"},
    "BluTRV.Call": {"id", "method", "params"},
    "Button.Trigger": {"id", "event"},
    "Cury.Set": {"id", "slot", "on", "intensity"},
    "Cury.Boost": {"id", "slot"},
    "Cury.StopBoost": {"id", "slot"},
    "Cury.SetMode": {"id", "mode"},
    "Cury.SetAwayMode": {"id", "on"},
    **{f"{name}.Set": {"id", "value"} for name in ("Boolean", "Number", "Text", "Enum")},
    **{
        f"{name}.Set": {
            *("id", "on", "brightness", "rgb", "white", "ct"),
            *("transition_duration", "toggle_after"),
        }
        for name in ("Light", "RGB", "RGBW", "RGBCCT", "CCT")
    },
}
"""The parameters of every method; what is not listed takes only `id`."""

PAIRS = st.sampled_from(sorted(COMMANDS)).flatmap(
    lambda component: st.tuples(st.just(component), COMMANDS[component])
)


@given(PAIRS, st.sampled_from(["ON", "OFF", None]), st.integers(0, 299))
def test_every_command_is_a_call_with_known_parameters(
    pair: tuple[str, Command], state: str | None, number: int
) -> None:
    component, command = pair
    target = Target(component, number)
    method, parameters = call(component, settled(command, target, state), number)
    assert set(parameters) <= KNOWN.get(method, {"id"})
    assert jsontext.parse(jsontext.dump(parameters).encode()) == parameters
    assert parameters.get("id", number) == number
    empty = {key for key, value in parameters.items() if value is None}
    assert empty <= ({"mode"} if method == "Cury.SetMode" else set())
