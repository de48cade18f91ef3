"""The time in the simulated world: the machine's, or one that moves only when told to."""

from __future__ import annotations

import time


class Clock:
    """Unix seconds; with `start` the clock stands still until `skip` is called."""

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self._skipped = 0.0

    def now(self) -> float:
        """Unix seconds in the simulated world."""
        return (time.time() if self._start is None else self._start) + self._skipped

    def skip(self, seconds: float) -> None:
        """Move on by `seconds`."""
        self._skipped += seconds
