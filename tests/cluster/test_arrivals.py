"""In which order hosts are read, however much changes meanwhile."""

from __future__ import annotations

import pytest

from bridge.cluster.arrivals import Arrivals
from bridge.cluster.keeper import Keeper
from bridge.cluster.settings import KeeperSettings
from bridge.core.model import LinkId
from bridge.errors import StoreError
from bridge.store.records import Holdings
from tests.cluster.rig import RecordingHolder, hosts, run_loop
from tests.cluster.test_following import Stored

NOTHING = Holdings((), {}, {}, {}, (), ())


def test_what_nobody_serves_comes_first_and_then_what_waits_longest() -> None:
    arrivals, (one, two, three, four) = Arrivals(), hosts(4)
    arrivals.again([three, two])
    arrivals.again([one, two, three])
    arrivals.wait(four, 5.0, 100.0)
    owned = {one: 1.0, two: 2.0, three: 3.0}
    assert arrivals.due(99.0, owned) == [(three, 3.0), (two, 2.0), (one, 1.0)]
    arrivals.done(three)
    arrivals.again(owned)
    assert arrivals.due(100.0, owned) == [(four, 5.0), (two, 2.0), (one, 1.0), (three, 3.0)]
    # What is not to be read keeps nobody else from it.
    arrivals.failed(two)
    assert arrivals.due(99.0, owned) == [(one, 1.0), (three, 3.0), (two, 2.0)]
    assert arrivals.waiting == {four}
    assert arrivals.give_up(four)
    assert not arrivals.give_up(four)
    arrivals.forget([one, three])
    assert arrivals.due(100.0, owned) == [(two, 2.0)]


class Begun:
    """A keeper that owns many hosts and has the lock of one more; a read takes a while."""

    def __init__(self) -> None:
        self.now = 100.0
        self.read: list[LinkId] = []
        *self.owned, self.last = sorted(hosts(40))
        holder = RecordingHolder("a", lambda _: None)
        settings = KeeperSettings("postgresql://name@server/none", "a", ())
        self.keeper = Keeper(
            settings, Stored(), holder, lambda _: None, lambda *_: None, lambda: self.now
        )
        for link in self.owned:
            self.keeper._estate.gain(link, 1.0, NOTHING)
        self.keeper._arrivals.wait(self.last, 1.0, 0.0)
        self.keeper._reader.holdings = self._holdings  # type: ignore[method-assign]  # a clock of ours

    async def _holdings(self, link: LinkId) -> Holdings:
        self.now += 0.3
        self.read.append(link)
        if link == self.owned[0]:
            raise StoreError("damaged")
        return NOTHING

    async def rounds(self, count: int, news: float) -> None:
        """As many rounds, in each of which the news are whole, and take so long (s)."""
        for _ in range(count):
            looked = self.now
            self.keeper._locks.answered = looked
            self.now += news
            self.keeper._arrivals.again(self.keeper._estate.owned)
            await self.keeper._begin(looked)


@pytest.mark.parametrize("news", [0.0, 1.5])
def test_much_that_changes_keeps_no_host_from_its_turn(news: float) -> None:
    async def main() -> None:
        begun = Begun()
        await begun.rounds(60, news)
        assert begun.last in begun.keeper._estate.owned
        assert begun.read[0] == begun.last
        assert set(begun.read) == {*begun.owned, begun.last}

    run_loop(main())


def test_what_took_too_long_leaves_no_time_to_read() -> None:
    async def main() -> None:
        begun = Begun()
        timing = begun.keeper._timing
        await begun.rounds(1, timing.interval + timing.late - timing.read + 0.1)
        assert begun.read == []

    run_loop(main())
