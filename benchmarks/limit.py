"""A time limit around a part of the work."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class OutOfTimeError(Exception):
    """It took too long."""


@contextmanager
def at_most(seconds: float, what: str) -> Iterator[None]:
    """Raise `OutOfTimeError` in the body when it takes longer; for the main thread only."""

    def give_up(*_: object) -> None:
        raise OutOfTimeError(f"{what} took longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
