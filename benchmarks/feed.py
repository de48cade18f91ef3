"""What the stand-in for the cloud sends, and when: as fast as is answered, or at a given rate.

Lives in the stand-in's event loop, together with the subscriber that hears the answers; methods
that other threads may call say so.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.census import Census
from benchmarks.payloads import FIRST_NUMBER, MARK
from bridge.simulator.wire import Wire, frame

_SHORTEST_SLEEP = 0.001
_FLOOD_SLEEP = 0.005
_MANY = 1_000.0
"""Events/s from which on the shortest sleep would cost more than what is sent."""


@dataclass(slots=True, eq=False)
class Source:
    """A device, with at most one event under way (but for a flood).

    `topics` are those of its components; a message there counts if it carries the event's number.
    """

    wire: Callable[[], Wire | None]
    topics: tuple[bytes, ...]
    whole: bytes
    """An event in which every component changes."""
    single: bytes
    """An event in which only the first one does."""
    number: int = FIRST_NUMBER
    token: bytes = b""
    seen: int = 0
    """A bit for each topic on which the event under way was heard."""
    sent_at: float = 0.0
    """Monotonic s."""

    def next(self, template: bytes) -> bytes:
        """The frame of the next event."""
        self.number += 1
        self.token = str(self.number).encode()
        self.seen = 0
        return template.replace(MARK, self.token)


@dataclass(slots=True, eq=False)
class Order:
    """What is to be sent. `wanted`: how many of the topics are published for an event."""

    sources: Sequence[Source]
    whole: bool
    wanted: int
    rate: float | None = None
    """Events/s, None for as fast as they are answered."""
    flood: bool = False
    """Send at the rate, whether the last event was answered or not."""


@dataclass(slots=True)
class Tally:
    """What has happened since `Feed.begin`; attributes may be read by any thread."""

    sent: int = 0
    answered: int = 0
    """Events of which every publication was heard."""
    messages: int = 0
    """All that was heard."""
    late: int = 0
    """Events left out because the one before was not answered yet."""
    unread: int = 0
    """Events left out because the connection did not take them."""
    delays: list[float] = field(default_factory=list)
    """From sending to the last publication (s)."""


class Feed:
    """Sends one order at a time."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._places = {
            topic: (source, 1 << place)
            for source in sources
            for place, topic in enumerate(source.topics)
        }
        self._order: Order | None = None
        self._full = 0
        self._ready: list[Source] = []
        self._task: asyncio.Task[None] | None = None
        self.tally = Tally()
        self.under_way = 0
        self.last_heard = 0.0
        """Monotonic s; by any topic."""
        self.census: Census | None = None
        """Hears every topic, until it is taken away."""

    def begin(self, order: Order) -> None:
        """Start sending."""
        self.tally = Tally()
        self._order = order
        self._full = (1 << order.wanted) - 1
        self._ready = []
        self.under_way = 0
        for source in order.sources:
            source.seen = self._full
        if order.rate is None:
            self._ready = list(order.sources)
            self.flush()
        else:
            self._task = asyncio.get_running_loop().create_task(self._paced(order, order.rate))

    def end(self) -> None:
        """Send no more; what is under way is still heard."""
        self._order = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    # For the subscriber.

    def hear(self, topic: bytes, payload: bytes) -> None:
        """A message came."""
        self.tally.messages += 1
        if self.census is not None:
            self.census.hear(topic)
        place = self._places.get(topic)
        if place is None:
            return
        source, bit = place
        if not bit & self._full or source.seen & bit or source.token not in payload:
            return
        source.seen |= bit
        if source.seen == self._full:
            self.tally.answered += 1
            self.under_way -= 1
            self._ready.append(source)

    def flush(self) -> None:
        """Answer what was heard with the next events."""
        self.last_heard = now = time.monotonic()
        ready, self._ready = self._ready, []
        order = self._order
        if order is None or not ready:
            return
        if order.rate is None:
            self._send(order, ready)
        else:
            self.tally.delays += [now - source.sent_at for source in ready]

    def _send(self, order: Order, sources: Iterable[Source]) -> None:
        waiting: dict[Wire, list[bytes]] = defaultdict(list)
        now = time.monotonic()
        for source in sources:
            wire = source.wire()
            if wire is None:
                continue
            if wire.paused:
                self.tally.unread += 1
                continue
            waiting[wire].append(frame(source.next(source.whole if order.whole else source.single)))
            source.sent_at = now
            self.tally.sent += 1
            self.under_way += 1
        for wire, frames in waiting.items():
            wire.send_frames(b"".join(frames))

    async def _paced(self, order: Order, rate: float) -> None:
        coarse = order.flood or rate > _MANY
        started = time.monotonic()
        for done, source in enumerate(itertools.cycle(order.sources)):
            while done >= (time.monotonic() - started) * rate:
                await asyncio.sleep(_FLOOD_SLEEP if coarse else _SHORTEST_SLEEP)
            if source.seen == self._full or order.flood:
                self._send(order, (source,))
            else:
                self.tally.late += 1
