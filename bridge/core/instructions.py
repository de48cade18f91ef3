"""What somebody published to a `/set` topic, made into a command or a refusal that says why."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bridge.core import jsontext
from bridge.core.commands import (
    Command,
    Go,
    LightCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
    Turn,
)
from bridge.core.confirm import changed_keys, color_parts
from bridge.core.device import ChannelState
from bridge.core.kinds.fields import Values
from bridge.core.model import (
    Json,
)
from bridge.errors import FrameError

LONGEST_PAYLOAD = 8_192
"""Bytes of a `/set` payload; a real one has a tenth of a percent of that."""

LONGEST_ID = 256
"""Characters of an `id` that is echoed."""

_TURNS: dict[Json, Turn] = {
    "on": Turn.ON,
    "off": Turn.OFF,
    "toggle": Turn.TOGGLE,
    "true": Turn.ON,
    "false": Turn.OFF,
    "1": Turn.ON,
    "0": Turn.OFF,
}
_WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_GOES = {"open": Go.OPEN, "close": Go.CLOSE, "stop": Go.STOP}


class RefusedError(Exception):
    """The instruction cannot be followed; `status` is the result word, the text says why."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Instruction:
    """A `/set` payload, taken apart: the wanted keys, and the sender's `id` and `ttl` (s)."""

    wanted: Mapping[str, Json]
    id: Json = None
    ttl: float | None = None
    problem: str | None = field(default=None)
    """What is wrong with the payload itself; then there is nothing wanted."""


def read(payload: bytes, key: str | None, kind: str) -> Instruction:
    """Take a payload apart; `key` is the last level of `…/set/<key>`.

    Plain words and JSON are both fine. What cannot be read is told in `problem`.
    """
    if len(payload) > LONGEST_PAYLOAD:
        return Instruction({}, problem=f"the payload is longer than {LONGEST_PAYLOAD} bytes")
    stripped = payload.strip()
    if key is not None:
        return Instruction({key: _plain(stripped)})
    if not stripped.startswith(b"{"):
        return _from_word(_plain(stripped), kind)
    try:
        wanted = jsontext.parse_object(stripped)
    except FrameError as error:
        return Instruction({}, problem=str(error))
    return _from_object(wanted)


def _plain(payload: bytes) -> Json:
    try:
        value = jsontext.parse(payload)
    except FrameError:
        return payload.decode(errors="replace")
    return payload.decode() if isinstance(value, bool | None) else value


def _from_word(word: Json, kind: str) -> Instruction:
    if kind == "roller" and _is_number(word):
        return Instruction({"position": word})
    if kind == "light" and _is_number(word):
        return Instruction({}, problem="a bare number is ambiguous: send a state or a JSON object")
    return Instruction({"state": word})


def _from_object(wanted: dict[str, Json]) -> Instruction:
    identity = wanted.pop("id", None)
    if isinstance(identity, dict | list):
        return Instruction({}, problem="id: must be a text, a number, true, false or null")
    if len(str(identity)) > LONGEST_ID:
        return Instruction({}, problem=f"id: longer than {LONGEST_ID} characters")
    ttl = wanted.pop("ttl", None)
    if ttl is not None and (not _is_number(ttl) or not 0 < ttl <= 3600):
        return Instruction({}, identity, problem="ttl: must be a number of seconds up to 3600")
    if not wanted:
        return Instruction({}, identity, ttl, problem="there is nothing to do in it")
    return Instruction(wanted, identity, ttl)


def to_command(wanted: Mapping[str, Json], channel: ChannelState) -> Command:
    """The command for a channel; raises `RefusedError` naming the key that is wrong."""
    builder = _BUILDERS.get(channel.channel.kind)
    if builder is None:
        raise RefusedError("unsupported", f"{channel.channel.kind} cannot be told anything")
    return builder(_Wanted(wanted), channel.values)


class _Wanted:
    """Takes the wanted keys one by one, and knows at the end which were not understood."""

    def __init__(self, wanted: Mapping[str, Json]) -> None:
        self._left = dict(wanted)

    def choice(self, key: str, words: Mapping[Json, Turn] | Mapping[str, Go]) -> str | None:
        if key not in self._left:
            return None
        value = self._left.pop(key)
        if isinstance(value, bool | int | float):
            value = str(value)
        word = words.get(value.strip().lower()) if isinstance(value, str) else None
        if word is None:
            known = ", ".join(sorted({str(item) for item in words.values()}))
            raise RefusedError("invalid", f"{key}: must be one of {known}")
        return word

    def number(self, key: str, lowest: float, highest: float) -> float | None:
        if key not in self._left:
            return None
        value = self._left.pop(key)
        if not _is_number(value) or not lowest <= value <= highest:
            raise RefusedError("invalid", f"{key}: must be a number from {lowest} to {highest}")
        return float(value)

    def whole(self, key: str, lowest: int, highest: int) -> int | None:
        value = self._left.get(key)
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            self._left[key] = int(value)
        found = self.number(key, lowest, highest)
        return None if found is None else round(found)

    def mapping(self, key: str) -> dict[str, Json] | None:
        if key not in self._left:
            return None
        value = self._left.pop(key)
        if not isinstance(value, dict):
            raise RefusedError("invalid", f"{key}: must be an object")
        return value

    def end(self) -> None:
        for key in self._left:
            raise RefusedError("invalid", f"{key[:64]}: not known here")


def _relay(wanted: _Wanted, _: Values) -> Command:
    turn = wanted.choice("state", _TURNS)
    timer = wanted.number("timer", 0.1, 86_400)
    wanted.end()
    if turn is None:
        raise RefusedError("invalid", "state: missing")
    return RelayCommand(Turn(turn), timer)


def _light(wanted: _Wanted, values: Values) -> Command:
    turn = wanted.choice("state", _TURNS)
    brightness = wanted.whole("brightness", 0, 100)
    color_temp = wanted.whole("color_temp", 1_000, 12_000)
    color, white = _color(wanted)
    command = LightCommand(
        turn=None if turn is None else Turn(turn),
        brightness=brightness,
        color_temp=color_temp,
        color=color,
        white=white,
        effect=wanted.whole("effect", 0, 6),
        transition=wanted.number("transition", 0, 5),
        timer=wanted.number("timer", 0.1, 86_400),
        colored=_is_colored(values, color=color is not None, temp=color_temp is not None),
    )
    wanted.end()
    _require(command, values)
    if not changed_keys(command):
        raise RefusedError("invalid", "state: missing")
    return command


def _color(wanted: _Wanted) -> tuple[tuple[int, int, int] | None, int | None]:
    white = wanted.whole("white", 0, 255)
    color = wanted.mapping("color")
    if color is None:
        return None, white
    parts = _Wanted(color)
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


def _require(command: LightCommand, values: Values) -> None:
    """Refuse what this light does not report and so does not have."""
    needs = (
        ("brightness", command.brightness, "brightness" in values),
        ("color_temp", command.color_temp, "color_temp" in values),
        ("color", command.color, "color" in values),
        ("white", command.white, "w" in color_parts(values)),
        ("effect", command.effect, "effect" in values),
        ("transition", command.transition, "transition" in values or "brightness" in values),
    )
    for key, value, has in needs:
        if value is not None and not has:
            raise RefusedError("unsupported", f"{key}: this light does not have it")


def _roller(wanted: _Wanted, values: Values) -> Command:
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
        return RollerCommand(Go(go), duration)
    if duration is not None:
        raise RefusedError("invalid", "duration: needs a state")
    if not driven:
        raise RefusedError("invalid", "state: missing")
    _check_position(position, values)
    return position


def _check_position(position: RollerPosition, values: Values) -> None:
    if position.position is not None and position.relative is not None:
        raise RefusedError("invalid", "relative: not together with position")
    if position.slat_position is not None and position.slat_relative is not None:
        raise RefusedError("invalid", "slat_relative: not together with slat_position")
    if values.get("calibrated") is False:
        raise RefusedError("unsupported", "position: this roller is not calibrated")
    slats = position.slat_position is not None or position.slat_relative is not None
    if slats and "slat_position" not in values:
        raise RefusedError("unsupported", "slat_position: this roller has no slats")


_BUILDERS: dict[str, Callable[[_Wanted, Values], Command]] = {
    "relay": _relay,
    "light": _light,
    "roller": _roller,
}


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
