"""What a model of device is, and what can be chosen about one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.simulator.devices.base import Channel
from bridge.simulator.devices.shutter import Shutter

Json = Any


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen when a device is made; each counts where it means something."""

    travel: float = 15.0
    """Seconds that a roller needs from end to end."""
    calibrated: bool = True
    slats: bool = False
    position: float = 100.0
    """Where a roller stands at first, 0 closed."""
    report_every: float | None = None
    """Seconds between two measurements; None: only when told to."""

    def shutter(self) -> Shutter:
        """A roller as chosen."""
        return Shutter(
            self.travel,
            calibrated=self.calibrated,
            slats=self.slats,
            position=self.position,
        )


Build = Callable[[Options], list[Channel]]


@dataclass(frozen=True, slots=True)
class Model:
    """One model in one profile (Gen1: mode)."""

    code: str
    profile: str
    title: str
    type: str
    """The cloud's class of device."""
    prefix: str
    """Of the device's own id or host name."""
    build: Build
    generation: str = "G2"
    app: str = ""
    sleeps: bool = False
    scalars: Mapping[str, Json] = field(default_factory=dict)
    """Gen1: members of the status of the device's own."""
    short_id: bool = False
    """Whether the cloud names it by 6 hex digits only, as it does older Gen1 devices."""

    @property
    def key(self) -> str:
        """The code, and the profile where there are several."""
        return f"{self.code}:{self.profile}" if self.profile else self.code
