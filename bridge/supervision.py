"""What the service manager hears of the bridge: ready, how it is, alive, stopping.

Ready means that the broker has taken us. Until then the manager is asked for more time, as long as
all parts go on: a broker that is not there yet is no reason to start again.
"""

from __future__ import annotations

import time

from bridge.notify import Notifier

INTERVAL = 5.0
"""How often (s) the manager hears of us; more often if its watchdog is impatient."""

_SHARE = 12
"""Signs of life in the watchdog's time: one that hangs is noticed by little more than that time."""

MORE_TIME = 60.0
"""What a start asks for (s), again and again."""


class Supervision:
    """Keeps the manager informed; `look` is called often, and mostly does nothing."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._interval = min(INTERVAL, (notifier.watchdog or 60.0) / _SHARE)
        self._next = 0.0
        self._ready = False
        self._told = ""

    def due(self, now: float, *, ready: bool) -> bool:
        """Whether there is something to tell; `now` is monotonic (s)."""
        return self._notifier.wanted and (now >= self._next or (ready and not self._ready))

    def look(self, now: float, *, ready: bool, alive: bool, status: str) -> None:
        """Tell what is due; `alive` is whether all parts go on."""
        if not self.due(now, ready=ready):
            return
        self._next = now + self._interval
        values: dict[str, str | int] = {}
        if ready and not self._ready:
            values["READY"] = 1
        elif alive and not self._ready:
            values["EXTEND_TIMEOUT_USEC"] = int(MORE_TIME * 1e6)
        if status != self._told:
            values["STATUS"] = status
        if alive and self._notifier.watchdog is not None:
            values["WATCHDOG"] = 1
        if values and self._notifier.tell(**values):
            self._ready = self._ready or ready
            self._told = status

    def ending(self, *, restart: bool) -> None:
        """The bridge stops; after that it comes back in the same process if it is a restart.

        A manager that hears of a stop would kill what comes after it.
        """
        if restart:
            now = time.monotonic_ns() // 1_000
            self._notifier.tell(RELOADING=1, MONOTONIC_USEC=now, STATUS="starting again")
        else:
            self._notifier.tell(STOPPING=1, STATUS="stopping")
