"""Connections come and go: what `bridge/hosts/<id>` says, and what that means for devices."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.effects import Effect, Lane
from bridge.core.events import LinkChanged, LinkRemoved
from bridge.core.homeassistant.discovery import Discovery
from bridge.core.links import Link
from bridge.core.model import LinkId, LinkState, Now
from bridge.core.presence import Presence
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.results import iso
from bridge.core.timers import Timers

_ALARMING = {
    LinkState.DISPLACED: "host_displaced",
    LinkState.AUTH_REQUIRED: "login_required",
}
"""States of a connection that `bridge/event` tells of."""


@dataclass(frozen=True, slots=True)
class GraceOver:
    """A timer's key: a connection has been down for so long that its devices are offline."""

    link: LinkId


class Connections:
    """Keeps up what is told of connections."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        presence: Presence,
        discovery: Discovery,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._presence = presence
        self._discovery = discovery

    def changed(self, event: LinkChanged, now: Now) -> list[Effect]:
        """A connection changed its state, or is new."""
        link = self._registry.links.get(event.link)
        new = link is None
        if link is None:
            link = Link(event.link, event.kind, event.state, now.wall, now.mono)
            self._registry.links[event.link] = link
            self._discovery.bridge_soon(now)
            self._set_grace(event.link, now)
        was = link.state
        if was is not event.state:
            link.state, link.since = event.state, now.wall
        link.error, link.token_expires = event.error, event.token_expires or link.token_expires
        retold = link.native_rpc is not event.native_rpc
        link.native_rpc = event.native_rpc
        if event.state is LinkState.CONNECTED:
            link.connects += not link.connected
            link.down_mono = None
            self._timers.cancel(GraceOver(event.link))
        elif link.down_mono is None:
            link.down_mono = now.mono
            self._set_grace(event.link, now)
        effects = self.document(link)
        if event.state in _ALARMING and (new or was is not event.state):
            body = {"type": _ALARMING[event.state], "host": link.id, "ts": iso(now.wall)}
            url = self._registry.settings.logins.get(link.id)
            if url is not None and event.state is LinkState.AUTH_REQUIRED:
                body["url"] = url
            topic = self._registry.settings.topics.bridge("event")
            effects.append(self._publications.event(topic, body))
        if retold:
            # Their channels can be told other things now.
            for device in self._registry.on_link(event.link):
                effects += self._presence.describe(device, now)
        return effects + self.judge_devices(event.link, now)

    def removed(self, event: LinkRemoved, now: Now) -> list[Effect]:
        """A connection is no longer wanted."""
        return [*self.forget(event.link, now), *self.judge_devices(event.link, now)]

    def forget(self, link: LinkId, now: Now) -> list[Effect]:
        """A connection is not ours any more."""
        self._registry.links.pop(link, None)
        self._discovery.bridge_soon(now)
        self._timers.cancel(GraceOver(link))
        return self._publications.clear(self._registry.settings.topics.host(link))

    def grace_over(self, link: LinkId, now: Now) -> list[Effect]:
        """A connection has been down for long: what was known of its devices counts no more."""
        effects = self.judge_devices(link, now)
        for device in self._registry.on_link(link):
            device.paths[link].online = None
        return effects

    def judge_devices(self, link: LinkId, now: Now) -> list[Effect]:
        """Decide anew about the devices that come by a connection."""
        return self._presence.judge_all(self._registry.on_link(link), now)

    def documents(self, lane: Lane = Lane.STATE) -> list[Effect]:
        """`bridge/hosts/<id>` of every connection."""
        links = [*self._registry.links.values(), *self._registry.unowned.values()]
        return [effect for link in links for effect in self.document(link, lane)]

    def document(self, link: Link, lane: Lane = Lane.STATE) -> list[Effect]:
        """The same of one connection."""
        registry = self._registry
        devices = sum(1 for _ in registry.on_link(link.id))
        if registry.settings.cluster is None:
            body = link.document(devices)
        else:
            body = link.shared_document(devices, registry.owner(link.id))
        topic = self._registry.settings.topics.host(link.id)
        return self._publications.document(topic, body, lane)

    def _set_grace(self, link: LinkId, now: Now) -> None:
        self._timers.set(GraceOver(link), now.mono + self._registry.settings.grace)
