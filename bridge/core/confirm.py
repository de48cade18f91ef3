"""Whether a channel's state shows that a command was carried out."""

from __future__ import annotations

from collections.abc import Mapping

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
    ThermostatCommand,
    Turn,
)
from bridge.core.kinds.fields import Values
from bridge.core.kinds.light import effect_name, effects
from bridge.core.model import Json

_AFTER: dict[Go, tuple[str, ...]] = {
    Go.OPEN: ("opening", "open"),
    Go.CLOSE: ("closing", "closed"),
    Go.STOP: ("stopped", "open", "closed"),
}

_NEAR = 2
"""Rollers stop within this many percent of where they were sent."""

_WARM = 0.051
"""Thermostats round a target by less than this (°C)."""


def is_absolute(command: Command) -> bool:
    """Whether doing it twice is the same as doing it once."""
    if isinstance(command, RelayCommand | LightCommand):
        return command.turn is not Turn.TOGGLE and command.timer is None
    if isinstance(command, RollerPosition):
        return command.relative is None and command.slat_relative is None
    if isinstance(command, RollerCommand):
        return command.duration is None
    return not isinstance(command, ButtonCommand)


def covers(newer: Command, older: Command) -> bool:
    """Whether `newer` makes `older`, which still waits, pointless."""
    if not is_absolute(newer) or not is_absolute(older):
        return False
    if isinstance(newer, LightCommand) and isinstance(older, LightCommand):
        return changed_keys(older) <= changed_keys(newer)
    if isinstance(newer, RollerPosition):
        return _drives_over(newer, older)
    if isinstance(newer, RollerCommand):
        return isinstance(older, RollerCommand | RollerPosition)
    if isinstance(newer, ThermostatCommand) and isinstance(older, ThermostatCommand):
        return _asked(older) <= _asked(newer)
    if isinstance(newer, SlotCommand) and isinstance(older, SlotCommand):
        return newer.slot is older.slot and _asked(older) <= _asked(newer)
    if isinstance(newer, BoostCommand) and isinstance(older, BoostCommand):
        return newer.slot is older.slot
    return type(newer) is type(older)


def _drives_over(newer: RollerPosition, older: Command) -> bool:
    """Whether `newer` decides about all that `older` does: the roller, its slats, or both."""
    if isinstance(older, RollerCommand):
        return newer.position is not None
    return isinstance(older, RollerPosition) and all(
        wanted is None or decided is not None
        for wanted, decided in (
            (older.position, newer.position),
            (older.slat_position, newer.slat_position),
        )
    )


def changed_keys(command: LightCommand) -> set[str]:
    """What of a light a command changes; how and for how long does not count."""
    names = ("turn", "brightness", "color_temp", "color", "white", "effect")
    return {name for name in names if getattr(command, name) is not None}


def _asked(command: ThermostatCommand | SlotCommand) -> set[str]:
    if isinstance(command, ThermostatCommand):
        parts = {"target": command.target_temperature, "enabled": command.enabled}
    else:
        parts = {"on": command.on, "intensity": command.intensity}
    return {name for name, value in parts.items() if value is not None}


def color_parts(values: Values) -> Mapping[str, Json]:
    """The parts of the colour that a light shows, if it shows one."""
    color = values.get("color")
    return color if isinstance(color, Mapping) else {}


def shows(command: Command, before: Values, now: Values) -> bool:
    """Whether the values `now` are what `command` asked for; `before` is from when it was sent."""
    if isinstance(command, RelayCommand):
        return _turned(command.turn, before, now)
    if isinstance(command, LightCommand):
        return _lit(command, before, now)
    if isinstance(command, RollerCommand):
        return now.get("state") in _AFTER[command.go]
    if isinstance(command, RollerPosition):
        return _positioned(command, before, now)
    if isinstance(command, SetValue):
        return _valued(command, now.get("value"))
    return _appliance(command, now)


def _turned(turn: Turn | None, before: Values, now: Values) -> bool:
    state = now.get("state")
    if turn is None:
        return True
    if turn is Turn.TOGGLE:
        return state is not None and state != before.get("state")
    return bool(state == turn.value.upper())


def _lit(command: LightCommand, before: Values, now: Values) -> bool:
    color = color_parts(now)
    wanted = (
        (command.brightness, now.get("brightness")),
        (command.color_temp, now.get("color_temp")),
        (command.color, (color.get("r"), color.get("g"), color.get("b"))),
        (command.white, color.get("w")),
        (
            None if command.effect is None else effect_name(command.effect, effects(now)),
            now.get("effect"),
        ),
    )
    same = all(value is None or value == shown for value, shown in wanted)
    return same and _turned(command.turn, before, now)


def _positioned(command: RollerPosition, before: Values, now: Values) -> bool:
    if command.relative is not None or command.slat_relative is not None:
        watched = ("state", "position", "target", "slat_position")
        return any(before.get(key) != now.get(key) for key in watched)
    if command.slat_position is not None and not _near(
        now.get("slat_position"), command.slat_position
    ):
        return False
    if command.position is None:
        return True
    if _near(now.get("target"), command.position) or _near(now.get("position"), command.position):
        return True
    start, state = before.get("position"), now.get("state")
    if not isinstance(start, int | float):
        return False
    if state == "opening":
        return start < command.position
    return state == "closing" and start > command.position


def _valued(command: SetValue, value: Json) -> bool:
    if isinstance(command.value, str):
        return bool(value == command.value)
    return _near(value, command.value, command.tolerance)


def _appliance(
    command: ButtonCommand
    | ThermostatCommand
    | MuteCommand
    | SlotCommand
    | BoostCommand
    | ModeCommand
    | AwayCommand,
    now: Values,
) -> bool:
    match command:
        case ButtonCommand():
            # A button has no state; that the device took the push is all there is to know.
            return True
        case ThermostatCommand(temperature, enabled):
            warm = temperature is None or _near(now.get("target_temperature"), temperature, _WARM)
            return warm and (enabled is None or now.get("enabled") is enabled)
        case MuteCommand():
            return now.get("mute") is True
        case SlotCommand(slot, on, intensity):
            lit = on is None or now.get(f"{slot}_on") is on
            return lit and (intensity is None or now.get(f"{slot}_intensity") == intensity)
        case BoostCommand(slot, on):
            return bool(now.get(f"{slot}_boost")) is on
        case ModeCommand(mode):
            return bool(now.get("mode") == mode)
        case AwayCommand(on):
            return now.get("away_mode") is on


def _near(value: object, wanted: float, distance: float = _NEAR) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value - wanted) <= distance
