"""Hands what waits in the outbox to the broker, neither too much nor too fast.

Owns what is on its way: the window of unacknowledged publications, the pace of the refill, and
what happens to both when a connection ends. Belongs to the thread that owns the connection.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bridge.core.effects import Lane, Publish
from bridge.mqtt.connection import PAHO_WINDOW, Connection
from bridge.mqtt.guard import PAYLOAD_LIMIT, Quarantine, Refusals, encode
from bridge.mqtt.outbox import Outbox

_REFILL_EVERY = 0.02
"""Seconds between two portions of the refill, once its first portion is used up."""

_SUSPECTS_AFTER = 1.0
"""Seconds of a connection that belong to everybody else, if there is enough to do."""

_FOREVER = 3_600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast publications may follow each other.

    `window` QoS 1 publications on their way; `refill_burst` values at once after a connect and
    then `refill_rate` per second, since brokers drop what slow subscribers do not read in time
    (Mosquitto: beyond 1,000 messages); `refill_wait` s for the engine to say what the refill is.
    """

    window: int = 20
    refill_burst: int = 500
    refill_rate: float = 400.0
    refill_wait: float = 1.0
    payload_limit: int = PAYLOAD_LIMIT


class Publisher:
    """`attach` a new connection, call `work` after every step of it, `detach` it at its end."""

    def __init__(
        self, outbox: Outbox, pace: Pace, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._outbox = outbox
        self._pace = pace
        self._clock = clock
        self._quarantine = Quarantine(clock)
        self._in_flight: dict[int, tuple[Publish, float]] = {}
        self._superseded: set[int] = set()
        self._aside: dict[str, Publish] = {}
        self._usual: float | None = None
        self._attached_at = 0.0
        self._sent_at = 0.0
        self._window = pace.window
        self._tokens = 0.0
        self._tokens_at = 0.0
        self._refills_before = 0
        self._refill_from: float | None = None
        self._early = True
        """What was taken last was taken before the engine put its refill."""
        self._fresh: dict[str, str] = {}
        """What was sent of that, until the refill, in portions or not, has the same again."""
        self.refilling = True
        """Set to False when only what is urgent should still be sent."""
        self.refusals = Refusals()
        self.published = 0
        self.receipts: deque[str] = deque()
        """Receipts that were asked for and are due; the owner of the connection takes them."""

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return not self._in_flight

    def oldest(self, now: float) -> float:
        """Seconds for which the broker has owed us an acknowledgement."""
        for _, since in self._in_flight.values():
            return now - since
        return 0.0

    def attach(self, connection: Connection) -> None:
        """A connection is there; what gathered meanwhile is handed over at the refill's pace."""
        self._window = min(self._pace.window, connection.receive_maximum, PAHO_WINDOW)
        self._usual = None
        self._attached_at = self._tokens_at = self._clock()
        self._tokens = float(self._pace.refill_burst)
        self._refills_before = self._outbox.refills
        self._refill_from = None
        self._fresh.clear()
        self._outbox.calm()

    def announced(self) -> None:
        """The engine knows of the connection and is going to put the refill."""
        self._refill_from = self._clock() + self._pace.refill_wait

    def detach(self) -> None:
        """The connection ended; what is not acknowledged waits again, except events."""
        self._let_go()
        in_flight = [
            publish
            for number, (publish, _) in self._in_flight.items()
            if number not in self._superseded
        ]
        self._in_flight.clear()
        self._superseded.clear()
        age = self._clock() - self._sent_at
        barred = self._quarantine.ended(in_flight, age, self._usual)
        for publish in barred:
            self.refusals.add(publish.topic, "the broker hangs up after it")
        topics = {publish.topic for publish in barred}
        in_flight = [publish for publish in in_flight if publish.topic not in topics]
        self._outbox.give_back([*in_flight, *self._aside.values()])
        self._aside.clear()

    def _let_go(self) -> None:
        """What somebody else publishes from now on must not be sent again."""
        gone = self._outbox.taken_away()
        if not gone:
            return
        for number, (publish, _) in self._in_flight.items():
            if publish.topic in gone and publish.lane is not Lane.EVENT:
                self._superseded.add(number)
        for topic in gone & self._aside.keys():
            del self._aside[topic]

    def acknowledge(self, number: int, problem: str | None) -> None:
        """The broker has publication `number`, or refused it because of `problem`."""
        oldest = next(iter(self._in_flight), number)
        entry = self._in_flight.pop(number, None)
        if entry is None:
            return
        self._usual = self._clock() - entry[1]
        self._superseded.discard(number)
        topic = entry[0].topic
        if number != oldest:
            self._supersede(topic, entry[1])
        self._quarantine.cleared(entry[0])
        if problem is not None:
            self.refusals.add(topic, f"the broker says: {problem}")
        elif entry[0].receipt is not None:
            self.receipts.append(entry[0].receipt)

    def _supersede(self, topic: str, sent_at: float) -> None:
        """What was sent before must not be sent again after the newer value is acknowledged."""
        for number, (publish, since) in self._in_flight.items():
            if publish.topic == topic and since <= sent_at:
                self._superseded.add(number)

    def work(self, connection: Connection) -> float:
        """Hand over what may be handed over now; seconds until there may be more to do."""
        self._let_go()
        if connection.want_write:
            return _FOREVER
        room = self._window - len(self._in_flight)
        if room <= 0:
            return _FOREVER
        now = self._clock()
        if self._aside and self._suspects_due(now):
            if not self._in_flight:
                self._send(connection, self._aside.pop(next(iter(self._aside))), now)
            return _FOREVER
        self._early = self._outbox.refills == self._refills_before
        batch = self._outbox.take(room)
        if len(batch) < room and self.refilling and self._outbox.refill_waits:
            refill = self._outbox.take_refill(min(room - len(batch), self._refill_portion(now)))
            self._tokens -= len(refill)
            batch += [each for each in refill if self._is_due(each)]
        for publish in batch:
            self._hand_over(connection, publish, now)
        return self._next_work(len(batch) == room, now)

    def _is_due(self, refill: Publish) -> bool:
        # Once only: whoever asks for all of it again is to hear all of it.
        known = self._fresh.pop(refill.topic, None) if self._fresh else None
        return refill.receipt is not None or known != refill.payload

    def _next_work(self, full: bool, now: float) -> float:
        if full or self._quarantine_ends():
            return 0.0
        if self._aside:
            return max(0.0, self._attached_at + _SUSPECTS_AFTER - now) if self._waits() else 0.0
        if not (self.refilling and self._outbox.refill_waits):
            return _FOREVER
        if self._refill_open(now):
            return _REFILL_EVERY
        return _FOREVER if self._refill_from is None else max(0.0, self._refill_from - now)

    def _quarantine_ends(self) -> bool:
        released = self._quarantine.released()
        if released:
            self._outbox.give_back(released)
        return bool(released)

    def _waits(self) -> bool:
        return len(self._outbox) > 0

    def _suspects_due(self, now: float) -> bool:
        return not self._waits() or now - self._attached_at >= _SUSPECTS_AFTER

    def _refill_open(self, now: float) -> bool:
        """The engine has put its refill, or took longer than we wait for it."""
        if self._outbox.refills != self._refills_before:
            return True
        return self._refill_from is not None and now >= self._refill_from

    def _refill_portion(self, now: float) -> int:
        if not self._refill_open(now):
            return 0
        earned = (now - self._tokens_at) * self._pace.refill_rate
        self._tokens = min(float(self._pace.refill_burst), self._tokens + earned)
        self._tokens_at = now
        return int(self._tokens)

    def _hand_over(self, connection: Connection, publish: Publish, now: float) -> None:
        if self._quarantine.bars(publish):
            self.refusals.add(publish.topic, "the broker hangs up after it")
        elif publish.lane is not Lane.EVENT and (
            # A newer value takes the place of the one put aside, it never overtakes it.
            publish.topic in self._aside or self._quarantine.suspects(publish.topic)
        ):
            self._aside[publish.topic] = publish
        else:
            self._send(connection, publish, now)

    def _send(self, connection: Connection, publish: Publish, now: float) -> None:
        payload = encode(publish, self._pace.payload_limit, connection.max_packet)
        if isinstance(payload, str):
            self.refusals.add(publish.topic, payload)
            return
        number, awaited = connection.publish(publish, payload)
        self.published += 1
        if self._early and publish.lane is Lane.STATE:
            self._fresh[publish.topic] = publish.payload
        elif self._fresh:
            self._fresh.pop(publish.topic, None)
        if awaited:
            self._in_flight[number] = (publish, now)
            self._sent_at = now

    def send_last(self, connection: Connection, publish: Publish) -> bool:
        """Hand over the very last publication, ahead of all that waits; False if there is no room.

        More than the broker allows would end the connection before it is read.
        """
        if len(self._in_flight) >= self._window:
            return False
        self._send(connection, publish, self._clock())
        return True
