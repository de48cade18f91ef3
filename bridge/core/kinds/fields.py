"""The table form of a kind: wire member → our key, unit and conversion."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bridge.core.model import Json

Values = dict[str, Json]
"""What a channel publishes: key → value, `None` for unknown."""


def number(value: Json) -> float | int | None:
    """A measured value; anything but a number is unknown."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def boolean(value: Json) -> bool | None:
    """A flag; Shelly also writes 0 and 1, and Gen1 `"true"`."""
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def text(value: Json) -> str | None:
    """A word; anything but text is unknown."""
    return value if isinstance(value, str) else None


def on_off(value: Json) -> str | None:
    """A flag as `ON` or `OFF`."""
    flag = boolean(value)
    return None if flag is None else "ON" if flag else "OFF"


def percent(value: Json) -> int | float | None:
    """A share of 0–100; outside of it the device means that it does not know."""
    share = number(value)
    return share if share is not None and 0 <= share <= 100 else None


def kwh_from_wh(value: Json) -> float | None:
    """Energy in kWh from Wh, floored to 0.001 so that a restart never looks like a drop."""
    energy = number(value)
    return None if energy is None else math.floor(energy) / 1000


def kwh_from_watt_minutes(value: Json) -> float | None:
    """Energy in kWh from the watt-minutes of Gen1 meters (Shelly docs, Gen1 `/meter`)."""
    energy = number(value)
    return None if energy is None else math.floor(energy / 60) / 1000


def words(value: Json) -> list[str]:
    """A list of words, such as `errors`; what is not a word is left out."""
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a channel: where it comes from, what it is converted by, and its unit."""

    key: str
    path: tuple[str, ...]
    convert: Callable[[Json], Json]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """How one component type is read.

    Members that no field names are passed on under Shelly's name, so that nothing is lost,
    except `dropped` ones.
    """

    fields: tuple[Field, ...]
    dropped: frozenset[str] = frozenset()
    _taken: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        """Work out which members are spoken for; none may pass for one of our own keys."""
        ours = {entry.key for entry in self.fields}
        taken = {entry.path[0] for entry in self.fields} | ours | self.dropped | {"id", "_attrs"}
        object.__setattr__(self, "_taken", frozenset(taken))

    def read(self, component: Mapping[str, Json]) -> Values:
        """The channel's values; a member that is absent gives no key."""
        values: Values = {}
        for entry in self.fields:
            value: Json = component
            for step in entry.path:
                if not isinstance(value, Mapping) or step not in value:
                    break
                value = value[step]
            else:
                values[entry.key] = entry.convert(value)
        taken = self._taken
        for member, value in component.items():
            if member not in taken:
                values[member] = value
        return values


GENERIC = Table(fields=())
"""A numbered component that no kind knows: all its members but its number, unchanged."""


def whole(component: Mapping[str, Json]) -> Values:
    """An unnumbered component that no kind knows: all its members, unchanged."""
    return {member: value for member, value in component.items() if member != "_attrs"}
