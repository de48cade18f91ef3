"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their column names, as wide as their widest text."""
    lines = [[column.upper() for column in columns], *(list(map(_printable, row)) for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())  # noqa: T201 - the command's output


def _printable(text: str) -> str:
    """Names come from strangers: nothing that a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)
