"""Which channels a device has: found from the keys of its status, never from a list of models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from bridge.core import topics
from bridge.core.commands import Target
from bridge.core.kinds import input as inputs
from bridge.core.kinds import light, relay, roller
from bridge.core.kinds.fields import GENERIC, Values, whole
from bridge.core.model import (
    Json,
)

Status = Mapping[str, Json]
"""A device's whole status as its generation writes it."""

Reader = Callable[[Status], Values]

MOST_CHANNELS = 256
"""More than any device has; the rest of a longer status is left out."""

SYSTEM = "sys"
"""Gen2's component for the device itself; the members of a Gen1 device go there as well."""

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,63}):(0|[1-9][0-9]{0,5})", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_DIGITS = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII)

_FROM_CLOUD = frozenset({"id", "code", "ts", "serial", "getinfo"})
"""What the cloud adds to a status; keys that begin with `_` are its own too."""

_LIGHTS = ("rgb", "rgbw", "rgbcct", "light", "cct")
"""The order in which light components take the number they ask for."""

_UNKNOWN = len(_LIGHTS)
"""Kinds that we know take their numbers before all others."""

_COMMANDED = frozenset({"relay", "light", "roller"})
"""Kinds that take commands; Shelly's own components are called otherwise, except `light:<n>`."""


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


_Wish = tuple[int, Channel]
"""A channel with the number it asks for, and its rank where several ask for the same."""


def shape(value: Json) -> object:
    """What of a member decides about channels; the same shape gives the same channels."""
    if isinstance(value, list):
        return tuple(isinstance(item, Mapping) for item in value)
    if isinstance(value, Mapping):
        return frozenset(value) if _is_numbered(value) else bool(value)
    return None


def layout(status: Status, mode: str | None = None) -> tuple[list[Channel], list[str]]:
    """The channels of a status, and the keys that cannot be given a topic.

    `mode` is the Gen1 setting (`relay`, `roller`, …) where known. The result depends on the set
    of components alone, not on the order in which they came.
    """
    refused: list[str] = []
    wishes = sorted(
        _wishes(status, mode, refused),
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


def _wishes(status: Status, mode: str | None, refused: list[str]) -> Iterator[_Wish]:
    scalars = []
    for key, value in status.items():
        if key in _FROM_CLOUD or key.startswith("_"):
            continue
        match = _KEY.fullmatch(key)
        name = match[1] if match else key
        if not _NAME.fullmatch(name) or name in topics.RESERVED_KINDS or _poses(name, match):
            refused.append(key)
        elif match is not None:
            yield from _component(key, name, int(match[2]), status)
        elif isinstance(value, Mapping) and key != SYSTEM:
            yield from _object(key, value)
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            yield from _array(key, value, status, mode)
        elif value != []:
            scalars.append(key)
    names = tuple(sorted(name for name in scalars if status[name] != {}))
    if names:
        yield _UNKNOWN, Channel(SYSTEM, 0, SYSTEM, Target(SYSTEM, 0), names, _system(names))


def _poses(name: str, numbered: re.Match[str] | None) -> bool:
    """Whether an unknown component bears the name of a kind that commands are sent to."""
    return name in _COMMANDED and not (name == "light" and numbered)


def _component(key: str, name: str, number: int, status: Status) -> Iterator[_Wish]:
    """A Gen2+ component with a number, `<type>:<id>`."""
    value = status[key]
    if value != [] and not isinstance(value, Mapping):
        value = {name: value}
    target = Target(name, number)
    if name == "v_eve":
        if f"input:{number}" not in status:
            press = Target("input", number)
            yield 0, Channel("input", number, key, press, (key,), lambda _: {"state": None})
    elif name == "switch":
        yield 0, Channel("relay", number, key, target, (key,), _gen2(key, relay.read_switch))
    elif name in _LIGHTS:
        rank = _LIGHTS.index(name)
        yield rank, Channel("light", number, key, target, (key,), _gen2(key, light.read_light))
    elif name == "cover":
        yield 0, Channel("roller", number, key, target, (key,), _gen2(key, roller.read_cover))
    elif name == "input":
        yield 0, Channel("input", number, key, target, (key,), _gen2(key, inputs.read_input))
    elif value:
        yield _UNKNOWN, Channel(name, number, key, target, (key,), _gen2(key, GENERIC.read))


def _object(key: str, value: Mapping[str, Json]) -> Iterator[_Wish]:
    """A component without a number, or Gen1's `{"0": {…}, "1": {…}}`."""
    if _is_numbered(value):
        for text in value:
            number = int(text)
            component = f"{key}:{number}"
            target = Target(key, number)
            read = _nested(key, text)
            yield _UNKNOWN, Channel(key, number, component, target, (key,), read)
    elif value:
        yield _UNKNOWN, Channel(key, 0, key, Target(key, 0), (key,), _gen2(key, whole))


def _array(key: str, value: list[Json], status: Status, mode: str | None) -> Iterator[_Wish]:
    """A Gen1 array: one channel a member."""
    rolling = bool(status.get("rollers")) and mode != "relay"
    if key == "relays" and rolling:
        # In roller mode the relays are the motor's two directions and mean nothing.
        return
    if key == "rollers" and not rolling:
        return
    metered = [name for name in ("rollers", "relays", "lights") if status.get(name)]
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            continue
        if key == "meters" and not rolling and _has_owner(status, metered, number):
            continue
        kind, keys, read = _gen1(key, number)
        target = Target(key, number)
        rank = 0 if kind != key else _UNKNOWN
        yield rank, Channel(kind, number, f"{key}:{number}", target, keys, read)


def _has_owner(status: Status, metered: list[str], number: int) -> bool:
    return any(_member(status, name, number) is not None for name in metered)


def _gen1(key: str, number: int) -> tuple[str, tuple[str, ...], Reader]:
    """Kind, members read and reader of one member of a Gen1 array."""

    def item(status: Status) -> Mapping[str, Json]:
        return _member(status, key, number) or {}

    def meter(status: Status) -> Mapping[str, Json] | None:
        return _member(status, "meters", number)

    match key:
        case "relays":
            return (
                "relay",
                (key, "meters"),
                lambda status: relay.read_gen1_relay(item(status), meter(status)),
            )
        case "lights":
            return (
                "light",
                (key, "meters"),
                lambda status: light.read_gen1_light(item(status), meter(status)),
            )
        case "rollers":
            return "roller", (key,), lambda status: roller.read_gen1_roller(item(status))
        case "inputs":
            return "input", (key,), lambda status: inputs.read_gen1_input(item(status))
        case "meters":
            return "meter", (key,), lambda status: relay.GEN1_METER.read(item(status))
        case _:
            return key, (key,), lambda status: GENERIC.read(item(status))


def _member(status: Status, key: str, number: int) -> Mapping[str, Json] | None:
    array = status.get(key)
    if isinstance(array, list) and number < len(array) and isinstance(array[number], Mapping):
        item: Mapping[str, Json] = array[number]
        return item
    return None


def _gen2(key: str, read: Callable[[Mapping[str, Json]], Values]) -> Reader:
    def reader(status: Status) -> Values:
        value = status.get(key)
        if isinstance(value, Mapping):
            return read(value)
        # The cloud writes {} as []; any other value is kept under the component's name.
        return read({} if value == [] else {key.partition(":")[0]: value})

    return reader


def _nested(key: str, number: str) -> Reader:
    def reader(status: Status) -> Values:
        value = status.get(key)
        item = value.get(number) if isinstance(value, Mapping) else None
        return GENERIC.read(item) if isinstance(item, Mapping) else {}

    return reader


def _system(names: tuple[str, ...]) -> Reader:
    """Gen2's `sys` object, and whatever stands beside the components without one of its own."""

    def reader(status: Status) -> Values:
        values: Values = {}
        for name in names:
            value = status.get(name)
            values |= whole(value) if isinstance(value, Mapping) else {name: value}
        return values

    return reader


def _is_numbered(value: Mapping[str, Json]) -> bool:
    return bool(value) and all(
        _DIGITS.fullmatch(key) and isinstance(item, Mapping) for key, item in value.items()
    )
