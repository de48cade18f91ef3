"""`python -m benchmarks.markdown FOUND.json [PAGE.md]`: what was found, as tables for a page.

With a page, what stands between its two marks is replaced.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Line

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def tables(found: dict[str, Any]) -> str:
    """All parts, each with its table, its targets and its notes."""
    lines = [f"{name}: {text}  " for name, text in found["surroundings"].items()]
    for part in found["parts"].values():
        lines += ["", f"## {part['title']}", ""]
        if part["rows"]:
            lines += [*_table([part["head"], *part["rows"]]), ""]
        if part["lines"]:
            judged = [_line(line).cells() for line in part["lines"]]
            lines += [*_table([("figure", "value", "unit", "target", ""), *judged]), ""]
        lines += [f"{note}  " for note in part["notes"]]
    for name, reason in found["not_measured"].items():
        lines += ["", f"`{name}` was not measured: {reason}"]
    return "\n".join(lines).strip() + "\n"


def _table(rows: Iterable[Sequence[str]]) -> Iterable[str]:
    head, *others = rows
    yield _row(head)
    yield _row(["---", *("---:" for _ in head[1:])])
    yield from (_row(row) for row in others)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _line(written: dict[str, Any]) -> Line:
    return Line(**{key: value for key, value in written.items() if key != "reached"})


def replaced(page: str, text: str) -> str:
    """The page with `text` between its marks; raises `ValueError` if it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def main() -> None:
    """Print the tables, or put them into the page."""
    text = tables(json.loads(Path(sys.argv[1]).read_text()))
    if len(sys.argv) < 3:
        print(text, end="")
        return
    page = Path(sys.argv[2])
    page.write_text(replaced(page.read_text(), text))


if __name__ == "__main__":
    main()
