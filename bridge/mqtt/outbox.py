"""What waits for the broker: the newest value of every topic, and a short queue of events.

Owns the order and the bounds of waiting publications. Knows no client and no socket: producers put
from any thread and never wait, one publisher takes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Set

from bridge.core.effects import Lane, Publish

EVENT_LIMIT = 10_000
"""Events that wait at most; the oldest is dropped first."""

EVENT_AGE = 30.0
"""Seconds after which an event is worth nothing any more."""


def _nothing() -> None:
    pass


class Outbox:
    """Bounded by the number of topics plus 10,000 events; see `Lane` for how each kind waits.

    `on_ready` is called by a producer, outside the lock, when something came after `take` had
    found too little; it must be quick and must not raise.
    """

    def __init__(
        self,
        *,
        event_limit: int = EVENT_LIMIT,
        event_age: float = EVENT_AGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._event_limit = event_limit
        self._event_age = event_age
        self._clock = clock
        self._lock = threading.Lock()
        self._state: OrderedDict[str, tuple[int, Publish]] = OrderedDict()
        """With the number of the put since which something of the topic waits."""
        self._refill: OrderedDict[str, Publish] = OrderedDict()
        self._events: deque[tuple[float, int, Publish]] = deque()
        self._gone: set[str] = set()
        self._puts = 0
        self._states_turn = False
        self._hungry = False
        self.on_ready: Callable[[], None] = _nothing
        self.dropped_events = 0
        self.refills = 0
        """How often a batch with the REFILL lane was put."""

    def __len__(self) -> int:
        return len(self._state) + len(self._refill) + len(self._events)

    @property
    def urgent(self) -> bool:
        """Whether anything waits in the STATE or EVENT lane."""
        return bool(self._state or self._events)

    @property
    def refill_waits(self) -> bool:
        """Whether anything waits in the REFILL lane."""
        return bool(self._refill)

    def put(self, publish: Publish) -> None:
        """Let one publication wait."""
        self.put_all((publish,))

    def put_all(self, publishes: Iterable[Publish]) -> None:
        """Let several wait, in this order."""
        refilled = 0
        with self._lock:
            self._puts = number = self._puts + 1
            state = self._state
            for publish in publishes:
                lane = publish.lane
                topic = publish.topic
                if lane is Lane.STATE:
                    state[topic] = (state[topic][0] if topic in state else number, publish)
                    if self._refill:
                        self._refill.pop(topic, None)
                elif lane is Lane.EVENT:
                    self._put_event(publish)
                else:
                    refilled = 1
                    # Puts come in the order the values were made: the newest is this one.
                    if topic in state:
                        state[topic] = (state[topic][0], publish)
                    else:
                        self._refill[topic] = publish
            self.refills += refilled
            wake, self._hungry = self._hungry, False
        if wake:
            self.on_ready()

    def _put_event(self, publish: Publish) -> None:
        self._events.append((self._clock(), self._puts, publish))
        if len(self._events) > self._event_limit:
            self._events.popleft()
            self.dropped_events += 1

    def take(self, limit: int) -> list[Publish]:
        """Take up to `limit` publications that wait in the STATE and EVENT lanes.

        A state goes before the events that were put with it or later, as results are about states;
        it takes turns with earlier ones, which may be many. Events keep their order.
        """
        taken: list[Publish] = []
        with self._lock:
            if self._events:
                self._drop_old_events()
            while len(taken) < limit:
                if self._events and not self._state_first():
                    taken.append(self._events.popleft()[2])
                    self._states_turn = True
                elif self._state:
                    taken.append(self._state.popitem(last=False)[1][1])
                    self._states_turn = False
                else:
                    self._hungry = True
                    # An empty mapping keeps the room of all that ever waited until it is cleared.
                    self._state.clear()
                    break
        return taken

    def take_refill(self, limit: int) -> list[Publish]:
        """Take up to `limit` publications that wait in the REFILL lane."""
        with self._lock:
            count = min(limit, len(self._refill))
            taken = [self._refill.popitem(last=False)[1] for _ in range(count)]
            if not self._refill:
                self._refill.clear()
            return taken

    def _state_first(self) -> bool:
        if not self._state:
            return False
        return self._states_turn or next(iter(self._state.values()))[0] <= self._events[0][1]

    def _drop_old_events(self) -> None:
        oldest = self._clock() - self._event_age
        while self._events and self._events[0][0] < oldest:
            self._events.popleft()
            self.dropped_events += 1

    def give_back(self, publishes: Iterable[Publish]) -> None:
        """Let publications wait again that were taken but perhaps never arrived.

        Everything that waits is newer than they are; events are not tried twice.
        """
        given = list(publishes)
        newest = {publish.topic: publish for publish in given if publish.lane is not Lane.EVENT}
        with self._lock:
            self.dropped_events += sum(publish.lane is Lane.EVENT for publish in given)
            for topic, publish in newest.items():
                if topic not in self._state:
                    self._refill.setdefault(topic, publish)

    def let_go(self, topics: Set[str]) -> None:
        """Drop the states of topics that somebody else publishes to from now on.

        What was taken already, whoever took it learns by `taken_away`; events stay.
        """
        with self._lock:
            for topic in topics & self._state.keys():
                del self._state[topic]
            for topic in topics & self._refill.keys():
                del self._refill[topic]
            self._gone |= topics

    def taken_away(self) -> Set[str]:
        """Topics that were let go since the last call."""
        if not self._gone:
            return self._gone
        with self._lock:
            gone, self._gone = self._gone, set()
        return gone

    def calm(self) -> None:
        """Let all that waits in the STATE lane wait in the REFILL lane instead.

        For a new connection: what gathered during an outage must not come as one flood, and what
        is not retained is of no use any more.
        """
        with self._lock:
            waiting = ((topic, publish) for topic, (_, publish) in self._state.items())
            self._refill.update(item for item in waiting if item[1].retain)
            self._state.clear()

    def clear(self) -> None:
        """Forget everything that waits."""
        with self._lock:
            self._state.clear()
            self._refill.clear()
            self._events.clear()
