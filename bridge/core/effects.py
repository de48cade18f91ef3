"""What the engine wants done, carried out by the threads around it.

All of them are values: frozen, comparable, free of behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bridge.core.commands import Command, Target
from bridge.core.model import (
    DeviceId,
    DeviceOptions,
    Grant,
    Json,
    LinkId,
    Published,
    SourceKind,
    Visitor,
)


class Lane(Enum):
    """How a publication waits for the broker."""

    STATE = "state"
    """Only the newest of a topic waits; goes first."""
    REFILL = "refill"
    """As STATE, but paced and behind it: the same values again after a broker connect."""
    EVENT = "event"
    """Every one counts: in order, bounded, the oldest is dropped first."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish a message; an empty `payload` with `retain` clears the topic."""

    topic: str
    payload: str
    retain: bool = True
    qos: int = 1
    lane: Lane = Lane.STATE
    correlation: bytes | None = None
    expiry: int | None = None
    """MQTT 5 message expiry in s."""
    properties: tuple[tuple[str, str], ...] = ()
    """MQTT 5 user properties."""
    receipt: str | None = None
    """Asks for a `Delivered` with this text; one that a newer value replaced gets none."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """Publish nothing of what still waits for a device's topics, and store nothing of it.

    Somebody else publishes there now, and stores what.
    """

    device: DeviceId
    topics: frozenset[str]


@dataclass(frozen=True, slots=True)
class SendCommand:
    """Send a command by a link, not after `deadline`; `native` ones in the device's own RPC."""

    link: LinkId
    device: DeviceId
    target: Target
    command: Command
    request: int
    deadline: float
    native: bool = False


@dataclass(frozen=True, slots=True)
class CallDevice:
    """Make a call of somebody's own in a device's RPC, not after `deadline`."""

    link: LinkId
    device: DeviceId
    method: str
    parameters: Json
    request: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Refresh:
    """Ask the source for the whole state of a device."""

    link: LinkId
    device: DeviceId


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Close the link's connection and open it again."""

    link: LinkId


@dataclass(frozen=True, slots=True)
class Adopt:
    """A grant is to be served: connect its host if need be and verify the device."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Release:
    """A device is served no more: forget it, and close its connection if it was the last there.

    With a `kind` that is so for sources of that kind only.
    """

    device: DeviceId
    kind: SourceKind | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Another link serves the device from now on."""

    device: DeviceId
    to: LinkId


@dataclass(frozen=True, slots=True)
class SaveGrant:
    """Write what the cloud told about a granted device (host, access, model) to the registry.

    It is about the consent of that `revision`; a newer one stays as it is.
    """

    device: DeviceId
    host: str | None = None
    control: bool | None = None
    code: str | None = None
    revision: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SaveVisitor:
    """Write a device that may connect to us to the registry, or (`gone`) delete it there."""

    visitor: Visitor
    gone: bool = False

    @property
    def device(self) -> DeviceId:
        """Which device it is about."""
        return self.visitor.device


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """Write what was set of a device to the registry; empty options are forgotten."""

    options: DeviceOptions

    @property
    def device(self) -> DeviceId:
        """Which device it is about."""
        return self.options.device


@dataclass(frozen=True, slots=True)
class SetLogLevel:
    """Log from this level on, until the bridge ends."""

    level: str


@dataclass(frozen=True, slots=True)
class DropGrant:
    """Forget a grant in the registry, and all that is stored of the device.

    A consent newer than `revision` stays; so does all but the grant of one that is `kept`.
    """

    device: DeviceId
    revision: int = field(default=0, compare=False)
    kept: bool = False


@dataclass(frozen=True, slots=True)
class SaveTopics:
    """Remember the retained topics of a device, so that they can be cleared after a restart."""

    device: DeviceId
    topics: frozenset[str]


@dataclass(frozen=True, slots=True)
class SaveComponents:
    """Remember what Home Assistant was told of a device, so that it can be taken back later."""

    device: DeviceId
    published: Published


@dataclass(frozen=True, slots=True)
class Restart:
    """Stop the bridge, and start it again as a new process."""


@dataclass(frozen=True, slots=True)
class ScanRetained:
    """List the retained topics below the base topic; answered by `RetainedFound`."""

    token: int


@dataclass(frozen=True, slots=True)
class Show:
    """What an asker is shown: what it looked at (`views.shown`), or the answer to its message."""

    asker: int
    document: object
    final: bool = True
    """Nothing more follows."""


@dataclass(frozen=True, slots=True)
class Log:
    """One line for the log; `level` as in `logging`."""

    level: int
    text: str


Effect = (
    Publish
    | LetGo
    | SendCommand
    | CallDevice
    | Refresh
    | Reconnect
    | Adopt
    | Release
    | Move
    | SaveGrant
    | SaveVisitor
    | SaveOptions
    | SetLogLevel
    | DropGrant
    | SaveTopics
    | SaveComponents
    | Restart
    | ScanRetained
    | Show
    | Log
)
