"""What a part found: a table to read, lines with targets, and the single values behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import linear_regression, median, quantiles
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """A figure, and what was promised of it (None: nothing)."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the value keeps the promise; None without one."""
        if self.at_most is None and self.at_least is None:
            return None
        # Not a number keeps no promise.
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def target(self) -> str:
        """The promise as text."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "-" if self.at_least is None else f">= {self.at_least:g}"

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, or nothing."""
        return {True: "ok", False: "MISSED", None: ""}[self.reached]

    def cells(self) -> tuple[str, str, str, str, str]:
        """Name, value, unit, target, verdict."""
        return self.name, rounded(self.value), self.unit, self.target, self.verdict


@dataclass(slots=True)
class Table:
    """`figures` are the single values, for `--json`; `notes` are for the reader."""

    title: str
    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def text(self) -> Iterable[str]:
        """The table, line by line."""
        yield self.title
        if self.rows:
            yield from aligned((self.head, *self.rows))
        yield from aligned([line.cells() for line in self.lines])
        yield from (f"  {note}" for note in self.notes)


def aligned(rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Rows of equal length as text; the first column to the left, the others to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = zip(row, widths, strict=True)
        cells = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]
        yield "  " + "  ".join(cells).rstrip()


def rounded(value: float) -> str:
    """Three digits that count, or all in front of the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the values do not exceed; NaN without values."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def paired(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of values that were measured one right after the other."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def added(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the differences of such values."""
    return median(our - their for our, their in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Slope:
    """How a value grows with another one: a straight line, and how far it is off."""

    start: float
    each: float
    error: float
    """The largest distance of a measured value from the line, as a share of that value."""


def slope(amounts: Sequence[float], values: Sequence[float]) -> Slope:
    """The straight line through the values (least squares)."""
    each, start = linear_regression(amounts, values)
    pairs = zip(amounts, values, strict=True)
    error = max(abs(start + each * amount - value) / value for amount, value in pairs)
    return Slope(start, each, error)
