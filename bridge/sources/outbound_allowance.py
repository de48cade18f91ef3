"""How much may come from one device, one place and all together: what the engine can work off.

Whoever knows the secret can be any number of devices, so what is bounded for each is bounded for
a place too, and for all. Who keeps quiet does not wait for the loud ones of other places.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_PLACES = 1_024
"""Places that are told apart; all others count as one."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much at once, and each second in the long run."""

    most: float
    each_second: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Of messages, of their bytes, and of the members in them."""

    messages: Rate
    size: Rate
    members: Rate


DEVICE = Limits(Rate(600, 10), Rate(2 * 2**20, 256 * 2**10), Rate(24_000, 600))
"""All the answers of a device with hundreds of components."""

PLACE = Limits(Rate(6_000, 500), Rate(6 * 2**20, 2 * 2**20), Rate(240_000, 3_000))
"""A house full of devices that come back at once, perhaps all by one address."""

EVERYBODY = Limits(Rate(12_000, 1_000), Rate(12 * 2**20, 4 * 2**20), Rate(480_000, 6_000))

NEWCOMERS = Rate(512, 0.1)
"""Devices from one place that were never seen before."""

TURNS = Rate(3, 0.02)
"""Connections of a device that take the place of another: more than a bad network explains."""

QUIET = 0.9
"""What a quiet device has left of its own limits."""


class Bucket:
    """Fills with time (monotonic s); may go below nothing."""

    __slots__ = ("_filled", "_left", "rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self._filled = now
        self._left = rate.most

    def take(self, now: float, amount: float) -> None:
        """Something came."""
        self._left = self.left(now) - amount

    def left(self, now: float) -> float:
        """What may still come at once."""
        seconds = max(0.0, now - self._filled)
        self._filled = now
        self._left = min(self.rate.most, self._left + seconds * self.rate.each_second)
        return self._left

    def wait(self, now: float) -> float:
        """Seconds until more may come; 0 at once."""
        return max(0.0, -self.left(now) / self.rate.each_second)


class Allowance:
    """A bucket for each of its limits."""

    __slots__ = ("_buckets",)

    def __init__(self, now: float, limits: Limits) -> None:
        self._buckets = tuple(
            Bucket(rate, now) for rate in (limits.messages, limits.size, limits.members)
        )

    def take(self, now: float, messages: float = 0, size: float = 0, members: float = 0) -> None:
        """Something came."""
        for bucket, amount in zip(self._buckets, (messages, size, members), strict=True):
            bucket.take(now, amount)

    def move_to(self, other: Allowance, now: float) -> None:
        """Have another one pay for what was taken here."""
        other.take(now, *(bucket.rate.most - bucket.left(now) for bucket in self._buckets))

    def wait(self, now: float) -> float:
        """Seconds until more may come; 0 at once."""
        return max(bucket.wait(now) for bucket in self._buckets)

    def share_left(self, now: float) -> float:
        """What is left of the limit that is used up most; 1 after it was quiet for long."""
        return min(bucket.left(now) / bucket.rate.most for bucket in self._buckets)

    def is_half_full(self, now: float) -> bool:
        """Whether it has been quiet for a while."""
        return self.share_left(now) >= 0.5


class Place:
    """What may come from one address, or from all."""

    def __init__(self, now: float) -> None:
        self.allowance = Allowance(now, PLACE)
        self.newcomers = Bucket(NEWCOMERS, now)

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost when it is forgotten."""
        return self.allowance.share_left(now) >= 1 and self.newcomers.left(now) >= NEWCOMERS.most


class Places:
    """All from where devices came lately."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._others: Place | None = None
        self._everybody: Allowance | None = None

    def at(self, name: str, now: float) -> Place:
        """The place of a name."""
        found = self._places.get(name)
        if found is not None:
            return found
        if len(self._places) >= MOST_PLACES:
            for idle in [key for key, place in self._places.items() if place.is_idle(now)]:
                del self._places[idle]
        if len(self._places) >= MOST_PLACES:
            self._others = self._others or Place(now)
            return self._others
        made = self._places[name] = Place(now)
        return made

    def everybody(self, now: float) -> Allowance:
        """What all have together."""
        self._everybody = self._everybody or Allowance(now, EVERYBODY)
        return self._everybody


class Purse:
    """Pays for one connection: what it has itself, then its place, then all."""

    def __init__(self, now: float) -> None:
        self.own = Allowance(now, DEVICE)
        self._place: Allowance | None = None
        self._everybody: Allowance | None = None

    def join(self, place: Allowance, everybody: Allowance) -> None:
        """Count with others from now on."""
        self._place, self._everybody = place, everybody

    def take(self, now: float, messages: float = 0, size: float = 0, members: float = 0) -> None:
        """Something came by the connection."""
        self.own.take(now, messages, size, members)
        if self._place is not None and self._everybody is not None:
            self._place.take(now, messages, size, members)
            self._everybody.take(now, messages, size, members)

    def is_quiet(self, now: float) -> bool:
        """Whether so little came that it need not wait while others are many."""
        if self._place is not None and not self._place.is_half_full(now):
            return False
        return self.own.share_left(now) >= QUIET

    def wait(self, now: float) -> float:
        """Seconds until more may come; 0 at once."""
        waits = [self.own.wait(now)]
        if self._place is not None and self._everybody is not None:
            waits.append(self._place.wait(now))
            if not self._place.is_half_full(now):
                waits.append(self._everybody.wait(now))
        return max(waits)
