"""What a measurement found: a table to read, and the figures behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that was promised, and whether it was reached."""

    text: str
    reached: bool


@dataclass(slots=True)
class Table:
    """`figures` are the single values, for `--json`."""

    title: str
    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> Iterable[str]:
        """The table as text."""
        yield self.title
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        for row in (self.head, *self.rows):
            first, *others = zip(row, widths, strict=True)
            cells = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]
            yield "  " + "  ".join(cells).rstrip()
        for target in self.targets:
            yield f"  {'reached' if target.reached else 'MISSED '}  {target.text}"


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the values do not exceed; NaN without values."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def paired(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of values that were measured one right after the other."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))
