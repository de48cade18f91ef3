"""Threads with a name, an owner and an end.

`spawn` starts a thread whose crash reaches its owner, `Deadline` shares one time limit among
many waits. Knows nothing of what the threads do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

CrashHook = Callable[[str, BaseException], None]
"""Called with the thread's name and its exception; must not raise."""


def spawn(name: str, target: Callable[[], None], on_crash: CrashHook) -> threading.Thread:
    """Start `target` in a daemon thread; an exception is logged and handed to `on_crash`."""

    def run() -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - the last-resort handler of the thread
            _log.critical("thread %s crashed", name, exc_info=error)
            on_crash(name, error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


class Deadline:
    """A point in monotonic time that several waits share."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._end
