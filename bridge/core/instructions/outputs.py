"""Commands for relays, lights and rollers."""

from __future__ import annotations

import math

from bridge.core.commands import (
    Command,
    Go,
    LightCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
)
from bridge.core.confirm import changed_keys, color_parts
from bridge.core.device import ChannelState
from bridge.core.instructions.wanted import TURNS, RefusedError, Wanted, missing
from bridge.core.kinds.convert import number
from bridge.core.kinds.fields import Values
from bridge.core.kinds.light import effects

_GOES = {"open": Go.OPEN, "close": Go.CLOSE, "stop": Go.STOP}

_LONGEST_TIMER = 86_400

_LONGEST_TRANSITION = 3_600.0
_LONGEST_GEN1_TRANSITION = 5.0
"""What lights take (s); a longer transition is as long as it can be (Shelly docs, Gen1 lights)."""


def relay(wanted: Wanted, _: ChannelState) -> Command:
    """Switch an output."""
    turn = wanted.choice("state", TURNS)
    timer = wanted.number("timer", 0.1, _LONGEST_TIMER)
    wanted.end()
    if turn is None:
        raise missing("state")
    return RelayCommand(turn, timer)


def light(wanted: Wanted, state: ChannelState) -> Command:
    """Change a light in whatever it has."""
    turn = wanted.choice("state", TURNS)
    brightness = wanted.whole("brightness", 0, 100)
    color_temp = wanted.whole("color_temp", *_kelvins(state))
    color, white = _color(wanted)
    values = state.values
    effect = _effect(wanted, values)
    command = LightCommand(
        turn=turn,
        brightness=brightness,
        color_temp=color_temp,
        color=color,
        white=white,
        effect=effect,
        transition=_transition(wanted, state),
        timer=wanted.number("timer", 0.1, _LONGEST_TIMER),
        colored=_is_colored(
            values,
            color=color is not None or (bool(effect) and color_temp is None),
            temp=color_temp is not None,
        ),
    )
    wanted.end()
    has = light_keys(state)
    asked = (
        ("brightness", command.brightness),
        ("color_temp", command.color_temp),
        ("color", command.color),
        ("white", command.white),
        ("effect", command.effect),
        ("transition", command.transition),
    )
    for key, value in asked:
        if value is not None and key not in has:
            raise _not_there(key)
    if not changed_keys(command):
        raise missing("state")
    return command


def light_keys(state: ChannelState) -> list[str]:
    """What can be changed of a light besides on and off: what it reports."""
    values = state.values
    gen1 = _is_gen1(state)
    has = (
        ("brightness", "brightness" in values),
        ("color", "color" in values),
        ("white", "w" in color_parts(values)),
        ("color_temp", "color_temp" in values),
        ("effect", gen1 and "effect" in values),
        ("transition", ("transition" if gen1 else "brightness") in values),
    )
    return [key for key, there in has if there]


def _not_there(key: str) -> RefusedError:
    return RefusedError("unsupported", f"{key}: this light does not have it")


def _is_gen1(state: ChannelState) -> bool:
    return state.channel.target.component == "lights"


def _effect(wanted: Wanted, values: Values) -> int | None:
    """Shelly's number of an effect, which may be told by its name."""
    names = effects(values)
    if "effect" in wanted and not names:
        raise _not_there("effect")
    return wanted.place("effect", names)


def _transition(wanted: Wanted, state: ChannelState) -> float | None:
    """As long as the light can take for it, at most."""
    longest = _LONGEST_GEN1_TRANSITION if _is_gen1(state) else _LONGEST_TRANSITION
    seconds = wanted.number("transition", 0, math.inf)
    return None if seconds is None else min(seconds, longest)


def _kelvins(state: ChannelState) -> tuple[float, float]:
    """The colour temperatures that the light's settings allow, or all that any light has."""
    facts = state.channel.facts
    return number(facts.get("ct_min")) or 1_000, number(facts.get("ct_max")) or 12_000


def _color(wanted: Wanted) -> tuple[tuple[int, int, int] | None, int | None]:
    white = wanted.whole("white", 0, 255)
    color = wanted.mapping("color")
    if color is None:
        return None, white
    parts = Wanted(color)
    try:
        red, green, blue = (parts.whole(key, 0, 255) for key in "rgb")
        white_part = parts.whole("w", 0, 255)
        parts.end()
    except RefusedError as error:
        raise RefusedError(error.status, f"color.{error}") from None
    if red is None or green is None or blue is None:
        raise RefusedError("invalid", "color: needs r, g and b")
    return (red, green, blue), white if white_part is None else white_part


def _is_colored(values: Values, *, color: bool, temp: bool) -> bool:
    """Whether the light shows a colour once the command is done."""
    if color or temp:
        return color
    return values.get("color_mode") in ("rgb", "rgbw")


def roller(wanted: Wanted, state: ChannelState) -> Command:
    """Move a roller, or drive it and its slats to a position."""
    go = wanted.choice("state", _GOES)
    duration = wanted.number("duration", 0.1, 3_600)
    position = RollerPosition(
        position=wanted.whole("position", 0, 100),
        relative=wanted.whole("relative", -100, 100),
        slat_position=wanted.whole("slat_position", 0, 100),
        slat_relative=wanted.whole("slat_relative", -100, 100),
    )
    wanted.end()
    driven = position != RollerPosition()
    if go is not None:
        if driven:
            raise RefusedError("invalid", "state: not together with a position")
        return RollerCommand(go, duration)
    if duration is not None:
        raise RefusedError("invalid", "duration: needs a state")
    if not driven:
        raise missing("state")
    _check_position(position, state)
    return position


def roller_keys(state: ChannelState) -> list[str]:
    """What a roller can be driven by: nothing unless it is known to know its position."""
    if state.values.get("calibrated") is not True:
        return []
    slats = ["slat_position", "slat_relative"] if "slat_position" in state.values else []
    return ["position", "relative", *slats]


def _check_position(position: RollerPosition, state: ChannelState) -> None:
    if position.position is not None and position.relative is not None:
        raise RefusedError("invalid", "relative: not together with position")
    if position.slat_position is not None and position.slat_relative is not None:
        raise RefusedError("invalid", "slat_relative: not together with slat_position")
    keys = roller_keys(state)
    if not keys:
        raise RefusedError("unsupported", "position: this roller is not calibrated")
    slats = position.slat_position is not None or position.slat_relative is not None
    if slats and "slat_position" not in keys:
        raise RefusedError("unsupported", "slat_position: this roller has no slats")
