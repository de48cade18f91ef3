"""Where a connection's events end once it is not ours any more."""

from __future__ import annotations

from bridge.core.events import Event
from bridge.sources.base import Sink


class Gate:
    """A sink that lets events through until it is shut; those on their way may still come."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._open = True

    def __call__(self, event: Event) -> None:
        if self._open:
            self._sink(event)

    def shut(self) -> None:
        """Let nothing through any more."""
        self._open = False
