"""Room for requests whose answer takes long, so that quick ones always find a worker.

Knows nothing of HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.web.desk import BusyError

MOST_WAITING = 6
"""Buttons and logins that may wait for their result at once; each holds a worker."""


class Room:
    """Lets in so many at once."""

    def __init__(self, places: int = MOST_WAITING) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; raises `BusyError` at once if there is none."""
        if not self._places.acquire(blocking=False):
            raise BusyError("too much is waited for just now; try again")
        try:
            yield
        finally:
            self._places.release()
