"""What is shown: values that a page is made of. Times are unix s, texts as strangers wrote them.

Nothing in here is a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.core.kinds.kind import Facts
from bridge.core.model import Access, DeviceId, Json, LinkId, LinkState, Owner, SourceKind


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection that devices come by, as `bridge/hosts/<id>` tells of it."""

    id: LinkId
    kind: SourceKind
    state: LinkState
    since: float
    devices: int
    reconnects: int
    error: str | None
    token_expires: float | None
    owner: Owner | None = None
    """Where several instances share the hosts: this one."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A host or an account that this instance does not have; `error` says why nobody may."""

    id: LinkId
    owner: Owner | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that connects to us and waits for approval."""

    id: DeviceId
    name: str
    model: str | None


@dataclass(frozen=True, slots=True)
class Bridge:
    """The bridge as a whole; counts are since its start."""

    version: str
    started: float
    protocol: str | None
    """Of MQTT: `5` or `3.1.1`; None before the first connection to the broker."""
    home_assistant: bool
    connections: tuple[Connection, ...]
    waiting: tuple[Waiting, ...]
    devices: Mapping[str, int]
    """How many there are by availability: `online`, `offline`, `unknown`."""
    sources: Mapping[SourceKind, int]
    """How many devices come by each kind of source."""
    health: Mapping[str, Json]
    """What `bridge/health` said last."""
    events: Mapping[str, int]
    """Events by their name."""
    results: Mapping[str, int]
    """Final results of commands by their status."""
    bad_input: Mapping[str, int]
    instance: str | None = None
    """How it is called where several share the hosts."""
    elsewhere: tuple[Elsewhere, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a channel; `unit` is empty for values without one."""

    key: str
    value: Json
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A device in a table."""

    id: DeviceId
    root: str
    """The first topic level(s) below the base topic: its alias or its id."""
    name: str
    model: str | None
    generation: int | str | None
    area: str | None
    sources: tuple[tuple[SourceKind, LinkId], ...]
    access: Access
    online: bool | None
    reason: str | None
    last_seen: float | None
    sleeper: bool
    readings: tuple[Reading, ...]
    """The few that say most."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A part of a table, and how many devices there are in all of it."""

    rows: tuple[Row, ...]
    found: int
    total: int
    """Devices that the bridge has, found or not."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel with its values; `commands` are the keys that its `/set` takes now."""

    kind: str
    number: int
    name: str | None
    component: str
    topic: str
    changed_at: float
    readings: tuple[Reading, ...]
    commands: tuple[str, ...]
    facts: Facts
    """What the settings say of it: `min`, `max`, `step`, `options`, …"""
    is_own: bool = False
    """It tells of the device as a machine, such as its network."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device with everything that is known of it."""

    row: Row
    firmware: str | None
    newer: str | None
    """The version that could be installed, if it is another one."""
    mode: str | None
    wake_period: float | None
    topic: str
    channels: tuple[Channel, ...]
    """Those that can be told something come first."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a value went: one entry each `step` s, the last one at `end`; None where unknown."""

    kind: str
    number: int
    key: str
    unit: str
    step: float
    end: float
    values: tuple[float | None, ...]
