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
    """Switch an output, a flag or a breaker; `timer` (s) flips an output back."""

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


@dataclass(frozen=True, slots=True)
class SetValue:
    """Give a virtual component a value; a number counts as reached within `tolerance`."""

    value: float | str
    tolerance: float = 0.0


class Push(StrEnum):
    """How a virtual button can be pushed (Shelly docs, Gen2 Button)."""

    SINGLE = "single_push"
    DOUBLE = "double_push"
    TRIPLE = "triple_push"
    LONG = "long_push"


@dataclass(frozen=True, slots=True)
class ButtonCommand:
    """Push a virtual button."""

    push: Push = Push.SINGLE


@dataclass(frozen=True, slots=True)
class ThermostatCommand:
    """Set a thermostat; `target_temperature` in °C, what is None stays as it is."""

    target_temperature: float | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class MuteCommand:
    """Silence an alarm."""


class Slot(StrEnum):
    """The two places of a scent diffuser."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class SlotCommand:
    """Change a slot of a scent diffuser; `intensity` 0–100 %, what is None stays as it is."""

    slot: Slot
    on: bool | None = None
    intensity: int | None = None


@dataclass(frozen=True, slots=True)
class BoostCommand:
    """Start or stop the boost of a scent diffuser's slot."""

    slot: Slot
    on: bool


@dataclass(frozen=True, slots=True)
class ModeCommand:
    """Start a scent diffuser's mode by its name; None ends it."""

    mode: str | None


@dataclass(frozen=True, slots=True)
class AwayCommand:
    """Switch a scent diffuser's away mode."""

    on: bool


Command = (
    RelayCommand
    | LightCommand
    | RollerCommand
    | RollerPosition
    | SetValue
    | ButtonCommand
    | ThermostatCommand
    | MuteCommand
    | SlotCommand
    | BoostCommand
    | ModeCommand
    | AwayCommand
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is for: Shelly's component type (`switch`, `relays`, …) and its number."""

    component: str
    number: int
