"""Commands as every source understands them: values, in Shelly's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Turn(StrEnum):
    """Shelly's three words for an output."""

    ON = "on"
    OFF = "off"
    TOGGLE = "toggle"


class Go(StrEnum):
    """Shelly's three words for a roller."""

    OPEN = "open"
    CLOSE = "close"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class RelayCommand:
    """Switch an output; `timer` (s) flips it back."""

    turn: Turn
    timer: float | None = None


@dataclass(frozen=True, slots=True)
class LightCommand:
    """Change a light; what is None stays as it is.

    `brightness` 0–100 %, `color_temp` K, `color` red, green, blue 0–255, `white` 0–255,
    `effect` Shelly's number, `transition` and `timer` in s; `colored` says whether the light
    shows a colour then, because Shelly calls the brightness of a colour `gain`.
    """

    turn: Turn | None = None
    brightness: int | None = None
    color_temp: int | None = None
    color: tuple[int, int, int] | None = None
    white: int | None = None
    effect: int | None = None
    transition: float | None = None
    timer: float | None = None
    colored: bool = False


@dataclass(frozen=True, slots=True)
class RollerCommand:
    """Move or stop a roller; `duration` (s) limits the travel."""

    go: Go
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class RollerPosition:
    """Drive a calibrated roller to `position` 0 (closed) – 100, or by `relative` −100…100.

    `slat_position` and `slat_relative` are the same for slats.
    """

    position: int | None = None
    relative: int | None = None
    slat_position: int | None = None
    slat_relative: int | None = None


Command = RelayCommand | LightCommand | RollerCommand | RollerPosition


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is for: Shelly's component type (`switch`, `relays`, …) and its number."""

    component: str
    number: int
