"""What is ours: who may connect, and what the engine was told of it. Knows nothing of locks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from bridge.cluster.base import Holder, Sink
from bridge.core.events import DeviceLost, GrantRevoked, GrantStored, HostGained, HostLost
from bridge.core.model import DeviceId, DeviceOptions, Grant, LinkId
from bridge.store.records import Belongings, Holdings
from bridge.threads import Deadline


@dataclass(slots=True)
class _Owned:
    """Since when a host is ours (unix s), and which grants the engine knows of it."""

    since: float
    told: dict[DeviceId, int] = field(default_factory=dict)
    """With their revisions."""


class Estate:
    """The hosts that are connected, and those that may not be closed yet."""

    def __init__(self, holder: Holder, sink: Sink) -> None:
        self._holder = holder
        self._sink = sink
        self._owned: dict[LinkId, _Owned] = {}
        self._closing: set[LinkId] = set()

    @property
    def owned(self) -> dict[LinkId, float]:
        """What is ours, and since when (unix s)."""
        return {link: owned.since for link, owned in self._owned.copy().items()}

    @property
    def closing(self) -> frozenset[LinkId]:
        """What is ours no more, but perhaps still connected."""
        return frozenset(self._closing)

    def gain(self, link: LinkId, since: float, found: Holdings) -> None:
        """Own a host from now on; or tell anew what belongs to one that is owned."""
        is_new = link not in self._owned
        self._owned[link] = _Owned(since, dict(found.revisions))
        self._sink(
            HostGained(
                link,
                since,
                found.grants,
                found.revisions,
                found.topics,
                found.published,
                found.options,
                found.withdrawn,
            )
        )
        if is_new:
            self._holder.own(link)

    def hear(
        self,
        device: DeviceId,
        grant: Grant | None,
        revision: int,
        belongings: Belongings,
        home: LinkId | None = None,
    ) -> None:
        """Tell the engine of a grant that changed in the registry, as far as it concerns us.

        `belongings` are what else is stored of the device, and perhaps of others; `home` is the
        host of a consent that is gone and not forgotten.
        """
        place = next((link for link, host in self._owned.items() if device in host.told), None)
        before = None if place is None else self._owned[place].told.pop(device)
        owned = None if grant is None else self._owned.get(LinkId(grant.host))
        if grant is not None and owned is not None:
            owned.told[device] = revision
            # Else it is an echo of what the engine itself had stored.
            if before != revision:
                self._sink(_stored(grant, revision, belongings))
        elif grant is None and (home in self._owned or (home is None and place is not None)):
            # Its owner has to forget it, also if it never heard of the consent.
            self._sink(_revoked(device, max(revision, before or 0), home, belongings))
        elif place is not None:
            self._sink(DeviceLost(device))

    def lose(self, link: LinkId, deadline: Deadline) -> bool:
        """Give up one host; tells whether it is closed for sure, else it is `closing`."""
        closed = self._holder.disown(link, deadline)
        self._forget(link)
        if not closed:
            self._closing.add(link)
        return closed

    def lose_all(self, links: Collection[LinkId], deadline: Deadline) -> list[LinkId]:
        """Close all these at once, and only then say so; gives what may still be open."""
        for link in links:
            self._holder.disown(link, Deadline(0))
        still = [link for link in links if not self._holder.disown(link, deadline)]
        for link in links:
            self._forget(link)
        return still

    def closed(self) -> list[LinkId]:
        """What was closing and is closed for sure now; it is forgotten."""
        found = [link for link in self._closing if self._holder.disown(link, Deadline(0))]
        self._closing -= set(found)
        return found

    def _forget(self, link: LinkId) -> None:
        self._closing.discard(link)
        if self._owned.pop(link, None) is not None:
            self._sink(HostLost(link))


def _revoked(
    device: DeviceId, revision: int, home: LinkId | None, belongings: Belongings
) -> GrantRevoked:
    topics = belongings.topics.get(device, frozenset())
    return GrantRevoked(device, revision, home, topics, belongings.published.get(device, ()))


def _stored(grant: Grant, revision: int, belongings: Belongings) -> GrantStored:
    device = grant.device
    options = {each.device: each for each in belongings.options}
    return GrantStored(
        grant,
        revision,
        belongings.topics.get(device, frozenset()),
        belongings.published.get(device, ()),
        options.get(device, DeviceOptions(device)),
    )
