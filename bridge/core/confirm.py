"""Whether a channel's state shows that a command was carried out."""

from __future__ import annotations

from bridge.core.kinds.fields import Values
from bridge.core.model import (
    Command,
    Go,
    LightCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
    Turn,
)

_AFTER: dict[Go, tuple[str, ...]] = {
    Go.OPEN: ("opening", "open"),
    Go.CLOSE: ("closing", "closed"),
    Go.STOP: ("stopped", "open", "closed"),
}

_NEAR = 2
"""Rollers stop within this many percent of where they were sent."""


def is_absolute(command: Command) -> bool:
    """Whether doing it twice is the same as doing it once."""
    if isinstance(command, RelayCommand | LightCommand):
        return command.turn is not Turn.TOGGLE and command.timer is None
    if isinstance(command, RollerPosition):
        return command.relative is None and command.slat_relative is None
    return command.duration is None


def covers(newer: Command, older: Command) -> bool:
    """Whether `newer` makes `older`, which still waits, pointless."""
    if not is_absolute(newer) or not is_absolute(older):
        return False
    if isinstance(newer, LightCommand) and isinstance(older, LightCommand):
        return _keys(older) <= _keys(newer)
    if isinstance(newer, RollerPosition) and isinstance(older, RollerPosition):
        return older.slat_position is None or newer.slat_position is not None
    rollers = RollerCommand | RollerPosition
    return type(newer) is type(older) or (isinstance(newer, rollers) and isinstance(older, rollers))


def _keys(command: LightCommand) -> set[str]:
    names = ("turn", "brightness", "color_temp", "color", "white", "effect")
    return {name for name in names if getattr(command, name) is not None}


def shows(command: Command, before: Values, now: Values) -> bool:
    """Whether the values `now` are what `command` asked for; `before` is from when it was sent."""
    if isinstance(command, RelayCommand):
        return _turned(command.turn, before, now)
    if isinstance(command, LightCommand):
        return _lit(command, before, now)
    if isinstance(command, RollerCommand):
        return now.get("state") in _AFTER[command.go]
    return _positioned(command, before, now)


def _turned(turn: Turn | None, before: Values, now: Values) -> bool:
    state = now.get("state")
    if turn is None:
        return True
    if turn is Turn.TOGGLE:
        return state is not None and state != before.get("state")
    return bool(state == turn.value.upper())


def _lit(command: LightCommand, before: Values, now: Values) -> bool:
    color = now.get("color") or {}
    wanted = (
        (command.brightness, now.get("brightness")),
        (command.color_temp, now.get("color_temp")),
        (command.color, (color.get("r"), color.get("g"), color.get("b"))),
        (command.white, color.get("w")),
        (None if command.effect is None else str(command.effect), now.get("effect")),
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
    start = before.get("position")
    moving = {"opening": 1, "closing": -1}.get(now.get("state") or "", 0)
    return start is not None and moving * (command.position - start) > 0


def _near(value: object, wanted: int) -> bool:
    return isinstance(value, int | float) and abs(value - wanted) <= _NEAR
