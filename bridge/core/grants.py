"""Consents: which devices there are, what we may do with them, and how they go."""

from __future__ import annotations

from bridge.core.device import Device
from bridge.core.dispatch import Dispatch
from bridge.core.effects import Adopt, DropGrant, Effect, Move, Release, SaveGrant
from bridge.core.events import AccessReported, DeviceMoved, GrantStored
from bridge.core.homeassistant.discovery import Discovery
from bridge.core.model import Access, DeviceId, Grant, Json, LinkId, Now, SourceKind
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.results import iso


class Grants:
    """Brings devices in and takes them away."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        dispatch: Dispatch,
        discovery: Discovery,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._dispatch = dispatch
        self._discovery = discovery

    def adopt(self, grant: Grant) -> list[Effect]:
        """Serve a stored grant; one of a disabled device is left alone."""
        if self._registry.override(grant.device).disabled:
            return self.hide(grant.device)
        self._registry.adopt(grant)
        return [Adopt(grant)]

    def granted(self, event: GrantStored, now: Now) -> list[Effect]:
        """A consent was given, or given anew; what it allows is saved again once verified."""
        grant = event.grant
        new = grant.device not in self._registry.devices
        effects = self.adopt(grant)
        if grant.device in self._registry.devices:
            device = self._registry.devices[grant.device]
            device.revision, device.control_saved = event.revision, grant.control
        effects.append(self.event("consent_granted", grant.device, now))
        if new and grant.device in self._registry.devices:
            effects.append(self.event("device_added", grant.device, now))
        return effects

    def revoked(self, device: DeviceId, now: Now) -> list[Effect]:
        """A consent was withdrawn; it is no longer stored. The device may have another way here."""
        known = self._registry.devices.get(device)
        links = [] if known is None else granted_links(known)
        if known is None or not links:
            return []
        effects: list[Effect] = [self.event("consent_revoked", device, now)]
        if len(links) == len(known.paths):
            return effects + self._take_away(device, now)
        for link in links:
            effects += self.leave(known, link, now)
        known.names = ()
        return [*effects, Release(device, SourceKind.INTEGRATOR)]

    def leave(self, device: Device, link: LinkId, now: Now) -> list[Effect]:
        """A device does not come by a link any more; one without any other is gone."""
        if set(device.paths) <= {link}:
            return self._take_away(device.id, now)
        del device.paths[link]
        device.presses.forget(link)
        return []

    def added(self, device: DeviceId, now: Now) -> list[Effect]:
        """Tell that there is a new device."""
        return [self.event("device_added", device, now)]

    def remove(self, device: DeviceId, now: Now) -> list[Effect]:
        """Somebody who runs the bridge wants the device gone, until the next consent."""
        return [
            DropGrant(device, self._registry.devices[device].revision),
            *self._take_away(device, now),
        ]

    def hide(self, device: DeviceId) -> list[Effect]:
        """Take away what former runs published of a device that is not served now."""
        if not self._publications.knows(device):
            return []
        effects = self.say_offline(device)
        return [*effects, *self._publications.forget(device), *self._discovery.forget(device)]

    def say_offline(self, device: DeviceId) -> list[Effect]:
        """The same only of its availability: it may come back."""
        return self._publications.availability(Device(device, online=False))

    def access(self, device: Device, event: AccessReported) -> list[Effect]:
        """The cloud told what we may do; it alone decides about control."""
        path = device.paths[event.link]
        code = event.code if event.code and event.code != device.code else None
        device.code = code or device.code
        control = None if event.access is Access.NONE else event.access is Access.CONTROL
        known = path.access is event.access and control == device.control_saved
        path.access = event.access
        if code is None and (known or control is None):
            return []
        if control is not None:
            device.control_saved = control
        return [SaveGrant(device.id, control=control, code=code, revision=device.revision)]

    def moved(self, device: Device, event: DeviceMoved) -> list[Effect]:
        """Another cloud host serves the device from now on."""
        path = device.paths.pop(event.link)
        path.link = event.to
        path.online, path.silent = None, False
        device.paths[event.to] = path
        save = SaveGrant(device.id, host=event.to, revision=device.revision)
        return [save, Move(device.id, event.to)]

    def _take_away(self, device: DeviceId, now: Now) -> list[Effect]:
        known = self._registry.devices[device]
        effects = self._dispatch.drop_device(device, "unknown", "the device was removed", now)
        known.online = False
        effects += self._publications.availability(known)
        effects += self._publications.forget(device)
        effects += self._discovery.forget(device)
        self._registry.drop(device)
        effects += [Release(device), self.event("device_removed", device, now)]
        return effects

    def event(self, what: str, device: DeviceId, now: Now) -> Effect:
        """What `bridge/event` tells of a device."""
        body: dict[str, Json] = {"type": what, "device": device, "ts": iso(now.wall)}
        return self._publications.event(self._registry.settings.topics.bridge("event"), body)


def granted_links(device: Device) -> list[LinkId]:
    """The links by which a device comes since its owner gave consent."""
    return [path.link for path in device.paths.values() if path.kind is SourceKind.INTEGRATOR]
