"""How channels find their components in a status, whatever stands in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.core.kinds.fields import Table, Values
from bridge.core.kinds.kind import Companion, Form, Origin
from bridge.core.model import Json

Status = Mapping[str, Json]
"""A device's whole status as its generation writes it."""

Reader = Callable[[Status], Values]


def member(status: Status, key: str, number: int) -> Mapping[str, Json] | None:
    """One member of a Gen1 array, if it is an object."""
    array = status.get(key)
    if isinstance(array, list) and number < len(array) and isinstance(array[number], Mapping):
        item: Mapping[str, Json] = array[number]
        return item
    return None


def reader(origin: Origin, table: Table, number: int) -> Reader:
    """What reads a channel of this origin, with this table for the component itself."""
    match origin.form:
        case Form.COMPONENT:
            return _component(f"{origin.key}:{number}", origin.key, table, origin.companions)
        case Form.SINGLE:
            return _component(origin.key, origin.key, table, ())
        case Form.ARRAY:
            return _array(origin.key, number, table, origin.companions)
        case Form.NUMBERED:
            return _numbered(origin.key, str(number), table)
        case Form.FLAT:
            return _flat(origin.flat, table)


def _component(key: str, name: str, table: Table, companions: tuple[Companion, ...]) -> Reader:
    def read(status: Status) -> Values:
        value = status.get(key)
        if isinstance(value, Mapping):
            return table.read(value)
        # The cloud writes {} as []; any other value is kept under the component's name.
        return table.read({} if value is None or value == [] else {name: value})

    if not companions:
        return read
    number = key.partition(":")[2]
    parts = [(f"{each.key}:{number}", each.table) for each in companions]

    def read_all(status: Status) -> Values:
        values: Values = {}
        for companion, its_table in parts:
            value = status.get(companion)
            if isinstance(value, Mapping):
                values |= its_table.read(value)
        values |= read(status)
        return values

    return read_all


def _array(key: str, number: int, table: Table, companions: tuple[Companion, ...]) -> Reader:
    def read(status: Status) -> Values:
        values: Values = {}
        for each in companions:
            if each.is_shared:
                values |= each.table.read({each.key: status.get(each.key)})
            else:
                item = member(status, each.key, number)
                if item is not None:
                    values |= each.table.read(item)
        values |= table.read(member(status, key, number) or {})
        return values

    return read


def _numbered(key: str, number: str, table: Table) -> Reader:
    def read(status: Status) -> Values:
        value = status.get(key)
        item = value.get(number) if isinstance(value, Mapping) else None
        return table.read(item) if isinstance(item, Mapping) else {}

    return read


def _flat(keys: tuple[str, ...], table: Table) -> Reader:
    def read(status: Status) -> Values:
        return table.read({key: status[key] for key in keys if key in status})

    return read


def system_reader(names: tuple[str, ...], system: str, table: Table) -> Reader:
    """Gen2's `sys` object, and whatever stands beside the components without one of its own."""

    def read(status: Status) -> Values:
        members = {name: status[name] for name in names if name in status}
        whole = members.pop(system, None)
        if isinstance(whole, Mapping):
            members |= whole
        return table.read(members)

    return read
