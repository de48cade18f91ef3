"""What the page about trouble quotes is what the bridge says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import bridge
from bridge.core.availability import Reason
from bridge.core.model import LinkState
from tests.documentation.pages import DOCS

TROUBLE = DOCS / "trouble.md"

FEWEST_ROWS = 25


def rows() -> list[tuple[str, str, str]]:
    """The rows of all tables."""
    found = []
    for line in TROUBLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and not line.startswith(("| ---", "| you see")):
            assert len(cells) == 3, line
            found.append((cells[0], cells[1], cells[2]))
    return found


@cache
def said() -> tuple[str, ...]:
    """Every text in the bridge's code; what is filled in is left out as a gap."""
    texts: list[str] = []
    for file in Path(bridge.__file__).parent.rglob("*.py"):
        if "simulator" in file.parts:
            continue
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        about = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if id(node) in about:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = (
                    part.value if isinstance(part, ast.Constant) else "\0" for part in node.values
                )
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%[sdr]|%\.0f", "\0", node.value))
    return tuple(texts)


def is_said(quoted: str) -> bool:
    """Whether the pieces between the gaps of a quotation follow each other in some text."""
    pieces = [re.escape(piece) for piece in re.split(r"\s*…\s*", quoted) if piece]
    pattern = re.compile(".*".join(pieces), re.DOTALL)
    return any(pattern.search(text) for text in said())


def quotations() -> Iterator[str]:
    """What the first column quotes, but for topics."""
    for first, _, _ in rows():
        quoted = re.findall(r"`([^`]+)`", first)
        yield from (each for each in quoted if not each.startswith("bridge/"))


def test_there_is_a_lot_of_help() -> None:
    assert len(rows()) >= FEWEST_ROWS
    assert all(all(cells) for cells in rows())


def test_every_quotation_is_the_bridges_own() -> None:
    assert [quoted for quoted in quotations() if not is_said(quoted)] == []


def test_a_quotation_of_something_else_would_be_found() -> None:
    assert not is_said("the broker is on fire")
    assert not is_said("MQTT broker … is on fire")


def test_every_state_and_reason_has_a_row() -> None:
    quoted = " ".join(quotations())
    wanted = {*Reason, *LinkState} - {LinkState.CONNECTED}
    assert [word for word in wanted if word not in quoted] == []


def test_every_status_of_a_result_has_a_row() -> None:
    table = (DOCS / "topics.md").read_text(encoding="utf-8").partition("| `status` | meaning |")[2]
    lines = table.partition("\n\n")[0]
    words = {word for line in lines.splitlines() for word in re.findall(r"`(\w+)`", line[:40])}
    words -= {"ok", "error", "accepted", "confirmed", "sent", "confirm"}
    assert len(words) >= 9
    quoted = " ".join(quotations())
    assert [word for word in sorted(words) if word not in quoted] == []
