"""Which hosts are to be read next: those whose locks are new, and those that are read anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bridge.core.model import LinkId


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Since when (unix s) we have a host's lock, and when (by the clock) it may be connected."""

    since: float
    ready: float


class Arrivals:
    """Hosts that nobody serves come first, and within each kind whichever came first."""

    def __init__(self) -> None:
        self._waiting: dict[LinkId, _Waiting] = {}
        self._anew: dict[LinkId, None] = {}

    @property
    def waiting(self) -> frozenset[LinkId]:
        """Locked, and not owned yet."""
        return frozenset(self._waiting)

    def wait(self, link: LinkId, since: float, ready: float) -> None:
        """A host is locked since then (unix s), and may be connected at `ready` (by the clock)."""
        self._waiting[link] = _Waiting(since, ready)

    def again(self, links: Iterable[LinkId]) -> None:
        """Hosts that are owned are to be read anew; one that is already keeps its turn."""
        self._anew |= dict.fromkeys(links)

    def due(self, now: float, owned: Mapping[LinkId, float]) -> list[tuple[LinkId, float]]:
        """What to read, in this order, and since when it is locked."""
        ready = [(link, each.since) for link, each in self._waiting.items() if now >= each.ready]
        return ready + [(link, owned[link]) for link in self._anew if link in owned]

    def failed(self, link: LinkId) -> None:
        """It could not be read: first come the others."""
        if link in self._waiting:
            self._waiting[link] = self._waiting.pop(link)
        if link in self._anew:
            self._anew[link] = self._anew.pop(link)

    def done(self, link: LinkId) -> None:
        """It was read."""
        self._waiting.pop(link, None)
        self._anew.pop(link, None)

    def give_up(self, link: LinkId) -> bool:
        """Wait no more for one host; tells whether it waited."""
        return self._waiting.pop(link, None) is not None

    def forget(self, links: Collection[LinkId]) -> None:
        """These are not to be read anew."""
        for link in links:
            self._anew.pop(link, None)

    def clear(self) -> None:
        """Nothing waits any more."""
        self._waiting.clear()
