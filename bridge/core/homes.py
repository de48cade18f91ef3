"""Devices with a consent belong to whoever has their host, by whatever way they come besides.

For instances that share a registry, and of them only for those to which devices come by accounts
or by themselves, too: what one hears of a device that others serve goes no further, until there is
nobody else to serve it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bridge.core.effects import Effect, Refresh, SaveVisitor
from bridge.core.events import (
    AccessReported,
    ConsentsKnown,
    DeviceArrived,
    DeviceLeft,
    DevicesListed,
    OnlineReported,
    PressReported,
    RefreshAnswered,
    SettingsReported,
    StatusReported,
)
from bridge.core.model import DeviceId, LinkId, Now, Visitor
from bridge.core.presence import Presence
from bridge.core.registry import Registry
from bridge.core.timers import Timers
from bridge.core.visitors import LINK, Visitors

Handler = Callable[[Any, Now], Iterable[Effect]]

PAUSE = 2.0
"""Seconds between the end of a consent and the other ways: its owner clears the last topic."""

_TOLD = (
    StatusReported,
    SettingsReported,
    OnlineReported,
    AccessReported,
    RefreshAnswered,
    PressReported,
)


@dataclass(frozen=True, slots=True)
class TakeUpDue:
    """A timer's key: a device without a consent may be served by its other ways."""

    device: DeviceId


class Homes:
    """Knows the hosts of all consents, and what else would bring their devices here."""

    def __init__(
        self, registry: Registry, timers: Timers, visitors: Visitors, presence: Presence
    ) -> None:
        self._registry = registry
        self._timers = timers
        self._visitors = visitors
        self._presence = presence
        cluster = registry.settings.cluster
        self._is_wanted = cluster is not None and cluster.shared and cluster.mixed
        self._besides = frozenset({*registry.settings.logins, LINK})
        """The links that are no cloud hosts."""
        self._hosts: dict[DeviceId, LinkId] = {}
        self._returning: set[DeviceId] = set()
        """Devices whose consents are gone, until they are taken up."""
        self._rolls: dict[LinkId, DevicesListed] = {}
        """What each account listed last."""
        self._here: set[DeviceId] = set()
        """Devices that are connected to us, whoever serves them."""
        self._aside: dict[DeviceId, Visitor] = {}
        """Devices of others that may connect to us."""
        self._listed: Handler = lambda _, __: []
        self._arrived: Handler = lambda _, __: []

    def handlers(self, alone: Mapping[type, Handler]) -> dict[type, Handler]:
        """Those of a bridge that is `alone`, where they must not hear of what others serve."""
        if not self._is_wanted:
            return {}
        self._listed, self._arrived = alone[DevicesListed], alone[DeviceArrived]
        left = alone[DeviceLeft]
        return {kind: self._of_ours(alone[kind]) for kind in _TOLD} | {
            DevicesListed: self._list,
            DeviceArrived: self._arrive,
            DeviceLeft: lambda event, now: self._depart(event, left, now),
        }

    def _of_ours(self, handler: Handler) -> Handler:
        def handle(event: Any, now: Now) -> Iterable[Effect]:
            if event.link in self._besides and self.is_left(event.device):
                return []
            return handler(event, now)

        return handle

    # What is known

    def is_left(self, device: DeviceId) -> bool:
        """Whether a device is none of our business, although it may come by other ways."""
        host = self._hosts.get(device)
        return device in self._returning or not (host is None or self._registry.owns(host))

    def left(self) -> list[DeviceId]:
        """The devices that are served here and must not be."""
        return [each for each in self._registry.devices if self.is_left(each)]

    def settle(self, device: DeviceId, host: LinkId) -> None:
        """A device has a consent, and this is its host."""
        if self._is_wanted:
            self._hosts[device] = host
            self._stay(device)

    def _stay(self, device: DeviceId) -> None:
        self._returning.discard(device)
        self._timers.cancel(TakeUpDue(device))

    def known(self, event: ConsentsKnown, now: Now) -> list[DeviceId]:
        """Take in what changed of consents; gives the devices that others serve since then."""
        gone = self._hosts.keys() - event.hosts.keys() if event.whole else ()
        told = {**event.hosts, **dict.fromkeys(gone)}
        changed = {each: host for each, host in told.items() if self._hosts.get(each) != host}
        others: list[DeviceId] = []
        free: list[DeviceId] = []
        for device, host in changed.items():
            if host is None:
                del self._hosts[device]
                free.append(device)
                continue
            self.settle(device, host)
            (others if self.is_left(device) else free).append(device)
        rolls = self._rolls.values() if free else ()
        listed = {each.device for roll in rolls for each in roll.devices}
        for device in free:
            comes = device in listed or device in self._here or device in self._aside
            if comes and device not in self._registry.devices:
                self.take_up_later(device, now)
        return others

    # Others serve it

    def restore(self, hosts: Mapping[DeviceId, LinkId], stored: Iterable[Visitor]) -> list[Visitor]:
        """The consents at the start; gives those of the visitors that are ours."""
        if not self._is_wanted:
            return list(stored)
        self._hosts |= hosts
        ours = []
        for visitor in stored:
            if self.is_left(visitor.device):
                self._aside[visitor.device] = visitor
            else:
                ours.append(visitor)
        return ours

    def leave(self, device: DeviceId, now: Now) -> None:
        """A device is given away: remember what brings it back, if it comes by other ways too."""
        if not self.is_left(device):
            return
        visitor = self._visitors.give_up(device, now)
        if visitor is not None:
            self._aside[device] = visitor

    def forget(self, link: LinkId) -> None:
        """An account is not ours any more."""
        self._rolls.pop(link, None)

    # Nobody else does

    def take_up_later(self, device: DeviceId, now: Now) -> None:
        """Serve a device by what else brings it here, but not before its last topic is cleared."""
        if self._is_wanted:
            self._returning.add(device)
            self._timers.set(TakeUpDue(device), now.mono + PAUSE)

    def due(self, key: TakeUpDue, now: Now) -> list[Effect]:
        """The same, now."""
        self._returning.discard(key.device)
        return self.take_up((key.device,), now)

    def take_up(self, devices: Iterable[DeviceId], now: Now) -> list[Effect]:
        """Serve devices by every way that brings them here, and ask there how they are."""
        if not self._is_wanted:
            return []
        wanted = {device for device in devices if not self.is_left(device)}
        effects: list[Effect] = []
        for device in sorted(wanted):
            effects += self._visit_again(device, now)
        for link, roll in list(self._rolls.items()):
            missing = [
                each.device
                for each in roll.devices
                if each.device in wanted and not self._comes_by(link, each.device)
            ]
            if missing:
                effects += self._list(roll, now)
            effects += [Refresh(link, each) for each in missing if self._comes_by(link, each)]
        return effects

    def _comes_by(self, link: LinkId, device: DeviceId) -> bool:
        known = self._registry.devices.get(device)
        return known is not None and link in known.paths

    def _visit_again(self, device: DeviceId, now: Now) -> list[Effect]:
        visitor = self._aside.pop(device, None)
        if self._comes_by(LINK, device):
            return []
        effects: list[Effect] = []
        if visitor is not None:
            self._visitors.restore((visitor,), now)
            # It went with the consent.
            effects.append(SaveVisitor(visitor))
            known = self._registry.devices.get(device)
            if known is not None:
                effects += self._presence.describe(known, now)
        if device in self._here:
            effects += self._arrived(DeviceArrived(LINK, device), now)
            effects.append(Refresh(LINK, device))
        return effects

    # What comes by accounts, and by the devices themselves

    def _list(self, event: DevicesListed, now: Now) -> Iterable[Effect]:
        self._rolls[event.link] = event
        ours = tuple(each for each in event.devices if not self.is_left(each.device))
        return self._listed(replace(event, devices=ours), now)

    def _arrive(self, event: DeviceArrived, now: Now) -> Iterable[Effect]:
        self._here.add(event.device)
        return [] if self.is_left(event.device) else self._arrived(event, now)

    def _depart(self, event: DeviceLeft, left: Handler, now: Now) -> Iterable[Effect]:
        self._here.discard(event.device)
        return [] if self.is_left(event.device) else left(event, now)
