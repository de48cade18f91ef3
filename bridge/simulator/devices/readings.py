"""Things without a mechanism that can be told about: what they say wanders, or is set by hand."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from bridge.simulator.devices.base import Channel, Status
from bridge.simulator.devices.things import Thing

Json = Any


class Readings(Thing):
    """Values that are attributes; those with a swing wander around where they began."""

    def __init__(self, values: Mapping[str, Json], **swings: float) -> None:
        self._middles = dict(values)
        self._swings = swings
        for name, value in values.items():
            setattr(self, name, value)

    def values(self) -> Status:
        """All of them, by name."""
        return {name: getattr(self, name) for name in self._middles}

    def measure(self, dice: Random) -> None:
        for name, swing in self._swings.items():
            middle = self._middles[name]
            value = middle + dice.uniform(-swing, swing)
            setattr(self, name, round(value) if isinstance(middle, int) else round(value, 2))


def component(kind: str, number: int, readings: Readings, **config: Json) -> Channel:
    """A Gen2 component whose members are the values; `config` is told in the settings."""
    key = f"{kind}:{number}"

    def configure(name: str | None) -> Status:
        return {key: {"id": number, "name": name, **config}}

    return Channel(
        readings, number, lambda: {key: {"id": number, **readings.values()}}, configure, kind
    )


def battery(percent: int, volts: float | None) -> Channel:
    """A `devicepower:0`; through a gateway the voltage is unknown."""
    cell = Readings({"percent": percent})

    def tell() -> Status:
        level = {"V": volts, "percent": cell.values()["percent"]}
        return {"devicepower:0": {"id": 0, "battery": level}}

    return Channel(cell, 0, tell, nothing)


def plain(readings: Readings, **fixed: Json) -> Channel:
    """Members of a Gen1 status as they are, with others that never change."""
    return Channel(readings, 0, lambda: readings.values() | fixed, nothing)


def nothing(_name: str | None) -> Status:
    """No settings."""
    return {}
