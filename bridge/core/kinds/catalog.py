"""Which channels a device has: found from the keys of its status, never from a list of models."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from bridge.core import jsontext, topics
from bridge.core.commands import Target
from bridge.core.kinds.all import ACTING, BY_KEY, FLAT, FLAT_KEYS, OWNERS, TELLING
from bridge.core.kinds.fields import PLAIN, WHOLE, Field, described
from bridge.core.kinds.kind import Facts, Form, Kind, Origin
from bridge.core.kinds.reading import Reader, Status, member, reader, system_reader
from bridge.core.kinds.system import GEN1_OBJECTS, SYS, SYSTEM, SYSTEM_KEY
from bridge.core.model import Json

__all__ = [
    "MOST_CHANNELS",
    "Channel",
    "ChannelKey",
    "Facts",
    "is_alike",
    "layout",
    "readers",
    "shape",
]

MOST_CHANNELS = 256
"""More than any device has; the rest of a longer status is left out."""

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,63}):(0|[1-9][0-9]{0,5})", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_DIGITS = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII)

_FROM_CLOUD = frozenset({"id", "code", "ts", "serial", "getinfo"})
"""What the cloud adds to a status; keys that begin with `_` are its own too."""

_UNKNOWN = 1 + max(origin.rank for _, origin in BY_KEY.values())
"""Kinds that we know take their numbers before all others."""

_SHARED = 8_192
"""Channels that all devices share, as most have the same ones."""


ChannelKey = tuple[str, int]
"""Kind and number of a channel."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: its address on MQTT, the component behind it, and how to read it.

    `component` is Shelly's key (`switch:0`, or `relays:0` for a member of an array); `keys` are
    the members of the status that it is read from.
    """

    kind: str
    number: int
    component: str
    target: Target
    keys: tuple[str, ...]
    read: Reader
    fields: tuple[Field, ...] = field(default=(), hash=False)
    """The keys that its kind describes; others are Shelly's own."""
    facts: Facts = field(default_factory=dict, hash=False)
    decisive: tuple[str, ...] = ()
    """Keys whose values decide what the channel can do, such as `calibrated`."""
    key: ChannelKey = field(init=False)

    def __post_init__(self) -> None:
        """Make what all devices with the channel share."""
        object.__setattr__(self, "key", (self.kind, self.number))


_Wish = tuple[int, Channel]
"""A channel with the number it asks for, and its rank where several ask for the same."""


def shape(value: Json) -> object:
    """What of a member decides about channels; the same shape gives the same channels."""
    if isinstance(value, list):
        return tuple(isinstance(item, Mapping) for item in value)
    if isinstance(value, Mapping):
        if _is_numbered(value):
            return frozenset(value)
        return bool(value), *(word in value for word in TELLING)
    return None


def is_alike(one: Json, other: Json) -> bool:
    """Whether two members have the same shape; that costs little where only values differ."""
    if type(one) is type(other) is dict and one.keys() == other.keys():
        first = next(iter(one), "")
        if not first[:1].isdecimal():
            return True
    return shape(one) == shape(other)


def layout(
    status: Status, mode: str | None = None, facts: Mapping[str, Facts] | None = None
) -> tuple[list[Channel], list[str]]:
    """The channels of a status, and the keys that cannot be given a topic.

    `mode` is the Gen1 setting (`relay`, `roller`, …) where known, `facts` are by component. The
    result depends on the set of components alone, not on the order in which they came.
    """
    refused: list[str] = []
    wishes = sorted(
        _wishes(status, mode, facts or {}, refused),
        key=lambda wish: (wish[0], wish[1].target.component, wish[1].number, wish[1].keys),
    )
    taken: set[tuple[str, int]] = set()
    channels = []
    for _, channel in wishes[:MOST_CHANNELS]:
        number = channel.number
        while (channel.kind, number) in taken:
            number += 1
        taken.add((channel.kind, number))
        channels.append(replace(channel, number=number) if number != channel.number else channel)
    refused += [channel.component for _, channel in wishes[MOST_CHANNELS:]]
    return channels, refused


def _wishes(
    status: Status, mode: str | None, facts: Mapping[str, Facts], refused: list[str]
) -> Iterator[_Wish]:
    claimed = yield from _flat(status)
    rest = []
    for key, value in status.items():
        if key in _FROM_CLOUD or key.startswith("_") or key in claimed:
            continue
        match = _KEY.fullmatch(key)
        name = match[1] if match else key
        if not _NAME.fullmatch(name) or name in topics.RESERVED_KINDS:
            refused.append(key)
        elif match is not None:
            yield from _component(name, int(match[2]), status, facts, refused)
        elif key == SYSTEM_KEY or key in GEN1_OBJECTS:
            rest.append(key)
        elif isinstance(value, Mapping):
            yield from _object(key, value, refused)
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            yield from _array(key, value, status, mode, facts, refused)
        else:
            rest.append(key)
    names = tuple(sorted(name for name in rest if not _is_empty(status[name])))
    if names:
        yield _UNKNOWN, _system(names)


def _flat(status: Status) -> Generator[_Wish, None, set[str]]:
    """What is put together from members of a Gen1 status; gives back those members."""
    claimed: set[str] = set()
    if not FLAT_KEYS.isdisjoint(status):
        for kind, origin in FLAT:
            if _is_there(origin, status):
                claimed.update(origin.flat)
                yield origin.rank, _channel(kind, origin, _number(origin, status))
    return claimed


def _is_empty(value: Json) -> bool:
    """Whether there is nothing in it; the cloud writes `{}` as `[]`."""
    return value in ({}, [])


def _is_there(origin: Origin, status: Status) -> bool:
    if origin.needs:
        return origin.needs in status
    if origin.having is None:
        return any(key in status and not _is_empty(status[key]) for key in origin.flat)
    key, wanted = origin.having
    value = status.get(key)
    return isinstance(value, Mapping) and wanted in value


def _number(origin: Origin, status: Status) -> int:
    array = status.get(origin.after)
    return len(array) if isinstance(array, list) else 0


def _component(
    name: str, number: int, status: Status, facts: Mapping[str, Facts], refused: list[str]
) -> Iterator[_Wish]:
    """A Gen2+ component with a number, `<type>:<id>`."""
    value = status[f"{name}:{number}"]
    found = BY_KEY.get((Form.COMPONENT, name))
    if found is None:
        if name in ACTING:
            refused.append(f"{name}:{number}")
        elif not _is_empty(value):
            yield _UNKNOWN, _generic(Form.COMPONENT, name, number)
        return
    kind, origin = found
    if origin.instead_of and f"{origin.instead_of}:{number}" in status:
        return
    if any(not _is_empty(status.get(f"{owner}:{number}", {})) for owner in OWNERS.get(name, ())):
        return
    if origin.bare or not _is_empty(value):
        yield origin.rank, _informed(_channel(kind, origin, number), origin, number, facts)


def _object(key: str, value: Mapping[str, Json], refused: list[str]) -> Iterator[_Wish]:
    """A component without a number, or Gen1's `{"0": {…}, "1": {…}}`."""
    form = Form.NUMBERED if _is_numbered(value) else Form.SINGLE
    found = BY_KEY.get((form, key))
    if found is None and key in ACTING:
        refused.append(key)
        return
    numbers = [int(text) for text in value] if form is Form.NUMBERED else [0] if value else []
    for number in numbers:
        if found is None:
            yield _UNKNOWN, _generic(form, key, number)
        else:
            yield found[1].rank, _channel(*found, number)


def _array(
    key: str,
    value: list[Json],
    status: Status,
    mode: str | None,
    facts: Mapping[str, Facts],
    refused: list[str],
) -> Iterator[_Wish]:
    """A Gen1 array: one channel a member."""
    rolling = bool(status.get("rollers")) and mode != "relay"
    # In roller mode the relays are the motor's two directions and mean nothing.
    if key == ("relays" if rolling else "rollers"):
        return
    found = BY_KEY.get((Form.ARRAY, key))
    if found is None and key in ACTING:
        refused.append(key)
        return
    owners = OWNERS.get(key, ())
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            continue
        if rolling and "rollers" in owners:
            continue
        if any(member(status, owner, number) is not None for owner in owners if owner != "rollers"):
            continue
        if found is None:
            yield _UNKNOWN, _generic(Form.ARRAY, key, number)
        else:
            yield found[1].rank, _informed(_channel(*found, number), found[1], number, facts)


def _made(kind: Kind, origin: Origin, number: int) -> Channel:
    key = origin.key
    component = key if origin.form in (Form.SINGLE, Form.FLAT) else f"{key}:{number}"
    match origin.form:
        case Form.COMPONENT:
            keys = (component, *(f"{each.key}:{number}" for each in origin.companions))
        case Form.FLAT:
            keys = origin.flat
        case _:
            keys = (key, *(each.key for each in origin.companions))
    table = origin.others.get(number, origin.table)
    return Channel(
        kind.name,
        number + origin.offset,
        component,
        Target(origin.instead_of or key, number),
        keys,
        reader(origin, table, number),
        origin.fields_by(table),
        decisive=origin.decisive,
    )


@lru_cache(_SHARED)
def _channel(kind: Kind, origin: Origin, number: int) -> Channel:
    """The channel of a component, as long as its settings say nothing more."""
    return _made(kind, origin, number)


def _informed(channel: Channel, origin: Origin, number: int, facts: Mapping[str, Facts]) -> Channel:
    """The same channel, as its settings make it."""
    known = facts.get(f"{origin.instead_of or origin.key}:{number}")
    return _tailored(channel, origin, number, jsontext.dump(known)) if known else channel


@lru_cache(_SHARED)
def _tailored(channel: Channel, origin: Origin, number: int, text: str) -> Channel:
    """The same for facts as JSON, once for all devices that have these."""
    facts: Facts = json.loads(text)
    if origin.tailored is None:
        return replace(channel, facts=facts)
    table = origin.tailored(facts)
    return replace(
        channel, facts=facts, fields=described(table), read=reader(origin, table, number)
    )


@lru_cache(_SHARED)
def readers(channels: tuple[Channel, ...]) -> Mapping[str, tuple[ChannelKey, ...]]:
    """The channels that are read from each member of the status, once for all devices alike."""
    found: dict[str, tuple[ChannelKey, ...]] = {}
    for channel in channels:
        for key in channel.keys:
            found[key] = (*found.get(key, ()), channel.key)
    return found


@lru_cache(_SHARED)
def _generic(form: Form, key: str, number: int) -> Channel:
    """A component that no kind knows: its members as they are."""
    table = WHOLE if form is Form.SINGLE else PLAIN
    return _made(Kind(key, key, ""), Origin("", key, form, table), number)


@lru_cache(_SHARED)
def _system(names: tuple[str, ...]) -> Channel:
    """The device itself: Gen2's `sys`, and what stands beside the components."""
    return Channel(
        SYSTEM.name,
        0,
        SYSTEM_KEY,
        Target(SYSTEM_KEY, 0),
        names,
        system_reader(names, SYSTEM_KEY, SYS),
        described(SYS),
    )


def _is_numbered(value: Mapping[str, Json]) -> bool:
    return bool(value) and all(
        _DIGITS.fullmatch(key) and isinstance(item, Mapping) for key, item in value.items()
    )
