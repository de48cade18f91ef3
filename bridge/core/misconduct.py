"""Bad input, counted: one warning for each kind and device, repetitions summed up."""

from __future__ import annotations

import logging
from collections import Counter

from bridge.core.effects import Log
from bridge.core.events import BadInput

MOST_NAMED = 1_000
"""Different (source, kind, device) that are told apart; more are only counted."""


class Misconduct:
    """What peers and users did wrong since the start."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._named: dict[tuple[str, str, str], int] = {}

    def record(self, event: BadInput) -> list[Log]:
        """Count it; the first of its kind from this source and device gives a warning."""
        self.counts[event.kind] += 1
        key = (event.source, event.kind, event.device or "")
        if key in self._named:
            self._named[key] += 1
            return []
        if len(self._named) >= MOST_NAMED:
            return []
        self._named[key] = 0
        place = f"{event.source}, device {event.device}" if event.device else event.source
        return [Log(logging.WARNING, f"{place}: {event.text} ({event.kind})")]

    def summary(self) -> list[Log]:
        """One line for all that was repeated since the last summary."""
        repeated: Counter[str] = Counter()
        for (source, kind, _), count in self._named.items():
            if count:
                repeated[f"{kind} from {source}"] += count
        for key in self._named:
            self._named[key] = 0
        if not repeated:
            return []
        listed = ", ".join(f"{what}: {count}" for what, count in repeated.most_common(10))
        return [Log(logging.WARNING, f"repeated bad input: {listed}")]
