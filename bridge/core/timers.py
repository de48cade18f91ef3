"""Points in time that the engine wants to be woken at, each under a key of its own."""

from __future__ import annotations

import heapq
from collections.abc import Hashable


class Timers:
    """A set of named wake-up times (monotonic s); setting a key again moves it."""

    def __init__(self) -> None:
        self._at: dict[Hashable, float] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._count = 0

    def set(self, key: Hashable, at: float) -> None:
        """Wake at `at` for `key`, whatever was set for it before."""
        if self._at.get(key) == at:
            return
        self._at[key] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))

    def set_if_unset(self, key: Hashable, at: float) -> None:
        """Wake at `at` for `key` unless it is to be woken for anyway."""
        if key not in self._at:
            self.set(key, at)

    def cancel(self, key: Hashable) -> None:
        """Forget a key; unknown ones are fine."""
        self._at.pop(key, None)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._at

    def next(self) -> float | None:
        """The earliest time that is set, if any."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float, most: int | None = None) -> list[Hashable]:
        """The keys whose time has come, at `most` so many, in order; they are no longer set."""
        keys: list[Hashable] = []
        while True:
            at = self.next()
            if at is None or at > now or len(keys) == most:
                return keys
            _, _, key = heapq.heappop(self._heap)
            del self._at[key]
            keys.append(key)
