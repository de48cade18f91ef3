"""How the process is: memory, threads, and how often something happens."""

from __future__ import annotations

import os
import threading
from collections import deque
from pathlib import Path

from bridge.core.model import Json

SPAN = 60.0
"""Rates are told over so many seconds, or since the start."""

_STATM = Path("/proc/self/statm")


def process() -> dict[str, Json]:
    """Resident memory in MiB (null where the system does not tell) and the number of threads."""
    try:
        pages = int(_STATM.read_text().split()[1])
        memory: float | None = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
    except (OSError, ValueError, IndexError):
        memory = None
    return {"rss_mib": memory, "threads": threading.active_count()}


class Rates:
    """How many events and publications there are per second, over the last minute.

    One thread samples, others may ask; asking changes nothing.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def sample(self, now: float, events: int, publications: int) -> None:
        """Take in how many there have been by now (monotonic s), about once a second."""
        samples = self._samples
        samples.append((now, events, publications))
        while len(samples) > 1 and now - samples[1][0] >= SPAN:
            samples.popleft()

    def values(self) -> dict[str, Json]:
        """`events_per_second` and `publications_per_second`; null as long as nobody can know."""
        events = publications = None
        if len(self._samples) > 1:
            begin, end = self._samples[0], self._samples[-1]
            seconds = end[0] - begin[0]
            if seconds > 0:
                events = round((end[1] - begin[1]) / seconds, 2)
                publications = round((end[2] - begin[2]) / seconds, 2)
        return {"events_per_second": events, "publications_per_second": publications}
