"""All that the engine knows: settings, devices, links, and how they are found. One thread's own."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bridge.core.device import Device, Path
from bridge.core.dispatch import Limits
from bridge.core.hosts import HostRule
from bridge.core.links import Link
from bridge.core.model import (
    Access,
    Cluster,
    DeviceId,
    DeviceOptions,
    Grant,
    LinkId,
    Owner,
    SourceKind,
    Visitor,
)
from bridge.core.sleep import wake_period
from bridge.core.topics import Topics


@dataclass(frozen=True, slots=True)
class Override:
    """What the configuration says of one device; `throttle` in s."""

    name: str | None = None
    topic: str | None = None
    area: str | None = None
    disabled: bool = False
    throttle: float = 0.0

    def with_options(self, options: DeviceOptions) -> Override:
        """The same, and the options where it says nothing."""
        return replace(
            self,
            name=self.name or options.name,
            area=self.area or options.area,
            throttle=self.throttle or options.throttle or 0.0,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """What the engine is told once, at its start."""

    topics: Topics
    bridge_id: str
    version: str
    started: float
    """Unix s."""
    limits: Limits = field(default_factory=Limits)
    grace: float = 30.0
    values: bool = False
    device_state: bool = False
    raw: bool = False
    manage: bool = True
    """Who may publish requests may also restart the bridge, remove devices and the like."""
    courses: bool = False
    """It is followed how values go, since somebody may look at that."""
    retain: bool = True
    overrides: Mapping[DeviceId, Override] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Versions of what the bridge runs on, for diagnostics."""
    device_per_channel: bool = False
    """Home Assistant gets a device for each main channel, where there are several."""
    hide_diagnostics: bool = False
    """Home Assistant gets no entities that only tell how a device is."""
    consent_url: str | None = None
    approve_visitors: bool = False
    """Devices that connect to us have to wait until somebody approves them."""
    rpc_methods: frozenset[str] = frozenset()
    """What anybody may call of a device that connects to us; in lower case."""
    logins: Mapping[LinkId, str | None] = field(default_factory=dict)
    """Accounts, each with the address where somebody logs in to it, if there is such a page."""
    cluster: Cluster | None = None
    """Set where several instances share the hosts."""


@dataclass(slots=True)
class Registry:
    """Devices and links by their ids."""

    settings: Settings
    devices: dict[DeviceId, Device] = field(default_factory=dict)
    links: dict[LinkId, Link] = field(default_factory=dict)
    roots: dict[str, DeviceId] = field(default_factory=dict)
    """First topic level(s) of a device → its id."""
    unlisted: set[LinkId] = field(default_factory=set)
    """Accounts that have not told yet which devices they have."""
    pending: dict[DeviceId, Visitor] = field(default_factory=dict)
    """Devices that connect to us and wait for approval; nothing else is told of them."""
    awaited: set[DeviceId] = field(default_factory=set)
    """Devices of former runs that may be on a list which has not come yet."""

    _overrides: dict[DeviceId, Override] = field(init=False)
    """What holds of devices: the configuration, and what was set besides."""
    options: dict[DeviceId, DeviceOptions] = field(default_factory=dict)
    """What was set while the bridge ran, or a former one."""
    owned: set[LinkId] | None = None
    """What this instance has now of the hosts and accounts that several share; None: all."""
    owners: dict[LinkId, Owner | None] = field(default_factory=dict)
    """Hosts and accounts that several share, and who has them."""
    unowned: dict[LinkId, Link] = field(default_factory=dict)
    """Hosts that no instance may own, as they are reported."""
    _rule: HostRule | None = None
    """Where the hosts are divided for good: which are ours."""

    def __post_init__(self) -> None:
        self._overrides = dict(self.settings.overrides)
        cluster = self.settings.cluster
        if cluster is not None and cluster.shared:
            # A list of an account that somebody else has will never come.
            self.owned = {_LOCAL}
            return
        self.unlisted |= self.settings.logins.keys()
        if cluster is not None and cluster.patterns:
            self._rule = HostRule(cluster.patterns)

    def owns(self, link: LinkId) -> bool:
        """Whether a link is this instance's own now."""
        if self.owned is not None:
            return link in self.owned
        if self._rule is None or link == _LOCAL or link in self.settings.logins:
            return True
        return self._rule.accepts(link)

    def owner(self, link: LinkId) -> Owner | None:
        """Who has a link; None where several share the hosts and nobody has it."""
        cluster = self.settings.cluster
        if cluster is not None and link not in self.owners and self.owns(link):
            return Owner(cluster.instance, self.settings.started)
        return self.owners.get(link)

    def override(self, device: DeviceId) -> Override:
        """What the configuration says of a device, and what was set where that says nothing."""
        return self._overrides.get(device, _NOTHING)

    def set_options(self, options: DeviceOptions) -> None:
        """Take in what was set of a device, in place of what was set before."""
        device = options.device
        self.options.pop(device, None)
        if not options.is_empty:
            self.options[device] = options
        configured = self.settings.overrides.get(device, _NOTHING)
        self._overrides[device] = configured.with_options(options)

    def root(self, device: DeviceId) -> str:
        """The topic level(s) that name a device: its alias or its id."""
        return self.override(device).topic or device

    def adopt(self, grant: Grant) -> tuple[Device, bool]:
        """Take a granted device in, or what changed of its grant; tells whether it is new."""
        device, new = self.meet(grant.device)
        device.names = grant.names or device.names
        device.code = grant.code or device.code
        device.control_saved = grant.control
        link = LinkId(grant.host)
        for other in [
            path.link for path in device.paths.values() if path.kind is SourceKind.INTEGRATOR
        ]:
            if other != link:
                del device.paths[other]
        if link not in device.paths:
            access = Access.CONTROL if grant.control else Access.READ
            device.paths[link] = Path(link, SourceKind.INTEGRATOR, access=access)
        return device, new

    def meet(self, device: DeviceId) -> tuple[Device, bool]:
        """A device, and whether it is new here."""
        known = self.devices.get(device)
        if known is not None:
            return known, False
        known = self.devices[device] = Device(device)
        known.wake_period = wake_period(device, {})
        self.roots[self.root(device)] = device
        return known, True

    def waiting(self) -> Iterator[Visitor]:
        """Those that wait for approval, and come by no other way."""
        return (each for each in self.pending.values() if each.device not in self.devices)

    def drop(self, device: DeviceId) -> None:
        """Forget a device."""
        self.devices.pop(device, None)
        self.roots.pop(self.root(device), None)

    def find(self, name: object) -> Device | None:
        """The device that somebody means by an id or alias."""
        if not isinstance(name, str):
            return None
        device = self.roots.get(name) or DeviceId(name.lower() if name[:1] != "X" else name)
        return self.devices.get(device)

    def on_link(self, link: LinkId) -> Iterator[Device]:
        """The devices that come by a link."""
        return (device for device in self.devices.values() if link in device.paths)

    def best_path(self, device: Device, able: Container[LinkId] | None = None) -> Path | None:
        """The way to send a command by: local before account before integrator, connected first.

        Of these links only, where `able` is given.
        """
        order = (SourceKind.OUTBOUND, SourceKind.ACCOUNT, SourceKind.INTEGRATOR)

        def rank(path: Path) -> tuple[bool, bool, int]:
            link = self.links.get(path.link)
            return (
                link is None or not link.connected or path.away,
                path.access is not Access.CONTROL,
                order.index(path.kind),
            )

        paths = [path for path in device.paths.values() if able is None or path.link in able]
        return min(paths, key=rank, default=None)

    def name(self, device: Device) -> str:
        """What people call the device; several names of a consent are those of its channels."""
        override = self.override(device.id).name
        called = override or device.name or device.listed_name
        if called:
            return called
        given = list(dict.fromkeys(filter(None, device.names)))
        if not given:
            return device.id
        if len(given) == 1:
            return given[0]
        return f"{device.code} {device.id[-4:]}" if device.code else device.id


_NOTHING = Override()
_LOCAL = LinkId("outbound")
