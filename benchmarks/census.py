"""Which topics of devices were published so far, to know when all of them were."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

_OWN = b"bridge"


class Census:
    """Counts each topic once, and which devices have how many. The bridge's own are left out."""

    def __init__(self, devices: Iterable[str], state: str = "") -> None:
        """`devices` are expected, all of one model; their names are the topics' second level.

        The next level of a topic that tells a state begins with `state`.
        """
        self._state = state.encode()
        self._devices = frozenset(name.encode() for name in devices)
        self._seen: set[bytes] = set()
        self._of_each: Counter[bytes] = Counter()
        self.first: float | None = None
        """When the first state of a device was heard (monotonic s)."""
        self.newest = time.monotonic()
        """When the newest topic was heard for the first time (monotonic s)."""

    def __len__(self) -> int:
        return len(self._seen)

    def hear(self, topic: bytes) -> None:
        """A message came."""
        if topic in self._seen:
            return
        parts = topic.split(b"/", 2)
        if len(parts) < 3 or parts[1] == _OWN:
            return
        self.newest = time.monotonic()
        self._seen.add(topic)
        if parts[1] in self._devices:
            self._of_each[parts[1]] += 1
            if self.first is None and parts[2].startswith(self._state):
                self.first = self.newest

    @property
    def complete(self) -> bool:
        """Whether every device has topics, all of them the same number."""
        counts = list(self._of_each.values())
        return len(counts) == len(self._devices) and len(set(counts)) <= 1
