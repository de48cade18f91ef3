"""All that the engine knows: settings, devices, links, and how they are found. One thread's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.core.device import Device, Path
from bridge.core.dispatch import Limits
from bridge.core.links import Link
from bridge.core.model import Access, DeviceId, Grant, LinkId, SourceKind
from bridge.core.topics import Topics


@dataclass(frozen=True, slots=True)
class Override:
    """What the configuration says of one device; `throttle` in s."""

    name: str | None = None
    topic: str | None = None
    area: str | None = None
    disabled: bool = False
    throttle: float = 0.0


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
    retain: bool = True
    overrides: Mapping[DeviceId, Override] = field(default_factory=dict)
    consent_url: str | None = None


@dataclass(slots=True)
class Registry:
    """Devices and links by their ids."""

    settings: Settings
    devices: dict[DeviceId, Device] = field(default_factory=dict)
    links: dict[LinkId, Link] = field(default_factory=dict)
    roots: dict[str, DeviceId] = field(default_factory=dict)
    """First topic level(s) of a device → its id."""

    def override(self, device: DeviceId) -> Override:
        """What the configuration says of a device."""
        return self.settings.overrides.get(device, _NOTHING)

    def root(self, device: DeviceId) -> str:
        """The topic level(s) that name a device: its alias or its id."""
        return self.override(device).topic or device

    def adopt(self, grant: Grant) -> tuple[Device, bool]:
        """Take a granted device in, or what changed of its grant; tells whether it is new."""
        device = self.devices.get(grant.device)
        new = device is None
        if device is None:
            device = self.devices[grant.device] = Device(grant.device)
            self.roots[self.root(grant.device)] = grant.device
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

    def best_path(self, device: Device) -> Path | None:
        """The way to send a command by: local before account before integrator, connected first."""
        order = (SourceKind.OUTBOUND, SourceKind.ACCOUNT, SourceKind.INTEGRATOR)

        def rank(path: Path) -> tuple[bool, bool, int]:
            link = self.links.get(path.link)
            return (
                link is None or not link.connected,
                path.access is not Access.CONTROL,
                order.index(path.kind),
            )

        return min(device.paths.values(), key=rank, default=None)

    def name(self, device: Device) -> str:
        """What people call the device."""
        override = self.override(device.id).name
        return override or device.name or (device.names[0] if device.names else device.id)


_NOTHING = Override()
