"""The pages of the documentation, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
INDEX = DOCS / "README.md"

PAGES = (README, ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md")))

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    """The page without its blocks of code."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The blocks of code in one of these languages."""
    for language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield text


def spans(page: Path) -> list[str]:
    """What stands between backticks, on one line each."""
    return [" ".join(each.split()) for each in _CODE.findall(text_of(page))]


def links(page: Path) -> list[str]:
    """The targets of all links and pictures."""
    return _LINK.findall(_CODE.sub("", text_of(page)))


def anchors(page: Path) -> set[str]:
    """The anchors that headings give, in the way of GitHub."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text_of(page), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        name, number = words, 0
        while name in found:
            number += 1
            name = f"{words}-{number}"
        found.add(name)
    return found
