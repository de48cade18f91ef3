"""A sentence for the next page of a browser: how the press of a button came out."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

MOST_NOTES = 100


@dataclass(frozen=True, slots=True)
class Note:
    """`good` is False for what did not work."""

    text: str
    good: bool


class Notes:
    """At most one for each browser; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: OrderedDict[str, Note] = OrderedDict()

    def leave(self, browser: str, note: Note) -> None:
        """Keep it until the browser asks for a page."""
        with self._lock:
            self._notes.pop(browser, None)
            self._notes[browser] = note
            while len(self._notes) > MOST_NOTES:
                self._notes.popitem(last=False)

    def take(self, browser: str) -> Note | None:
        """The note for a browser, which is then gone."""
        with self._lock:
            return self._notes.pop(browser, None)
