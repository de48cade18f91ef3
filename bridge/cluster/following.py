"""What the engine is told of the shared registry, and which hosts there are by it."""

from __future__ import annotations

from collections.abc import Callable

from bridge.cluster.base import Sink
from bridge.cluster.estate import Estate
from bridge.cluster.reading import Reader
from bridge.core.events import ConsentsKnown
from bridge.core.model import LinkId


class Follower:
    """Reads what changed, and passes it on.

    `pause` (s, by the clock) is between two lists of hosts, although nothing changed. Where devices
    come by other ways too (`mixed`) the engine hears of the consents for all hosts.
    """

    def __init__(
        self,
        reader: Reader,
        estate: Estate,
        sink: Sink,
        clock: Callable[[], float],
        pause: float,
        *,
        mixed: bool,
    ) -> None:
        self._reader = reader
        self._estate = estate
        self._sink = sink
        self._clock = clock
        self._pause = pause
        self._mixed = mixed
        self._newest: int | None = None
        self._read_again = 0.0
        self.hosts: frozenset[LinkId] = frozenset()
        """The hosts of the registry."""

    async def hear(self, newest: int) -> bool:
        """Tell of grants that came, went or moved until the number `newest`.

        True if too much did, so that all that is owned is to be read anew; raises `StoreError`.
        """
        now = self._clock()
        if newest == self._newest and now < self._read_again:
            return False
        news = await self._reader.news(self._newest)
        self._newest, self.hosts = news.newest, news.hosts
        # A host with nothing left that is to be cleared goes without a change.
        self._read_again = now + self._pause
        is_whole = news.devices is None
        if self._mixed and (is_whole or news.homes):
            # First, as whatever else is told of a device depends on who has to serve it.
            self._sink(ConsentsKnown(news.homes, is_whole))
        for device, grant, revision in news.devices or ():
            home = news.homes.get(device)
            self._estate.hear(device, grant, revision, news.belongings, home)
        return is_whole
