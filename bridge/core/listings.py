"""Devices that come by accounts: an account says which ones there are, and nobody else."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.device import Device, Path
from bridge.core.effects import Effect
from bridge.core.events import DevicesListed
from bridge.core.grants import Grants
from bridge.core.model import Access, DeviceId, LinkId, ListedDevice, Now, SourceKind
from bridge.core.presence import Presence
from bridge.core.registry import Registry
from bridge.core.timers import Timers

DOUBTED = 3_600.0
"""Seconds for which it is not believed that most devices of former runs are no more."""


@dataclass(frozen=True, slots=True)
class LeftoversDue:
    """A timer's key: what was not believed of the devices of former runs is true."""


@dataclass(frozen=True, slots=True)
class ListsLate:
    """A timer's key: devices of former runs whose accounts do not tell of them are offline."""


class Listings:
    """Brings in the devices of accounts, and takes away those that are listed no more."""

    def __init__(
        self, registry: Registry, grants: Grants, presence: Presence, timers: Timers
    ) -> None:
        self._registry = registry
        self._grants = grants
        self._presence = presence
        self._timers = timers
        self._unread: dict[LinkId, frozenset[DeviceId]] = {}

    def listed(self, event: DevicesListed, now: Now) -> tuple[list[Effect], list[DeviceId]]:
        """Take a whole list in; gives the effects, and the devices that nobody serves any more."""
        effects: list[Effect] = []
        served = set()
        for listed in event.devices:
            if not self._registry.override(listed.device).disabled:
                served.add(listed.device)
                effects += self._take_in(event.link, listed, now)
        gone = []
        for device in list(self._registry.on_link(event.link)):
            if device.id in served:
                continue
            effects += self._grants.leave(device, event.link, now)
            if device.id in self._registry.devices:
                effects += self._described(device, now)
            else:
                gone.append(device.id)
        self._unread[event.link] = event.unread
        if event.settled:
            self._registry.unlisted.discard(event.link)
        return effects, gone

    def leftovers(self, now: Now) -> list[DeviceId]:
        """Once every account has told: devices of former runs that nobody serves.

        If those are more than half, they stay for an hour, for the lists may be wrong.
        """
        if self._registry.unlisted:
            return []
        gone = self._missing()
        if 2 * len(gone) > len(self._registry.awaited):
            self._timers.set_if_unset(LeftoversDue(), now.mono + DOUBTED)
            return []
        self._timers.cancel(LeftoversDue())
        return self._give_up(gone)

    def doubted(self) -> list[DeviceId]:
        """The same when it was doubted for long enough."""
        return [] if self._registry.unlisted else self._give_up(self._missing())

    def _missing(self) -> set[DeviceId]:
        unread = frozenset().union(*self._unread.values())
        return self._registry.awaited - self._registry.devices.keys() - unread

    def _give_up(self, gone: set[DeviceId]) -> list[DeviceId]:
        self._registry.awaited -= gone | self._registry.devices.keys()
        return sorted(gone)

    def late(self) -> list[Effect]:
        """No list has come for a while: what former runs said of devices counts no more."""
        return [
            effect
            for device in sorted(self._registry.awaited - self._registry.devices.keys())
            for effect in self._grants.say_offline(device)
        ]

    def _take_in(self, link: LinkId, listed: ListedDevice, now: Now) -> list[Effect]:
        device, new = self._registry.meet(listed.device)
        before = (device.code, device.listed_name)
        device.code = listed.code or device.code
        device.listed_name = listed.name or device.listed_name
        changed = (device.code, device.listed_name) != before
        access = Access.CONTROL if listed.control else Access.READ
        path = device.paths.get(link)
        if path is None or path.access is not access:
            changed = True
            online = None if path is None else path.online
            device.paths[link] = Path(link, SourceKind.ACCOUNT, online, access=access)
        effects = self._grants.added(device.id, now) if new else []
        if not changed:
            return effects
        return effects + self._described(device, now)

    def _described(self, device: Device, now: Now) -> list[Effect]:
        return [*self._presence.describe(device, now), *self._presence.judge(device, now)]
