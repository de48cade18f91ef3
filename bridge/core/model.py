"""The words the parts of the bridge speak to each other: events in, effects out, commands.

All of them are values: frozen, comparable, free of behaviour. An *event* is something that
happened outside (a frame, an MQTT message, a grant); the engine answers it with *effects*, which
the threads around it carry out. Times called `at` and `deadline` are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, NewType

from bridge.core.commands import Command, Target

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


# Events: what happened outside.


@dataclass(frozen=True, slots=True)
class StatusReported:
    """A device's status came; `full` replaces what is known, otherwise it is an overlay.

    With `live` off it is what was known last of a device that is away.
    """

    link: LinkId
    device: DeviceId
    status: dict[str, Json]
    full: bool = False
    code: str | None = None
    live: bool = True


@dataclass(frozen=True, slots=True)
class SettingsReported:
    """A device's settings came; they hold secrets and are never published as they are."""

    link: LinkId
    device: DeviceId
    settings: dict[str, Json]


@dataclass(frozen=True, slots=True)
class OnlineReported:
    """The cloud says that a device came or went."""

    link: LinkId
    device: DeviceId
    online: bool


class Access(StrEnum):
    """What the owner of a device allows us."""

    CONTROL = "control"
    READ = "read"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AccessReported:
    """The cloud told what we may do with a device; `code` is the model code if it came along."""

    link: LinkId
    device: DeviceId
    access: Access
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device as an account lists it; `code` and `name` may be missing or come later."""

    device: DeviceId
    code: str | None = None
    name: str | None = None
    control: bool = True


@dataclass(frozen=True, slots=True)
class DevicesListed:
    """All devices that come by an account; those it listed before are not there any more."""

    link: LinkId
    devices: tuple[ListedDevice, ...]


@dataclass(frozen=True, slots=True)
class DeviceMoved:
    """The device is served by another link from now on."""

    link: LinkId
    device: DeviceId
    to: LinkId


@dataclass(frozen=True, slots=True)
class DeviceArrived:
    """A device opened a connection of its own to us; the link is the listener it came by."""

    link: LinkId
    device: DeviceId


@dataclass(frozen=True, slots=True)
class DeviceLeft:
    """That connection is gone."""

    link: LinkId
    device: DeviceId


@dataclass(frozen=True, slots=True)
class PressReported:
    """Somebody pressed something; `button` is the number of one of several of the component."""

    link: LinkId
    device: DeviceId
    component: str
    event_type: str
    button: int | None = None


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The answer to a `CallDevice`: a result, or an error as the device words it."""

    link: LinkId
    request: int
    result: Json = None
    error: Json = None


@dataclass(frozen=True, slots=True)
class RefreshAnswered:
    """The answer to a `Refresh`: `ok`, `offline`, `not_authorized`, `timeout` or `failed`."""

    link: LinkId
    device: DeviceId
    outcome: str


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """The cloud or device answered a command; `text` says why not."""

    link: LinkId
    request: int
    ok: bool
    text: str | None = None


@dataclass(frozen=True, slots=True)
class CommandNotSent:
    """A command was given back unsent; `status` is the result word (`expired`, `host_down` …)."""

    link: LinkId
    request: int
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A connection changed its state; `error` says why, without secrets."""

    link: LinkId
    kind: SourceKind
    state: LinkState
    error: str | None = None
    token_expires: float | None = None
    """Unix seconds."""
    native_rpc: bool = False
    """Devices of Gen2+ can be told anything by it, in their own RPC."""


@dataclass(frozen=True, slots=True)
class LinkRemoved:
    """A connection is no longer wanted and was closed."""

    link: LinkId


@dataclass(frozen=True, slots=True)
class BadInput:
    """Something came that is not as the protocol says; counted by `kind`, logged once."""

    source: str
    kind: str
    text: str
    device: DeviceId | None = None


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
class GrantStored:
    """A consent was stored durably; `revision` is the registry's count of the device's consents."""

    grant: Grant
    revision: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class GrantRevoked:
    """A consent was withdrawn and is no longer stored."""

    device: DeviceId


@dataclass(frozen=True, slots=True)
class BrokerUp:
    """The broker took us; everything retained must be published again."""

    protocol: str
    """`5` or `3.1.1`."""
    owner: str | None = None
    """On the first connection: the `bridge_id` that was found retained below our base topic."""


@dataclass(frozen=True, slots=True)
class BrokerDown:
    """The broker is gone; `text` says why."""

    text: str


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """An MQTT message for us.

    `retain`: the flag as delivered. `stored`: the broker kept it from before our subscription.
    """

    topic: str
    payload: bytes
    at: float
    retain: bool = False
    stored: bool = False
    duplicate: bool = False
    qos: int = 1
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class RetainedFound:
    """The answer to `ScanRetained`: every retained topic below ours with its payload."""

    token: int
    topics: tuple[tuple[str, bytes], ...]
    complete: bool
    """False when the scan was cut short; then nothing may be concluded from what is missing."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The broker has the publication that asked for this `receipt`."""

    receipt: str


@dataclass(frozen=True, slots=True)
class Vitals:
    """Once a minute: how the process is; numbers by name, as `bridge/health` shows them."""

    values: dict[str, Json]


Event = (
    StatusReported
    | SettingsReported
    | OnlineReported
    | DeviceArrived
    | DeviceLeft
    | PressReported
    | CallAnswered
    | AccessReported
    | DevicesListed
    | DeviceMoved
    | RefreshAnswered
    | CommandAnswered
    | CommandNotSent
    | LinkChanged
    | LinkRemoved
    | BadInput
    | GrantStored
    | GrantRevoked
    | BrokerUp
    | BrokerDown
    | MessageArrived
    | RetainedFound
    | Delivered
    | Vitals
)


# Effects: what the engine wants done.


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
    """Write a device that may connect to us to the registry."""

    visitor: Visitor

    @property
    def device(self) -> DeviceId:
        """Which device it is about."""
        return self.visitor.device


@dataclass(frozen=True, slots=True)
class DropGrant:
    """Forget a grant in the registry, and all that is stored of the device.

    A consent newer than `revision` stays; so does what is published of one that is `kept`.
    """

    device: DeviceId
    revision: int = field(default=0, compare=False)
    kept: bool = False


@dataclass(frozen=True, slots=True)
class SaveTopics:
    """Remember the retained topics of a device, so that they can be cleared after a restart."""

    device: DeviceId
    topics: frozenset[str]


Published = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""What Home Assistant knows of a device: (part, ((component, platform), …)) for each message."""


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
class Log:
    """One line for the log; `level` as in `logging`."""

    level: int
    text: str


Effect = (
    Publish
    | SendCommand
    | CallDevice
    | Refresh
    | Reconnect
    | Adopt
    | Release
    | Move
    | SaveGrant
    | SaveVisitor
    | DropGrant
    | SaveTopics
    | SaveComponents
    | Restart
    | ScanRetained
    | Log
)


@dataclass(frozen=True, slots=True)
class Now:
    """The time of an event: `mono` for limits, `wall` (unix s) for what people read."""

    mono: float
    wall: float = field(default=0.0)
