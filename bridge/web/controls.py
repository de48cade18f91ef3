"""What can be pressed and moved on a channel's page, and what that tells the channel."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.core.kinds.light import effects
from bridge.core.model import Json
from bridge.core.views.shown import Channel

LONGEST_TEXT = 1_024

_COLOR = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", re.ASCII | re.IGNORECASE)
_SWITCHED = (("ON", "On"), ("OFF", "Off"))
_TOGGLED = (*_SWITCHED, ("TOGGLE", "Toggle"))
_MOVED = (("OPEN", "Open"), ("STOP", "Stop"), ("CLOSE", "Close"))
_FLAG = (("true", "On"), ("false", "Off"))


@dataclass(frozen=True, slots=True)
class Buttons:
    """One of a few words at a press; `words` are (what is told, what is written)."""

    key: str
    label: str
    words: tuple[tuple[str, str], ...]
    current: str = ""
    is_flag: bool = False
    form = "buttons"


@dataclass(frozen=True, slots=True)
class Slider:
    """A number within bounds."""

    key: str
    label: str
    lowest: float
    highest: float
    step: float
    unit: str
    value: float | None
    form = "slider"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of many words."""

    key: str
    label: str
    options: tuple[str, ...]
    value: str
    form = "choice"


@dataclass(frozen=True, slots=True)
class Color:
    """A colour, as `#rrggbb`."""

    key: str
    label: str
    value: str
    form = "color"


@dataclass(frozen=True, slots=True)
class Text:
    """Any text."""

    key: str
    label: str
    value: str
    longest: int
    form = "text"


Control = Buttons | Slider | Choice | Color | Text


class WrongValueError(ValueError):
    """What was entered cannot be told to the channel; the text is fit to be shown."""


def controls(channel: Channel) -> tuple[Control, ...]:
    """A control for each key that the channel's `/set` takes and that a hand can set."""
    values = {reading.key: reading.value for reading in channel.readings}
    made = []
    for key in channel.commands:
        make = _BY_KEY.get(key)
        control = None if make is None else make(channel, values)
        if control is not None:
            made.append(control)
    return tuple(made)


def wanted(channel: Channel, key: str, given: str) -> dict[str, Json]:
    """The JSON of a `/set` for what was entered; raises `WrongValueError`."""
    control = next((each for each in controls(channel) if each.key == key), None)
    match control:
        case Buttons(is_flag=True):
            return {key: given == "true"}
        case Buttons() | Choice():
            return {key: given}
        case Slider():
            return {key: _number(given)}
        case Color():
            return {key: _color(given)}
        case Text():
            if len(given) > LONGEST_TEXT:
                raise WrongValueError(f"{key}: at most {LONGEST_TEXT} characters")
            return {key: given}
    raise WrongValueError(f"{key[:40]}: this channel cannot be told that now")


def _number(given: str) -> float:
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise WrongValueError("this is not a number")
    return int(value) if value.is_integer() else value


def _color(given: str) -> Json:
    found = _COLOR.fullmatch(given)
    if found is None:
        raise WrongValueError("this is not a colour")
    return {part: int(digits, 16) for part, digits in zip("rgb", found.groups(), strict=True)}


_Values = Mapping[str, Json]
_Make = Callable[[Channel, _Values], Control | None]


def _state(channel: Channel, values: _Values) -> Control:
    words = {"roller": _MOVED, "cb": _SWITCHED}.get(channel.kind, _TOGGLED)
    return Buttons("state", "State", words, _word(values.get("state")))


def _word(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _flag(key: str, label: str) -> _Make:
    def make(_: Channel, values: _Values) -> Control:
        return Buttons(key, label, _FLAG, json.dumps(values.get(key) is True), is_flag=True)

    return make


def _push(key: str, label: str) -> _Make:
    return lambda _, __: Buttons(key, label, (("press", "Press"),))


def _percent(key: str, label: str) -> _Make:
    return lambda _, values: Slider(key, label, 0, 100, 1, "%", _known(values.get(key)))


def _known(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _fact(channel: Channel, key: str, otherwise: float) -> float:
    found = _known(channel.facts.get(key))
    return otherwise if found is None else found


def _color_temp(channel: Channel, values: _Values) -> Control:
    lowest, highest = _fact(channel, "ct_min", 2_700), _fact(channel, "ct_max", 6_500)
    value = _known(values.get("color_temp"))
    return Slider("color_temp", "Color temperature", lowest, highest, 50, "K", value)


def _color_control(_: Channel, values: _Values) -> Control:
    parts = values.get("color")
    parts = parts if isinstance(parts, Mapping) else {}
    levels = [min(max(int(_known(parts.get(part)) or 0), 0), 255) for part in "rgb"]
    return Color("color", "Color", "#{:02x}{:02x}{:02x}".format(*levels))


def _effect(_: Channel, values: _Values) -> Control | None:
    names = tuple(effects(dict(values)))
    return Choice("effect", "Effect", names, _word(values.get("effect"))) if names else None


def _white(_: Channel, values: _Values) -> Control:
    color = values.get("color")
    level = _known(color.get("w")) if isinstance(color, Mapping) else None
    return Slider("white", "White", 0, 255, 1, "", level)


def _target(channel: Channel, values: _Values) -> Control:
    lowest, highest = _fact(channel, "min", 5), _fact(channel, "max", 30)
    value = _known(values.get("target_temperature"))
    return Slider("target_temperature", "Target temperature", lowest, highest, 0.5, "°C", value)


def _value(channel: Channel, values: _Values) -> Control:
    value = values.get("value")
    if channel.kind == "number":
        step = _fact(channel, "step", 0) or 1
        lowest, highest = _fact(channel, "min", 0), _fact(channel, "max", 100)
        unit = _word(channel.facts.get("unit"))
        return Slider("value", "Value", lowest, highest, step, unit, _known(value))
    options = channel.facts.get("options")
    if channel.kind == "enum" and isinstance(options, list | tuple):
        return Choice("value", "Value", tuple(map(str, options)), _word(value))
    longest = min(int(_fact(channel, "max_len", LONGEST_TEXT)), LONGEST_TEXT)
    return Text("value", "Value", _word(value), longest)


_BY_KEY: dict[str, _Make] = {
    "state": _state,
    "brightness": _percent("brightness", "Brightness"),
    "position": _percent("position", "Position"),
    "slat_position": _percent("slat_position", "Slats"),
    "color_temp": _color_temp,
    "color": _color_control,
    "white": _white,
    "effect": _effect,
    "value": _value,
    "event": _push("event", "Button"),
    "mute": _push("mute", "Silence the alarm"),
    "target_temperature": _target,
    "enabled": _flag("enabled", "Heating"),
    "left_on": _flag("left_on", "Left"),
    "left_intensity": _percent("left_intensity", "Left intensity"),
    "left_boost": _flag("left_boost", "Left boost"),
    "right_on": _flag("right_on", "Right"),
    "right_intensity": _percent("right_intensity", "Right intensity"),
    "right_boost": _flag("right_boost", "Right boost"),
    "away_mode": _flag("away_mode", "Away"),
}
"""Key of a `/set` → its control; times, relative moves and transitions are for programs."""
