"""The engine's inbox: bounded, many writers, one reader that takes everything at once."""

from __future__ import annotations

import threading
from collections import deque

from bridge.core.events import Event

CAPACITY = 200
"""Events that wait; then sources wait too, and TCP makes their peers wait."""

RESERVE = 256
"""Room beyond that for those who cannot wait: busy sources must not shut commands out."""


class Inbox:
    """A queue of events that hands over batches, as one hand-over each would be dear."""

    def __init__(self, capacity: int = CAPACITY, reserve: int = RESERVE) -> None:
        self._capacity = capacity
        self._reserve = reserve
        self._events: deque[Event] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._drained = threading.Condition(self._lock)
        self._reading = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> None:
        """Add an event, waiting while the inbox is full; a closed inbox drops it."""
        with self._lock:
            while len(self._events) >= self._capacity and not self._closed:
                self._drained.wait(1.0)
            self._add(event)

    def push(self, event: Event) -> None:
        """Add an event even if the inbox is full, for those who tell little and must not wait."""
        with self._lock:
            self._add(event)

    def offer(self, event: Event) -> bool:
        """Add an event if there is room, and tell whether there was; never waits."""
        with self._lock:
            if self._closed or len(self._events) >= self._capacity + self._reserve:
                return False
            self._add(event)
            return True

    def take(self, timeout: float) -> deque[Event]:
        """Everything that waits, after at most `timeout` (s); empty if nothing came."""
        with self._lock:
            if not self._events and not self._closed:
                self._reading = True
                self._filled.wait(timeout)
                self._reading = False
            events, self._events = self._events, deque()
            if len(events) >= self._capacity:
                self._drained.notify_all()
            return events

    def close(self) -> None:
        """Take nothing more in, and let nobody wait; what is there can still be taken."""
        with self._lock:
            self._closed = True
            self._filled.notify_all()
            self._drained.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _add(self, event: Event) -> None:
        if self._closed:
            return
        self._events.append(event)
        if self._reading:
            self._filled.notify()
