"""No member of a captured status is lost: it is read, passed on, or left out with a reason."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.core.kinds.all import KINDS
from bridge.core.kinds.catalog import Channel, layout
from bridge.core.kinds.fields import Table
from bridge.core.kinds.kind import Form, Origin
from bridge.core.kinds.system import SYS
from bridge.core.learned import learn
from bridge.core.model import Json
from tests.frames.captures import Capture, captures

pytestmark = pytest.mark.shared_fixtures

Path = tuple[str | int, ...]

THE_CLOUD_S = {
    "id": "the device's id, which is in every topic",
    "code": "the model, which `info` tells",
    "ts": "when the device spoke, which `info` tells",
    "serial": "counts what the cloud sent",
    "getinfo": "the firmware, which `info` tells",
}
"""Members that the cloud adds; those that begin with `_` are its own as well."""

OTHERS: tuple[Json, ...] = (1, 23.4, -50, 1_790_000_000, True, False, "x", "dark", ["x"], {"x": 1})
"""What a member is changed to, to see whether anybody notices."""


def places(kind_origin: Origin) -> Iterator[tuple[str, Table]]:
    """The tables of an origin, each with what its members stand under."""
    prefix = "" if kind_origin.form is Form.FLAT else f"{kind_origin.key}."
    yield prefix, kind_origin.table
    for companion in kind_origin.companions:
        yield "" if companion.is_shared else f"{companion.key}.", companion.table
    if kind_origin.table is SYS:
        yield "", SYS


def declared() -> tuple[set[str], dict[str, str]]:
    """Members that some field reads, and members that are left out, with the reason."""
    read: set[str] = set()
    dropped: dict[str, str] = {}
    for kind in KINDS:
        for origin in kind.origins:
            for prefix, table in places(origin):
                read.update(f"{prefix}{wire}" for each in table.fields for wire in each.wire)
                dropped |= {f"{prefix}{key}": reason for key, reason in table.dropped.items()}
    return read, dropped


READ, DROPPED = declared()


def leaves(value: Json, path: Path = ()) -> Iterator[Path]:
    """Where every value stands that is no object and no array of something."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path


def name(path: Path) -> str:
    """A place without the numbers of components and array members."""
    first = str(path[0]).partition(":")[0]
    rest = [step for step in path[1:] if isinstance(step, str) and not step.isdigit()]
    return ".".join((first, *rest))


def is_told(place: str, among: set[str] | dict[str, str]) -> bool:
    """Whether a place, or what it is in, is among those."""
    steps = place.split(".")
    return any(".".join(steps[:end]) in among for end in range(1, len(steps) + 1))


def outputs(channels: list[Channel], status: dict[str, Json]) -> list[Json]:
    return [channel.read(status) for channel in channels]


def is_noticed(channels: list[Channel], status: dict[str, Json], path: Path) -> bool:
    """Whether a change of that value changes what any channel says."""
    before = outputs(channels, status)
    key = str(path[0])
    for other in OTHERS:
        changed: Any = {**status, key: copy.deepcopy(status[key])}
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = other
        if outputs(channels, changed) != before:
            return True
    return False


def laid_out(capture: Capture) -> list[Channel]:
    learned = learn(capture.settings or {})
    channels, refused = layout(capture.status, learned.mode, learned.facts)
    assert not refused
    return channels


def found() -> list[Capture]:
    return [capture for capture in captures() if capture.status]


def test_every_member_is_read_or_passed_on_or_left_out_with_a_reason() -> None:
    lost: dict[str, str] = {}
    for capture in found():
        channels = laid_out(capture)
        for path in leaves(capture.status):
            place = name(path)
            numbered = ":" in str(path[0]) and path[1:] == ("id",)
            if place in THE_CLOUD_S or place.startswith("_") or numbered:
                continue
            if not (
                is_told(place, READ)
                or is_told(place, DROPPED)
                or is_noticed(channels, capture.status, path)
            ):
                lost[place] = capture.name
    # An empty object says that there is such a component, and nothing else.
    assert {place: where for place, where in lost.items() if not is_empty(place, where)} == {}


def is_empty(place: str, capture: str) -> bool:
    """Whether it is a component without any member."""
    (status,) = (each.status for each in found() if each.name == capture)
    values = [value for key, value in status.items() if key.partition(":")[0] == place]
    return bool(values) and all(value in ({}, []) for value in values)


def test_what_is_left_out_is_in_no_channel() -> None:
    published = {}
    for capture in found():
        channels = laid_out(capture)
        for path in leaves(capture.status):
            place = name(path)
            if (
                place in DROPPED
                and place not in READ
                and is_noticed(channels, capture.status, path)
            ):
                published[place] = capture.name
    assert published == {}


def test_the_captures_have_what_is_left_out() -> None:
    seen = {name(path) for capture in found() for path in leaves(capture.status)}
    assert len({place for place in seen if is_told(place, DROPPED)}) > 30
    assert {"switch.aenergy.by_minute", "temperature.tF", "meters.counters"} <= seen
