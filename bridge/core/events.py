"""What happens outside, as the engine is told of it: frames, MQTT messages, consents.

All of them are values: frozen, comparable, free of behaviour. The engine answers each with
`effects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.model import (
    Access,
    DeviceId,
    DeviceOptions,
    Grant,
    Json,
    LinkId,
    LinkState,
    ListedDevice,
    Owner,
    Published,
    SourceKind,
)
from bridge.core.views.asked import View


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


@dataclass(frozen=True, slots=True)
class AccessReported:
    """The cloud told what we may do with a device; `code` is the model code if it came along."""

    link: LinkId
    device: DeviceId
    access: Access
    code: str | None = None


@dataclass(frozen=True, slots=True)
class DevicesListed:
    """All devices that come by an account; those it listed before are not there any more.

    Only with `settled` may something be concluded about those that this run never met. `unread`
    are devices that are there as well, but nothing of them could be read.
    """

    link: LinkId
    devices: tuple[ListedDevice, ...]
    settled: bool = True
    unread: frozenset[DeviceId] = frozenset()


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
class GrantStored:
    """A consent was stored durably; `revision` is the registry's count of the device's consents.

    `topics`, `published` and `options` are what is stored of the device where several instances
    share it.
    """

    grant: Grant
    revision: int = field(default=0, compare=False)
    topics: frozenset[str] = field(default=frozenset(), compare=False)
    published: Published = field(default=(), compare=False)
    options: DeviceOptions | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class GrantRevoked:
    """A consent was withdrawn and is no longer stored; `revision` as in `GrantStored`.

    Where several instances share the registry `host` is the one that the consent was for, until
    all of it is forgotten, and `topics` and `published` are what is still stored of the device.
    """

    device: DeviceId
    revision: int = field(default=0, compare=False)
    host: LinkId | None = field(default=None, compare=False)
    topics: frozenset[str] = field(default=frozenset(), compare=False)
    published: Published = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class HostGained:
    """This instance owns a host or an account from now on, or is told anew what belongs to it.

    `grants` are all there are for the host: devices that it had and that are not among them are
    gone like by a `DeviceLost`. `withdrawn`: consents taken back while nobody owned the host.
    `topics`, `published` and `options` are what is stored of all these devices; `since` is unix s.
    """

    link: LinkId
    since: float
    grants: tuple[Grant, ...]
    revisions: Mapping[DeviceId, int]
    topics: Mapping[DeviceId, frozenset[str]]
    published: Mapping[DeviceId, Published]
    options: tuple[DeviceOptions, ...]
    withdrawn: tuple[DeviceId, ...] = ()


@dataclass(frozen=True, slots=True)
class HostLost:
    """Another instance may own the host from now on: what is published of its devices stays."""

    link: LinkId


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """The same of one device, whose grant moved to a host of somebody else."""

    device: DeviceId


@dataclass(frozen=True, slots=True)
class HostsKnown:
    """All hosts with grants and all accounts, and who owns each; None: nobody just now."""

    hosts: Mapping[LinkId, Owner | None]


@dataclass(frozen=True, slots=True)
class ConsentsKnown:
    """The hosts of consents that came or changed, also of other instances' hosts; None: it is gone.

    With `whole` these are all that there are. A consent is gone only when nothing is left that its
    host's owner has to clear.
    """

    hosts: Mapping[DeviceId, LinkId | None]
    whole: bool = False


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
    asker: int | None = None
    """Who of our own pages sent it, instead of the broker; is shown every answer."""


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
class Looked:
    """Somebody looks at something; answered by one `Show` to this asker."""

    asker: int
    view: View


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
    | HostGained
    | HostLost
    | DeviceLost
    | HostsKnown
    | ConsentsKnown
    | BrokerUp
    | BrokerDown
    | MessageArrived
    | RetainedFound
    | Delivered
    | Looked
    | Vitals
)
