"""Commands as the cloud hands them to a device, checked strictly.

The real cloud forgives more; here everything that is not documented is refused, so that a
mistake of the program under test shows. (Shelly docs, Integrator API, Communication; Gen1 lights.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.errors import PeerError

Json = Any


class Refused(PeerError):
    """A command that a device or the cloud does not carry out; the text is what `res` says."""


class RpcError(PeerError):
    """A native call that is not carried out; `answer` is what the caller is told as `error`."""

    def __init__(self, answer: Json) -> None:
        super().__init__(str(answer))
        self.answer = answer


Words = Mapping[str, str]
"""Words of the `roller` command, each with what it means here."""

OPEN_CLOSE: Words = {"open": "open", "close": "close", "stop": "stop"}
UP_DOWN: Words = {"up": "open", "down": "close", "stop": "stop"}


@dataclass(frozen=True, slots=True)
class RelayOrder:
    """Switch an output; `timeout` (s) flips it back."""

    turn: str
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class LightOrder:
    """Change a light; what is None stays. `transition` ms, `timeout` s, `temp` K."""

    turn: str | None = None
    timeout: float | None = None
    mode: str | None = None
    brightness: int | None = None
    gain: int | None = None
    temp: int | None = None
    white: int | None = None
    red: int | None = None
    green: int | None = None
    blue: int | None = None
    effect: int | None = None
    transition: int | None = None


@dataclass(frozen=True, slots=True)
class RollerOrder:
    """Move (`open`, `close`) or `stop` a roller; `duration` (s) limits the way."""

    go: str
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class PositionOrder:
    """Drive a calibrated roller to `pos` (0 closed) or by `rel`; the same for slats."""

    pos: int | None = None
    rel: int | None = None
    slat_pos: int | None = None
    slat_rel: int | None = None


Order = RelayOrder | LightOrder | RollerOrder | PositionOrder

TURNS = ("on", "off", "toggle")

_LONGEST_TIMER = 86_400 * 366


def parse(cmd: Json, params: Json, words: Words = OPEN_CLOSE) -> tuple[str, int, Order]:
    """Kind of channel (`relay`, `light`, `roller`), its number and the order; else `Refused`.

    `words` are those that a roller is moved by.
    """
    if not isinstance(params, Mapping):
        raise Refused("params is not an object")
    reader = Reader(params)
    number = reader.whole("id", 0, 255) or 0
    match cmd:
        case "relay":
            kind, order = "relay", _relay(reader)
        case "light":
            kind, order = "light", _light(reader)
        case "roller":
            kind, order = "roller", _roller(reader, words)
        case "roller_to_pos":
            kind, order = "roller", _position(reader)
        case _:
            raise Refused("unknown command")
    reader.finish()
    return kind, number, order


def _relay(reader: Reader) -> Order:
    turn = reader.word("turn", TURNS)
    if turn is None:
        raise Refused("turn is missing")
    return RelayOrder(turn, reader.seconds("timeout"))


def _light(reader: Reader) -> Order:
    return LightOrder(
        turn=reader.word("turn", TURNS),
        timeout=reader.seconds("timeout"),
        mode=reader.word("mode", ("color", "white")),
        brightness=reader.whole("brightness", 0, 100),
        gain=reader.whole("gain", 0, 100),
        temp=reader.whole("temp", 2500, 7500),
        white=reader.whole("white", 0, 255),
        red=reader.whole("red", 0, 255),
        green=reader.whole("green", 0, 255),
        blue=reader.whole("blue", 0, 255),
        effect=reader.whole("effect", 0, 6),
        transition=reader.whole("transition", 0, 5000),
    )


def _roller(reader: Reader, words: Words) -> Order:
    go = reader.word("go", tuple(words))
    if go is None:
        raise Refused("go is missing")
    return RollerOrder(words[go], reader.seconds("duration"))


def _position(reader: Reader) -> Order:
    order = PositionOrder(
        pos=reader.whole("pos", 0, 100),
        rel=reader.whole("rel", -100, 100),
        slat_pos=reader.whole("slat_pos", 0, 100),
        slat_rel=reader.whole("slat_rel", -100, 100),
    )
    if order.pos is not None and order.rel is not None:
        raise Refused("pos and rel exclude each other")
    if order.slat_pos is not None and order.slat_rel is not None:
        raise Refused("slat_pos and slat_rel exclude each other")
    if order == PositionOrder():
        raise Refused("pos is missing")
    return order


class Reader:
    """Takes members out of `params`; what nobody took is a mistake. All of it raises `Refused`."""

    def __init__(self, params: Mapping[str, Json]) -> None:
        self._left = dict(params)

    def word(self, key: str, allowed: tuple[str, ...]) -> str | None:
        """One of the allowed words."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, str) or value not in allowed:
            raise Refused(f"{key} is none of {', '.join(allowed)}")
        return value

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Refused(f"{key} is not a whole number from {low} to {high}")
        return value

    def seconds(self, key: str) -> float | None:
        """A duration."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Refused(f"{key} is not a number")
        if not 0 < value <= _LONGEST_TIMER:
            raise Refused(f"{key} is out of range")
        return float(value)

    def amount(self, key: str, low: float, high: float) -> float | None:
        """A number, with or without a fraction."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Refused(f"{key} is not a number")
        if not low <= value <= high:
            raise Refused(f"{key} is not from {low:g} to {high:g}")
        return value

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self._left.pop(key, None)
        if value is None or isinstance(value, bool):
            return value
        raise Refused(f"{key} is neither true nor false")

    def take(self, key: str) -> Json:
        """Anything; None if it is missing."""
        return self._left.pop(key, None)

    def finish(self) -> None:
        """Refuse what nobody took."""
        if self._left:
            raise Refused(f"unknown parameter {min(self._left)}")
