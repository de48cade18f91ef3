"""Whether all parts of the bridge go on: what each has done is counted, who stands still is named.

A part is a loop in a thread of its own that adds one to a counter whenever it comes round. Waiting
counts too, as long as the loop comes round meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

AWAY = 5.0
"""A look that comes this much (s) too late tells of a process that was stopped as a whole."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long (s) a part may take for one round.

    After `late` the service manager gets no sign of life any more, after `stuck` the process ends.
    """

    late: float
    stuck: float


SOURCE = Patience(late=120, stuck=180)
"""Tokens, look-ups, handshakes and sends have limits of their own, all together below this."""

PARTS = MappingProxyType(
    {
        # It waits for nothing but its inbox, for a second at most.
        "engine": Patience(late=5, stuck=30),
        # A connection to the broker is given up after 10 s; before the first one comes a probe.
        # With the stop after it this ends before a manager's usual minute and a little is over.
        "mqtt": Patience(late=30, stuck=50),
        # Each wait has a limit below 10 s; while it hangs, no doubt closes our connections.
        "cluster": Patience(late=10, stuck=15),
    }
)
"""All others are loops of sources."""


class Watch:
    """Remembers when each part last came round; `look` at it every second or so.

    `counts` gives the counters by the names of the parts; one that is no longer there has ended.
    """

    def __init__(
        self,
        counts: Callable[[], Mapping[str, int]],
        parts: Mapping[str, Patience] = PARTS,
        others: Patience = SOURCE,
    ) -> None:
        self._counts = counts
        self._parts = parts
        self._others = others
        self._looked: float | None = None
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self, now: float) -> None:
        """Take the counters in; `now` is monotonic (s)."""
        away = self._looked is not None and now - self._looked > AWAY
        self._looked = now
        known = {} if away else self._seen
        self._seen = {}
        for name, count in self._counts().items():
            before = known.get(name)
            moved = before is None or before[0] != count
            self._seen[name] = (count, now if moved or before is None else before[1])

    @property
    def late(self) -> list[str]:
        """The parts that took too long for a sign of life, at the last look."""
        return [name for name, still in self._still() if still > self._patience(name).late]

    @property
    def stuck(self) -> list[str]:
        """The parts that will probably never come round again."""
        return [name for name, still in self._still() if still > self._patience(name).stuck]

    def _still(self) -> list[tuple[str, float]]:
        now = self._looked or 0.0
        return [(name, now - moved_at) for name, (_, moved_at) in self._seen.items()]

    def _patience(self, name: str) -> Patience:
        return self._parts.get(name, self._others)
