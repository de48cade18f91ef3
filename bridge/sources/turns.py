"""Whose turn it is to connect again, where many were thrown out at the same moment."""

from __future__ import annotations

import threading
import time


class Turns:
    """Gives everybody a moment of their own, `apart` s after the one before; for any thread."""

    def __init__(self, apart: float) -> None:
        self._apart = apart
        self._lock = threading.Lock()
        self._next = 0.0

    def take(self) -> float:
        """How long to wait (s) until it is the caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._apart
            return turn - now
