"""Hosts that several instances share come and go: what is taken over, and what is left as it is.

Whoever loses a host says nothing about its devices any more, as somebody else does: nothing is
set to `offline`, nothing is cleared, and commands for them are the other's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from bridge.core.connections import Connections
from bridge.core.consents import ClearDue, Consents
from bridge.core.device import Device
from bridge.core.dispatch import Dispatch
from bridge.core.effects import (
    Adopt,
    DropGrant,
    Effect,
    LetGo,
    Log,
    Publish,
    Release,
    SaveGrant,
)
from bridge.core.events import (
    ConsentsKnown,
    Delivered,
    DeviceLost,
    DeviceMoved,
    DevicesListed,
    GrantRevoked,
    GrantStored,
    HostGained,
    HostLost,
    HostsKnown,
    LinkChanged,
    LinkRemoved,
)
from bridge.core.grants import Grants, granted_links
from bridge.core.homeassistant.discovery import Discovery
from bridge.core.homes import Homes, TakeUpDue
from bridge.core.instances import Instances, UnownedDue
from bridge.core.model import (
    Access,
    Cluster,
    DeviceId,
    DeviceOptions,
    Grant,
    LinkId,
    Now,
    Owner,
    Published,
    SourceKind,
    Visitor,
)
from bridge.core.presence import Presence
from bridge.core.publications import THE_BRIDGE, Publications
from bridge.core.refill import StatesDue
from bridge.core.registry import Registry
from bridge.core.reports import Reports, ThrottleOver
from bridge.core.shards import Shards
from bridge.core.timers import Timers
from bridge.core.withdrawals import Withdrawals

Handler = Callable[[Any, Now], Iterable[Effect]]

_TAKEN = "another instance of the bridge has the host now"

_ALONE = ("state", "info", "devices", "health")
"""Retained documents of a bridge that was alone, where several are now."""


class Ownership:
    """Takes hosts over and gives them away."""

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        dispatch: Dispatch,
        discovery: Discovery,
        presence: Presence,
        connections: Connections,
        reports: Reports,
        grants: Grants,
        consents: Consents,
        homes: Homes,
    ) -> None:
        self._cluster = cluster
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._dispatch = dispatch
        self._discovery = discovery
        self._presence = presence
        self._connections = connections
        self._reports = reports
        self._grants = grants
        self._consents = consents
        self._homes = homes
        self.instances = Instances(registry, publications, timers, connections, cluster)
        self._shards = Shards(registry)
        self._withdrawn = Withdrawals()

    def handlers(self, alone: Mapping[type, Handler]) -> dict[type, Handler]:
        """Who answers which event, where a bridge that is `alone` has others or none."""
        found: dict[type, Handler] = {
            HostGained: self.gained,
            HostLost: self.lost,
            DeviceLost: self.device_lost,
            HostsKnown: self.instances.known,
            ConsentsKnown: self.consents_known,
            GrantStored: self.granted,
            GrantRevoked: self.revoked,
            DeviceMoved: self.moved,
        }
        if self._cluster.shared:
            found |= self._homes.handlers(alone)
            for kind in (LinkChanged, LinkRemoved, DevicesListed):
                found[kind] = self._of_own(found.get(kind, alone[kind]))
            told = alone[Delivered]
            found[Delivered] = lambda event, now: [
                *told(event, now),
                *self._withdrawn.delivered(event),
            ]
        return found

    def due(self) -> dict[type, Handler]:
        """The same for timers."""
        return {
            UnownedDue: self.instances.unowned,
            ClearDue: self.cleared,
            TakeUpDue: self.take_up,
        }

    def _of_own(self, handler: Handler) -> Handler:
        """Ignores what is still said of a link after it was lost."""
        owns = self._registry.owns
        return lambda event, now: handler(event, now) if owns(event.link) else []

    # The start

    def restore(
        self, grants: Iterable[Grant], visitors: Iterable[Visitor], homes: Mapping[DeviceId, LinkId]
    ) -> tuple[list[Effect], list[Grant], list[Visitor]]:
        """The stored grants and visitors that are ours from the beginning.

        What others have is left alone; `homes` as in `ConsentsKnown`.
        """
        effects: list[Effect] = []
        visitors = self._homes.restore(homes, visitors)
        if THE_BRIDGE in self._publications.former_hubs():
            base = self._registry.settings.topics.base
            effects += [Publish(f"{base}/bridge/{name}", "") for name in _ALONE]
        if self._cluster.shared:
            mine: list[Grant] = []
            kept = {THE_BRIDGE, self._registry.settings.topics.hub}
            kept |= {visitor.device for visitor in visitors}
            hubs = self._publications.former_hubs()
            known = {*self._publications.known_devices(), *hubs, *self._discovery.owners}
            others = known - kept
        else:
            mine = [grant for grant in grants if self._shards.is_ours(grant)]
            others = set(self._shards.devices)
        for device in others:
            self._leave(device)
        return effects, mine, visitors

    def _leave(self, device: DeviceId) -> list[Effect]:
        """Keep no account of what is published of a device; what still waits is out of date."""
        self._discovery.leave(device)
        topics = self._publications.leave(device)
        return [LetGo(device, topics)] if topics else []

    # Hosts

    def gained(self, event: HostGained, now: Now) -> list[Effect]:
        """A host is ours from now on, or all that belongs to it is told anew."""
        registry, link = self._registry, event.link
        if registry.owned is None:
            return []
        registry.owned.add(link)
        registry.owners[link] = Owner(self._cluster.instance, event.since)
        effects = self.instances.look(now)
        for given in event.grants:
            self._homes.settle(given.device, link)
        granted = {grant.device for grant in event.grants}
        withdrawn = set(event.withdrawn) - granted
        for device in list(registry.on_link(link)):
            is_stored = device.id in granted or device.id in withdrawn
            if not is_stored and device.paths[link].kind is SourceKind.INTEGRATOR:
                effects += self.device_lost(DeviceLost(device.id), now)
        for gone in sorted(withdrawn):
            revision, published = event.revisions.get(gone, 0), event.published.get(gone, ())
            topics = event.topics.get(gone, frozenset())
            effects += self.revoked(GrantRevoked(gone, revision, link, topics, published), now)
        options = {each.device: each for each in event.options}
        for grant in event.grants:
            effects += self._take_over(grant, event, options.get(grant.device), now)
        effects += self._homes.take_up(granted, now)
        self._presence.list_soon(now)
        return effects

    def _take_over(
        self, grant: Grant, event: HostGained, options: DeviceOptions | None, now: Now
    ) -> list[Effect]:
        """Serve a device; what is published of it stays until the cloud tells how it is."""
        registry, device = self._registry, grant.device
        self._stays(device)
        known = registry.devices.get(device)
        revision = event.revisions.get(device, 0)
        if known is not None and self._is_told(known, grant):
            known.revision = revision
            return []
        effects: list[Effect] = []
        if known is None:
            registry.set_options(options or DeviceOptions(device))
            self._inherit(device, event.topics.get(device), event.published.get(device))
            effects += self._publications.clear_former_roots((device,))
        if registry.override(device).disabled:
            return effects + self._consents.hide(device, now)
        effects += self._grants.adopt(grant)
        registry.devices[device].revision = revision
        if known is not None:
            effects += self._judged(known, now)
        return effects

    def _take_away(self, event: GrantRevoked, link: LinkId, now: Now) -> list[Effect]:
        """A consent for a host of ours was withdrawn, and nobody serves its device by it.

        That was while nobody had the host, or before its owner heard of the consent. The device
        may still be published, or come here by another way.
        """
        device, revision = event.device, event.revision
        if device in self._registry.devices:
            return [DropGrant(device, revision, kept=True)]
        if device in self._withdrawn:
            self._withdrawn.renew(device, link, revision)
            return []
        self._homes.take_up_later(device, now)
        if not event.topics and not event.published:
            return [DropGrant(device, revision)]
        self._inherit(device, event.topics, event.published)
        effects = [
            self._grants.event("consent_revoked", device, now),
            *self._consents.hide(device, now),
            self._grants.event("device_removed", device, now),
        ]
        return self._withdrawn.begin(device, link, revision, effects)

    def _inherit(
        self, device: DeviceId, topics: Set[str] | None, published: Published | None
    ) -> None:
        """Know what the last owner of a device left behind."""
        self._publications.take_over(device, topics or ())
        self._discovery.take_over(device, published or ())

    def lost(self, event: HostLost, now: Now) -> list[Effect]:
        """A host is not ours any more."""
        registry, link = self._registry, event.link
        if registry.owned is None or link not in registry.owned:
            return []
        registry.owned.discard(link)
        if link in registry.owners:
            registry.owners[link] = None
        effects: list[Effect] = []
        for device in list(registry.on_link(link)):
            if device.paths[link].kind is SourceKind.INTEGRATOR:
                # It may have been adopted after the host's connection was closed.
                effects.append(Release(device.id, SourceKind.INTEGRATOR))
            effects += self._lose(device, link, now)
        for device_id in self._homes.left():
            effects += self.device_lost(DeviceLost(device_id), now)
        self._homes.forget(link)
        for gone in self._withdrawn.of(link):
            # The next owner finds it among those that are withdrawn.
            self._stays(gone)
            effects += self._leave(gone)
        effects += self._connections.forget(link, now)
        return effects + self.instances.look(now)

    # Devices

    def consents_known(self, event: ConsentsKnown, now: Now) -> list[Effect]:
        """Consents changed, of whatever host: what others serve from now on is not ours."""
        return [
            effect
            for device in self._homes.known(event, now)
            for effect in self.device_lost(DeviceLost(device), now)
        ]

    def device_lost(self, event: DeviceLost, now: Now) -> list[Effect]:
        """A device belongs to a host of somebody else now."""
        known = self._registry.devices.get(event.device)
        self._stays(event.device)
        if known is None:
            self._homes.leave(event.device, now)
            return self._leave(event.device)
        effects: list[Effect] = []
        for link in granted_links(known):
            effects += self._lose(known, link, now)
            effects.append(Release(event.device, SourceKind.INTEGRATOR))
        if event.device in self._registry.devices and self._homes.is_left(event.device):
            effects += self._hand_over(known, now)
        return effects

    def _lose(self, device: Device, link: LinkId, now: Now) -> list[Effect]:
        """A device comes by a link no more, which is nobody's business but its next owner's."""
        if set(device.paths) != {link} and not self._homes.is_left(device.id):
            effects = self._dispatch.drop_link(device.id, link, "host_down", _TAKEN, now)
            return [*effects, *self._grants.leave(device, link, now), *self._judged(device, now)]
        return self._hand_over(device, now)

    def _hand_over(self, device: Device, now: Now) -> list[Effect]:
        """Serve a device no more, in silence."""
        self._homes.leave(device.id, now)
        effects = self._dispatch.drop_device(device.id, "host_down", _TAKEN, now)
        for channel in device.channels:
            self._timers.cancel(ThrottleOver(device.id, channel))
        self._timers.cancel(StatesDue(device.id))
        effects += self._leave(device.id)
        self._registry.drop(device.id)
        return effects + self._consents.forget(device.id, now, _TAKEN)

    def _judged(self, device: Device, now: Now) -> list[Effect]:
        return [*self._presence.describe(device, now), *self._presence.judge(device, now)]

    def _stays(self, device: DeviceId) -> None:
        """Whatever was about to be taken away of a device is not."""
        self._withdrawn.forget(device)
        self._timers.cancel(ClearDue(device))

    def granted(self, event: GrantStored, now: Now) -> list[Effect]:
        """A consent was stored, by any instance, or something about it."""
        grant = event.grant
        link, known = LinkId(grant.host), self._registry.devices.get(grant.device)
        self._homes.settle(grant.device, link)
        if not self._registry.owns(link):
            return self._not_ours(grant, now)
        self._shards.comes_back(grant.device)
        self._withdrawn.forget(grant.device)
        if self._cluster.shared and known is not None and self._is_told(known, grant):
            # Our own note of what the cloud said comes back to us.
            known.revision = event.revision
            return [Adopt(grant)] if known.paths[link].access is Access.NONE else []
        if known is None and self._cluster.shared:
            if event.options is not None:
                self._registry.set_options(event.options)
            self._inherit(grant.device, event.topics, event.published)
        effects = self._consents.granted(event, now)
        return effects + self._homes.take_up((grant.device,), now)

    def _is_told(self, known: Device, grant: Grant) -> bool:
        """Whether a consent says nothing that is not known."""
        return (
            LinkId(grant.host) in known.paths
            and grant.control == known.control_saved
            and (grant.code or known.code) == known.code
            and (grant.names or known.names) == known.names
        )

    def _not_ours(self, grant: Grant, now: Now) -> list[Effect]:
        effects = self.device_lost(DeviceLost(grant.device), now)
        if self._cluster.shared:
            return effects
        self._shards.is_ours(grant)
        text = f"{grant.device} is on {grant.host}, which is not in this instance's cluster.hosts"
        return [*effects, Log(logging.WARNING, text), *self.instances.look(now)]

    def moved(self, event: DeviceMoved, now: Now) -> list[Effect]:
        """The cloud serves a device from another host now, perhaps one of somebody else."""
        registry = self._registry
        known = registry.devices.get(event.device)
        if known is not None and event.link in known.paths:
            self._homes.settle(event.device, event.to)
        if known is None or event.link not in known.paths or registry.owns(event.to):
            return self._reports.moved(event, now)
        effects: list[Effect] = [
            SaveGrant(event.device, host=event.to, revision=known.revision),
            *self.device_lost(DeviceLost(event.device), now),
        ]
        if not self._cluster.shared:
            self._shards.send_away(event.device, event.to)
        return effects + self.instances.look(now)

    def revoked(self, event: GrantRevoked, now: Now) -> list[Effect]:
        """A consent was withdrawn, by any instance; its topics are its owner's to clear."""
        if not self._cluster.shared:
            self._shards.comes_back(event.device)
            return [*self._consents.revoked(event, now), *self.instances.look(now)]
        known = self._registry.devices.get(event.device)
        links = [] if known is None else granted_links(known)
        if not links and event.host is not None and self._registry.owns(event.host):
            return self._take_away(event, event.host, now)
        if known is None and self._registry.override(event.device).disabled:
            # Its topics went when it was hidden, so nobody else forgets it.
            return [DropGrant(event.device, event.revision)]
        if not links:
            return []
        # Where it is not told it is that of the consent which was withdrawn.
        revision = event.revision or (0 if known is None else known.revision)
        effects = self._consents.revoked(event, now)
        if event.device in self._registry.devices:
            return [*effects, DropGrant(event.device, revision, kept=True)]
        self._homes.take_up_later(event.device, now)
        return self._withdrawn.begin(event.device, links[0], revision, effects)

    def cleared(self, key: ClearDue, now: Now) -> list[Effect]:
        """Nothing is left of a device, as soon as the broker has this."""
        return self._withdrawn.end(key.device, self._consents.cleared(key, now))

    def take_up(self, key: TakeUpDue, now: Now) -> list[Effect]:
        """A device may be served by what else brings it here, unless its topics still go."""
        if key.device in self._withdrawn:
            self._homes.take_up_later(key.device, now)
            return []
        return self._homes.due(key, now)
