"""The table form of a kind: wire member → our key, unit and conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.core.kinds.convert import boolean
from bridge.core.kinds.entity import Entity
from bridge.core.model import Json

Values = dict[str, Json]
"""What a channel publishes: key → value, `None` for unknown."""

ABSENT: Final = object()
"""What a conversion of a whole component gives if there is nothing to publish."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a channel: where it comes from, what it is converted by, its unit.

    `path` leads to the member; an empty one hands the whole component to the conversion, which
    works the value out of `members`. `unit` is as Home Assistant writes it, empty for values
    without one.
    """

    key: str
    path: tuple[str, ...]
    convert: Callable[[Json], Json]
    unit: str = ""
    entity: Entity | None = None
    """How Home Assistant shows it; None if not at all, or as part of the channel itself."""
    members: tuple[str, ...] = ()

    @property
    def wire(self) -> tuple[str, ...]:
        """The members that it is read from, as `a.b`."""
        return (".".join(self.path),) if self.path else self.members


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """How one component type is read.

    Members that no field names are passed on under Shelly's name, so that nothing is lost,
    except `dropped` ones (`member` or `member.member`), each with the reason why. With
    `numbered`, `id` is the number in the component's key. With `checked`, an object that says
    `is_valid: false` has no known values (Shelly docs, Gen1).
    """

    fields: tuple[Field, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)
    numbered: bool = True
    checked: bool = False
    _direct: tuple[tuple[str, str, Callable[[Json], Json]], ...] = field(init=False)
    _nested: tuple[tuple[str, tuple[str, ...], Callable[[Json], Json]], ...] = field(init=False)
    _whole: tuple[tuple[str, Callable[[Json], Json]], ...] = field(init=False)
    _taken: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the fields, and work out which members are spoken for.

        No member may pass for one of our own keys.
        """
        plan = [(each.key, each.path, each.convert) for each in self.fields]
        direct = tuple((key, path[0], convert) for key, path, convert in plan if len(path) == 1)
        nested = tuple((key, path, convert) for key, path, convert in plan if len(path) > 1)
        whole = tuple((key, convert) for key, path, convert in plan if not path)
        taken = {"_attrs"} | {each.key for each in self.fields}
        taken |= {member for each in self.fields for member in (each.path[:1] or each.members)}
        taken |= {member for member in self.dropped if "." not in member}
        if self.numbered:
            taken.add("id")
        if self.checked:
            taken.add("is_valid")
        object.__setattr__(self, "_direct", direct)
        object.__setattr__(self, "_nested", nested)
        object.__setattr__(self, "_whole", whole)
        object.__setattr__(self, "_taken", frozenset(taken))

    def read(self, component: Mapping[str, Json]) -> Values:
        """The channel's values; a member that is absent gives no key."""
        values: Values = {}
        for key, member, convert in self._direct:
            if member in component:
                values[key] = convert(component[member])
        for key, path, convert in self._nested:
            value = _at(component, path)
            if value is not ABSENT:
                values[key] = convert(value)
        for key, convert in self._whole:
            value = convert(component)
            if value is not ABSENT:
                values[key] = value
        if self.checked:
            self._doubt(component, values)
        taken = self._taken
        for member, value in component.items():
            if member not in taken:
                values[member] = value
        return values

    def _doubt(self, component: Mapping[str, Json], values: Values) -> None:
        for key, path, _ in self._nested:
            if key not in values:
                continue
            holder = component.get(path[0])
            if isinstance(holder, Mapping) and boolean(holder.get("is_valid")) is False:
                values[key] = None
        if boolean(component.get("is_valid")) is False:
            values.update(dict.fromkeys(values))


def _at(component: Json, path: tuple[str, ...]) -> Json:
    for step in path:
        if not isinstance(component, dict) or step not in component:
            return ABSENT
        component = component[step]
    return component


def described(*tables: Table) -> tuple[Field, ...]:
    """The keys that a channel of these tables has, each once; the first table decides."""
    fields: dict[str, Field] = {}
    for table in tables:
        own = {each.key: each for each in table.fields}
        fields |= {key: each for key, each in own.items() if key not in fields}
    return tuple(fields.values())


PLAIN = Table(fields=())
"""A numbered component without readings of our own: all its members but its number."""

WHOLE = Table(fields=(), numbered=False)
"""The same for one without a number."""
