"""Commands in the native RPC of Gen2+ devices: each one is a method and its parameters.

(Shelly docs, Gen2 components and services; `Cury`, `RGBCCT` and `BluTRV` as aioshelly calls them.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bridge.core.commands import (
    AwayCommand,
    BoostCommand,
    ButtonCommand,
    Command,
    Go,
    LightCommand,
    ModeCommand,
    MuteCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
    SetValue,
    SlotCommand,
    Target,
    ThermostatCommand,
    Turn,
)
from bridge.core.effects import SendCommand
from bridge.core.model import Json

Call = tuple[str, dict[str, Json]]
"""A method and its parameters."""

RADIO_LIMIT = 60.0
"""How long (s) a gateway may take for the answer of another device, as aioshelly gives it."""

_BY_RADIO = "blutrv"

_MOVES = {Go.OPEN: "Open", Go.CLOSE: "Close", Go.STOP: "Stop"}


def encode(send: SendCommand) -> Call:
    """The call that carries a command out.

    Raises `ValueError` for a command that its component does not understand.
    """
    kinds, build = _COMPONENTS.get(send.target.component, _NOTHING)
    if not isinstance(send.command, kinds):
        raise ValueError(f"{send.target.component} does not take a {type(send.command).__name__}")
    return build(send.target.number, send.command)


def knows(component: str) -> bool:
    """Whether components of that type can be told anything."""
    return component in _COMPONENTS


def answer_limit(component: str, usual: float) -> float:
    """How long (s) an answer may take, where it usually may take `usual`.

    `component` is one's type, or a method of it in any case.
    """
    by_radio = component.partition(".")[0].lower() == _BY_RADIO
    return max(usual, RADIO_LIMIT) if by_radio else usual


def settled(command: Command, target: Target, state: Json) -> Command:
    """A toggle that its component has no method for, made absolute by the `state` it is in.

    `Toggle` takes no further parameters, and flags and breakers do not have it at all.
    """
    if isinstance(command, RelayCommand):
        alone = command.timer is None
    elif isinstance(command, LightCommand):
        alone = command == LightCommand(command.turn, colored=command.colored)
    else:
        return command
    if command.turn is not Turn.TOGGLE or (alone and target.component not in _WITHOUT_TOGGLE):
        return command
    return replace(command, turn=Turn.OFF if state == "ON" else Turn.ON)


_SHORTEST_TRANSITION = 0.5
"""Less than this (s) is not sent, as Home Assistant's own Shelly integration does not."""

_LONGEST_WHOLE = 2**53
"""Whole numbers beyond this are not exact as a float anyway."""


def shortest(value: float | None) -> float | int | None:
    """The same number, without a fraction that is zero; a huge one stays short by its exponent."""
    if value is None or not float(value).is_integer() or abs(value) > _LONGEST_WHOLE:
        return value
    return int(value)


def _call(method: str, number: int, **parameters: Json) -> Call:
    given = {key: value for key, value in parameters.items() if value is not None}
    return method, {"id": number, **given}


def _switch(number: int, command: RelayCommand) -> Call:
    if command.turn is Turn.TOGGLE:
        return _call("Switch.Toggle", number)
    on = command.turn is Turn.ON
    return _call("Switch.Set", number, on=on, toggle_after=shortest(command.timer))


def _light(namespace: str) -> Callable[[int, LightCommand], Call]:
    def build(number: int, command: LightCommand) -> Call:
        if command.turn is Turn.TOGGLE:
            return _call(f"{namespace}.Toggle", number)
        on = None if command.turn is None else command.turn is Turn.ON
        if on is None and command.brightness is None:
            # One of the two is required; who asks for a colour wants to see it.
            on = True
        return _call(
            f"{namespace}.Set",
            number,
            on=on,
            brightness=command.brightness,
            rgb=None if command.color is None else list(command.color),
            white=command.white,
            ct=command.color_temp,
            transition_duration=_transition(command.transition),
            toggle_after=shortest(command.timer),
        )

    return build


def _transition(seconds: float | None) -> float | int | None:
    return None if seconds is None else shortest(max(seconds, _SHORTEST_TRANSITION))


def _cover(number: int, command: RollerCommand | RollerPosition) -> Call:
    if isinstance(command, RollerCommand):
        duration = None if command.go is Go.STOP else shortest(command.duration)
        return _call(f"Cover.{_MOVES[command.go]}", number, duration=duration)
    return _call(
        "Cover.GoToPosition",
        number,
        pos=command.position,
        rel=command.relative,
        slat_pos=command.slat_position,
        slat_rel=command.slat_relative,
    )


def _breaker(number: int, command: RelayCommand) -> Call:
    return _call("CB.Set", number, output=command.turn is Turn.ON)


def _boolean(number: int, command: RelayCommand) -> Call:
    return _call("Boolean.Set", number, value=command.turn is Turn.ON)


def _value(namespace: str) -> Callable[[int, SetValue], Call]:
    def build(number: int, command: SetValue) -> Call:
        value = command.value
        told = value if isinstance(value, str) else shortest(value)
        return _call(f"{namespace}.Set", number, value=told)

    return build


def _button(number: int, command: ButtonCommand) -> Call:
    return _call("Button.Trigger", number, event=command.push.value)


def _thermostat(number: int, command: ThermostatCommand) -> Call:
    config: dict[str, Json] = {"id": number}
    if command.target_temperature is not None:
        config["target_C"] = shortest(command.target_temperature)
    if command.enabled is not None:
        config["enable"] = command.enabled
    return "Thermostat.SetConfig", {"config": config}


def _radiator(number: int, command: ThermostatCommand) -> Call:
    """A BLU TRV is called through its gateway; there its own thermostat is number 0."""
    if command.target_temperature is None:
        raise ValueError("a blutrv takes nothing but a temperature")
    target = {"id": 0, "target_C": shortest(command.target_temperature)}
    return "BluTRV.Call", {"id": number, "method": "Trv.SetTarget", "params": target}


def _mute(number: int, _: MuteCommand) -> Call:
    return _call("Smoke.Mute", number)


def _cury(number: int, command: SlotCommand | BoostCommand | ModeCommand | AwayCommand) -> Call:
    match command:
        case SlotCommand(slot, on, intensity):
            return _call("Cury.Set", number, slot=slot.value, on=on, intensity=intensity)
        case BoostCommand(slot, on):
            return _call("Cury.Boost" if on else "Cury.StopBoost", number, slot=slot.value)
        case ModeCommand(mode):
            return "Cury.SetMode", {"id": number, "mode": mode}
        case AwayCommand(on):
            return _call("Cury.SetAwayMode", number, on=on)


_Entry = tuple[tuple[type[Command], ...], Callable[[int, Any], Call]]

_SCENT = (SlotCommand, BoostCommand, ModeCommand, AwayCommand)

_NOTHING: _Entry = ((), _mute)

_COMPONENTS: dict[str, _Entry] = {
    "switch": ((RelayCommand,), _switch),
    "light": ((LightCommand,), _light("Light")),
    "rgb": ((LightCommand,), _light("RGB")),
    "rgbw": ((LightCommand,), _light("RGBW")),
    "rgbcct": ((LightCommand,), _light("RGBCCT")),
    "cct": ((LightCommand,), _light("CCT")),
    "cover": ((RollerCommand, RollerPosition), _cover),
    "cb": ((RelayCommand,), _breaker),
    "thermostat": ((ThermostatCommand,), _thermostat),
    "blutrv": ((ThermostatCommand,), _radiator),
    "boolean": ((RelayCommand,), _boolean),
    "number": ((SetValue,), _value("Number")),
    "text": ((SetValue,), _value("Text")),
    "enum": ((SetValue,), _value("Enum")),
    "button": ((ButtonCommand,), _button),
    "cury": (_SCENT, _cury),
    "smoke": ((MuteCommand,), _mute),
}
"""Component type → the commands that it takes, and how they are called."""

_WITHOUT_TOGGLE = frozenset({"boolean", "cb"})
