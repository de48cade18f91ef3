"""Who should own which host, as every instance works it out alone from what all of them see.

All come to the same answer, so that two seldom want the same host; if they do, its lock decides.
Hosts without an owner go to whoever owns the fewest of those that may own them. Of two whose
numbers differ by two or more, one host moves. Knows no database and no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.core.hosts import HostRule
from bridge.core.model import LinkId

PATIENCE = 3
"""Looks after which a host that nobody took is taken by anybody who has room."""


@dataclass(frozen=True, slots=True)
class Mate:
    """An instance that is alive: what it may own, and how many at most.

    `hosts` are patterns of cloud hosts, None for all of them; accounts go by their names.
    """

    hosts: tuple[str, ...] | None
    accounts: frozenset[str]
    most: int
    _rule: HostRule = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rule", HostRule(self.hosts or ()))

    def takes_host(self, link: LinkId) -> bool:
        """Whether it may own a cloud host."""
        return self.hosts is None or self._rule.accepts(link)


class Shares:
    """What `me` should do; `owners` has every host and account, None for one without an owner."""

    def __init__(
        self, me: str, mates: Mapping[str, Mate], owners: Mapping[LinkId, str | None]
    ) -> None:
        self._me = me
        self._mates = mates
        self._owners = owners
        self._accounts = frozenset[str]().union(*(mate.accounts for mate in mates.values()))

    def claims(self, waited: Mapping[LinkId, int]) -> list[LinkId]:
        """What to take now; `waited` says at how many looks each host had no owner."""
        counts = self._counts()
        free = {link: self._able(link) for link, owner in self._owners.items() if owner is None}
        mine, spare = [], []
        # Those that few may own come first, so that they find somebody who has room.
        for link in sorted(free, key=lambda link: (len(free[link]), link)):
            able = [name for name in free[link] if counts[name] < self._mates[name].most]
            if not able:
                continue
            name = min(able, key=lambda name: (counts[name], name))
            counts[name] += 1
            if name == self._me:
                mine.append(link)
            elif self._me in able and waited.get(link, 0) >= PATIENCE:
                spare.append(link)
        room = self._mates[self._me].most - counts[self._me]
        return mine + spare[: max(0, room)]

    def release(self) -> LinkId | None:
        """What to give up now, for somebody who owns fewer."""
        if any(owner is None and self._room_for(link) for link, owner in self._owners.items()):
            # Who takes those without an owner may change everything.
            return None
        return next((link for giver, link in self._moves() if giver == self._me), None)

    def _moves(self) -> Iterator[tuple[str, LinkId]]:
        """Who gives up what: one host each at most, and as few as it takes."""
        counts = self._counts()
        owned: dict[str, list[LinkId]] = {name: [] for name in self._mates}
        for link, owner in sorted(self._owners.items()):
            if owner in owned:
                owned[owner].append(link)
        givers = set(self._mates)
        while givers:
            giver = max(givers, key=lambda name: (counts[name], name))
            givers.discard(giver)
            move = self._move(giver, owned[giver], counts)
            if move is not None:
                link, taker = move
                counts[giver] -= 1
                counts[taker] += 1
                yield giver, link

    def _move(
        self, giver: str, owned: Collection[LinkId], counts: Mapping[str, int]
    ) -> tuple[LinkId, str] | None:
        if counts[giver] - min(counts[name] for name in self._mates) < 2:
            return None
        for link in owned:
            takers = [
                name
                for name in self._able(link)
                if counts[name] <= counts[giver] - 2 and counts[name] < self._mates[name].most
            ]
            if takers:
                return link, min(takers, key=lambda name: (counts[name], name))
        return None

    def _counts(self) -> Counter[str]:
        return Counter(owner for owner in self._owners.values() if owner is not None)

    def _room_for(self, link: LinkId) -> bool:
        counts = self._counts()
        return any(counts[name] < self._mates[name].most for name in self._able(link))

    def _able(self, link: LinkId) -> list[str]:
        """Who may own it."""
        if link in self._accounts:
            return [name for name, mate in self._mates.items() if link in mate.accounts]
        return [name for name, mate in self._mates.items() if mate.takes_host(link)]
