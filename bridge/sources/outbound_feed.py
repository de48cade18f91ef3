"""Passes events on to the engine from a thread of its own: the listener's must never wait."""

from __future__ import annotations

import threading
from collections import deque

from bridge.core.events import Event
from bridge.sources.base import Sink
from bridge.threads import CrashHook, Deadline, spawn

THREAD = "outbound-feed"

FULL = 256
"""Events that wait; then no connection is read that has more to tell."""

_LOOK = 5.0
"""How often (s) it comes round while there is nothing."""


class Feed:
    """A sink that never waits. What is put in before `start` is passed on after it."""

    def __init__(self, sink: Sink, on_crash: CrashHook) -> None:
        self._sink = sink
        self._on_crash = on_crash
        self._events: deque[Event] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._rounds = 0

    def __call__(self, event: Event) -> None:
        """Add an event; a feed that ended drops it."""
        with self._changed:
            if not self._ending:
                self._events.append(event)
                self._changed.notify()

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read for now."""
        return len(self._events) >= FULL

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
                event = self._events.popleft()
            self._sink(event)
