"""The vocabulary that events, effects and state share: ids, and values without behaviour.

Times called `at` and `deadline` are monotonic seconds, here as in `events` and `effects`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

DeviceId = NewType("DeviceId", str)
"""Lower-case hex id (6 or 12 digits, rarely more), or an `X…` id as it is."""

LinkId = NewType("LinkId", str)
"""Names one connection: the full cloud host name, an account's name, or `outbound`."""

Json = Any
"""A value as `json.loads` makes it."""


class SourceKind(StrEnum):
    """By which of Shelly's systems a device reaches us."""

    INTEGRATOR = "integrator"
    ACCOUNT = "account"
    OUTBOUND = "ws"


class LinkState(StrEnum):
    """What `bridge/hosts/<id>` says of a connection."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    BACKOFF = "backoff"
    AUTH_REQUIRED = "auth_required"
    DISPLACED = "displaced"
    DISABLED = "disabled"


class Access(StrEnum):
    """What the owner of a device allows us."""

    CONTROL = "control"
    READ = "read"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device as an account lists it; `code` and `name` may be missing or come later."""

    device: DeviceId
    code: str | None = None
    name: str | None = None
    control: bool = True


@dataclass(frozen=True, slots=True)
class Grant:
    """A device owner's consent, as stored.

    `names` has one entry per channel; `control` is what the callback claimed or, once asked,
    what the cloud answered.
    """

    device: DeviceId
    host: str
    code: str
    type: str
    names: tuple[str, ...]
    control: bool
    user: str = ""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A device that may connect to us, as stored; an empty text is not known."""

    device: DeviceId
    code: str = ""
    name: str = ""
    wake_period: float | None = None
    """Seconds between the reports of one that sleeps."""


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """What somebody set of a device while the bridge ran, as stored; None is not set.

    `throttle` is in s.
    """

    device: DeviceId
    name: str | None = None
    area: str | None = None
    throttle: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set."""
        return self.name is None and self.area is None and self.throttle is None


Published = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""What Home Assistant knows of a device: (part, ((component, platform), …)) for each message."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Which instance has a host (or an account) now, and since when (unix s; 0: not known)."""

    instance: str
    since: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """What one of several instances knows of itself.

    `patterns` are of the cloud hosts that it may own; without any it may own all.
    """

    instance: str
    patterns: tuple[str, ...] = ()
    shared: bool = False
    """The registry is shared, and who owns what changes; otherwise the patterns decide for good."""
    mixed: bool = False
    """Devices come here by accounts or by themselves, besides those that come by consent."""


@dataclass(frozen=True, slots=True)
class Now:
    """The time of an event: `mono` for limits, `wall` (unix s) for what people read."""

    mono: float
    wall: float = field(default=0.0)
