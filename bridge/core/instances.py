"""The instances that share the hosts: who may own what, and the hosts that nobody may own."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bridge.core import jsontext
from bridge.core.connections import Connections
from bridge.core.effects import Effect, Log
from bridge.core.events import HostsKnown
from bridge.core.hosts import HostRule, is_host_name, is_pattern
from bridge.core.links import Link
from bridge.core.model import Cluster, LinkId, LinkState, Now, Owner, SourceKind
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.results import iso
from bridge.core.timers import Timers
from bridge.errors import FrameError

PATIENCE = 10.0
"""Seconds for which a host may be in nobody's list before that is told."""

MOST_INSTANCES = 1_000
"""Instances that are listened to; who may publish to our topics invents any."""

NOBODY = "in no instance's cluster.hosts"


@dataclass(frozen=True, slots=True)
class UnownedDue:
    """A timer's key: a host has been in nobody's list for a while."""

    link: LinkId


class Instances:
    """Knows which hosts each instance may own, and tells of those that none may."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        connections: Connections,
        cluster: Cluster,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._connections = connections
        self._instance = cluster.instance
        self._is_shared = cluster.shared
        self._rules: dict[str, HostRule | None] = {}
        """Which hosts each instance may own; None: all."""
        self._rules[cluster.instance] = _rule(cluster.patterns)
        self._listening = False
        """The lists of the others come, as the broker took us."""

    def broker_up(self, now: Now) -> list[Effect]:
        """The broker tells which hosts the others may own, from now on."""
        self._listening = True
        return self.look(now)

    def introduced(self, name: str, payload: bytes, now: Now) -> list[Effect]:
        """An instance published its `info`; one that is gone has an empty one."""
        if name == self._instance:
            return []
        told = _patterns(payload)
        if told is None:
            self._rules.pop(name, None)
        elif name in self._rules or len(self._rules) < MOST_INSTANCES:
            self._rules[name] = _rule(told)
        return self.look(now)

    def known(self, event: HostsKnown, now: Now) -> list[Effect]:
        """All hosts that there are, and who has them now."""
        before = dict(self._registry.owners)
        self._registry.owners.clear()
        self._registry.owners.update(event.hosts)
        effects = []
        for link in list(self._registry.links.values()):
            if before.get(link.id) != event.hosts.get(link.id):
                effects += self._connections.document(link)
        return effects + self.look(now)

    def look(self, now: Now) -> list[Effect]:
        """Find the hosts that nobody may own."""
        if not self._is_shared:
            owners = self._registry.owners
            owners.update({link: self._listed_by(link) for link in owners})
        lonely = {link for link in self._homeless() if not self._is_listed(link)}
        effects: list[Effect] = []
        for link in self._registry.unowned.keys() - lonely:
            del self._registry.unowned[link]
            effects += self._publications.clear(self._registry.settings.topics.host(link))
        for link in self._registry.owners.keys() - lonely:
            self._timers.cancel(UnownedDue(link))
        for link in lonely - self._registry.unowned.keys():
            if self._listening:
                self._timers.set_if_unset(UnownedDue(link), now.mono + PATIENCE)
        return effects

    def unowned(self, key: UnownedDue, now: Now) -> list[Effect]:
        """A host is in nobody's list for good: that is somebody's mistake."""
        link, registry = key.link, self._registry
        if link in registry.unowned or link not in self._homeless() or self._is_listed(link):
            return []
        told = Link(link, SourceKind.INTEGRATOR, LinkState.DISABLED, now.wall, now.mono, NOBODY)
        registry.unowned[link] = told
        text = f"{link} is {NOBODY}: its devices are not served"
        body = {"type": "host_unowned", "host": link, "ts": iso(now.wall)}
        event = self._publications.event(registry.settings.topics.bridge("event"), body)
        return [Log(logging.WARNING, text), event, *self._connections.document(told)]

    def _homeless(self) -> set[LinkId]:
        """The cloud hosts that nobody has just now; accounts are no hosts."""
        owners, logins = self._registry.owners, self._registry.settings.logins
        return {
            link
            for link, owner in owners.items()
            if owner is None and link not in logins and "." in link and is_host_name(link)
        }

    def _listed_by(self, link: LinkId) -> Owner | None:
        """Who has a host for good, as far as its own list says so."""
        for name, rule in sorted(self._rules.items()):
            if rule is None or rule.accepts(link):
                return Owner(name, 0.0)
        return None

    def _is_listed(self, link: LinkId) -> bool:
        return any(rule is None or rule.accepts(link) for rule in self._rules.values())


def _rule(patterns: tuple[str, ...]) -> HostRule | None:
    return HostRule(patterns) if patterns else None


def _patterns(payload: bytes) -> tuple[str, ...] | None:
    """The patterns in an instance's `info`; None where there are none to be read."""
    try:
        cluster = jsontext.parse_object(payload).get("cluster")
    except FrameError:
        return None
    hosts = cluster.get("hosts") if isinstance(cluster, dict) else None
    if not isinstance(hosts, list) or not all(map(_is_pattern, hosts)):
        return None
    return tuple(hosts)


def _is_pattern(given: object) -> bool:
    return isinstance(given, str) and is_pattern(given)
