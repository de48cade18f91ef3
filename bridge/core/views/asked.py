"""What can be looked at: values, as a page or a scraper asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    """By what a table of devices is put in order; what is not known comes last."""

    NAME = "name"
    MODEL = "model"
    SOURCE = "source"
    AVAILABILITY = "availability"
    LAST_SEEN = "last_seen"


class Only(StrEnum):
    """Which devices a table has."""

    ALL = "all"
    ONLINE = "online"
    OFFLINE = "offline"
    CONTROLLED = "controlled"


@dataclass(frozen=True, slots=True)
class Overview:
    """The bridge, its connections, and the devices that wait for approval."""


@dataclass(frozen=True, slots=True)
class Table:
    """Some of the devices; `search` is looked for in names, ids, models, areas and connections."""

    search: str = ""
    sort: Sort = Sort.NAME
    descending: bool = False
    only: Only = Only.ALL
    first: int = 0
    """How many come before the first one that is shown."""
    count: int = 50


@dataclass(frozen=True, slots=True)
class OneDevice:
    """Everything about a device, by its id or its alias."""

    name: str


@dataclass(frozen=True, slots=True)
class Courses:
    """How the numeric values of a device went since the start, by its id or its alias."""

    name: str


View = Overview | Table | OneDevice | Courses
