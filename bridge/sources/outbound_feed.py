"""Passes events on to the engine from a thread of its own: the listener's must never wait.

The engine's inbox has room for many events, and some are a thousand times as heavy as others. So
that no command waits long behind what devices tell, no more is passed on in one of the engine's
rounds than it works off in a moment; and who tells little goes before who tells much (weighted fair
queueing). Each device's own order is kept.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from bridge.core.events import (
    CallAnswered,
    CommandAnswered,
    CommandNotSent,
    DeviceArrived,
    Event,
    SettingsReported,
    StatusReported,
)
from bridge.core.merge import weight
from bridge.core.model import DeviceId
from bridge.sources.base import Sink
from bridge.threads import CrashHook, Deadline, spawn

THREAD = "outbound-feed"

FULL = 256
"""Events that wait; then no connection is read that has more to tell."""

HEAVY = 8_000
"""The same, by the members of all that waits."""

EACH_ROUND = 2_000
"""Members that are passed on in one round of the engine: a few hundredths of a second on a Pi."""

_LITTLE, _NEWS = 10, 100
"""Members that are as much work as an event itself, and as one that may bring a new device."""

_AT_ONCE = (CallAnswered, CommandAnswered, CommandNotSent)
"""What belongs to no device's order: somebody waits for it."""

_STEP = 0.005
"""How often (s) it is looked whether the engine went round."""

_LOOK = 5.0
"""How often (s) it comes round while there is nothing."""


class Feed:
    """A sink that never waits. What is put in before `start` is passed on after it."""

    def __init__(
        self, sink: Sink, on_crash: CrashHook, rounds: Callable[[], int] | None = None
    ) -> None:
        """`rounds` counts those of the engine; without it nothing is held back."""
        self._sink = sink
        self._on_crash = on_crash
        self._engine_rounds = rounds
        self._events: list[tuple[int, int, Event, int]] = []
        """A heap: when each is to end, by the work passed on so far; its number; its weight."""
        self._numbers = itertools.count()
        self._ends: dict[DeviceId | None, int] = {}
        """When the last of a device is to end."""
        self._reached = 0
        self._weight = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._rounds = 0
        self._round = -1
        """Of the engine, in which something was passed on last."""
        self._passed = 0
        """The weight of what was passed on in it."""

    def __call__(self, event: Event) -> None:
        """Add an event; a feed that ended drops it."""
        size = _weight(event)
        with self._changed:
            if not self._ending:
                end = self._reached + size
                if not isinstance(event, _AT_ONCE):
                    device = getattr(event, "device", None)
                    end = max(end, self._ends.get(device, 0) + size)
                    self._ends[device] = end
                heapq.heappush(self._events, (end, next(self._numbers), event, size))
                self._weight += size
                self._changed.notify()

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read for now."""
        return len(self._events) >= FULL or self._weight >= HEAVY

    def start(self) -> None:
        """Begin; nothing when it was started or stopped before."""
        with self._changed:
            if self._thread is None and not self._ending:
                self._thread = spawn(THREAD, self._run, self._on_crash)

    def beats(self) -> dict[str, int]:
        """See `Source.beats`."""
        thread = self._thread
        return {THREAD: self._rounds} if thread is not None and thread.is_alive() else {}

    def stop(self, deadline: Deadline) -> list[str]:
        """Pass on what is there, and end; names the thread if it still lives."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread is None:
            return []
        self._thread.join(deadline.remaining())
        return [THREAD] if self._thread.is_alive() else []

    def _run(self) -> None:
        while True:
            self._rounds += 1
            with self._changed:
                if not self._events and not self._ending:
                    self._changed.wait(_LOOK)
                if not self._events:
                    if self._ending:
                        return
                    continue
                event, size = self._pop()
                self._await_round(size)
            self._sink(event)

    def _pop(self) -> tuple[Event, int]:
        """The next event, and its weight."""
        end, _, event, size = heapq.heappop(self._events)
        self._reached = max(self._reached, end - size)
        self._weight -= size
        if not self._events:
            self._ends, self._reached = {}, 0
        return event, size

    def _await_round(self, size: int) -> None:
        """Wait for a round of the engine that has room for so much more."""
        while self._engine_rounds is not None:
            current = self._engine_rounds()
            if current != self._round:
                self._round, self._passed = current, 0
            if not self._passed or self._passed + size <= EACH_ROUND or self._ending:
                break
            self._changed.wait(_STEP)
        self._passed += size


def _weight(event: Event) -> int:
    """About how much work an event is, in members of a status."""
    match event:
        case StatusReported():
            return (_NEWS if event.full else _LITTLE) + weight(event.status)
        case SettingsReported():
            return _NEWS + weight(dict(event.settings))
        case CallAnswered():
            return _LITTLE + weight(event.result)
        case DeviceArrived():
            return _NEWS
    return _LITTLE
