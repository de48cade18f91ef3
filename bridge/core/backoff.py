"""When to try again: a delay that doubles, jittered, and is forgotten after lasting success."""

from __future__ import annotations

from dataclasses import dataclass

LASTED = 60.0
"""A connection that lived this long (s) was a success."""


@dataclass(slots=True)
class Backoff:
    """Delays between attempts: uniform 0.5–1.5 × the current one, doubling up to `longest` (s)."""

    first: float
    longest: float
    _current: float = 0.0

    def next_delay(self, random: float) -> float:
        """The time to wait (s) before the next attempt; `random` is uniform in 0…1."""
        self._current = min(self._current * 2 or self.first, self.longest)
        return self._current * (0.5 + random)

    def ended(self, lived: float) -> None:
        """Tell how long (s) the last connection lived; one that lasted starts anew."""
        if lived >= LASTED:
            self._current = 0.0
