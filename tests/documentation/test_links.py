"""Whoever follows a link of the documentation finds what it promises."""

from __future__ import annotations

import struct
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.documentation.pages import DOCS, INDEX, PAGES, README, ROOT, anchors, links, spans

LONGEST_README = 200
LARGEST_PICTURE = 150_000
PICTURE_WIDTH = 1280

FOLDERS = ("docs/", "examples/", "systemd/", "tests/", "benchmarks/")

EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@EACH_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@EACH_PAGE
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = {
        word.strip("…:,")
        for span in spans(page)
        for word in span.split()
        if word.startswith(FOLDERS) and "*" not in word
    }
    assert [name for name in sorted(named) if not (ROOT / name.partition("::")[0]).exists()] == []


def test_the_table_of_contents_has_every_page() -> None:
    there = {page.name for page in DOCS.glob("*.md")} - {INDEX.name}
    listed = {link for link in links(INDEX) if "/" not in link}
    assert there == listed


def test_the_readme_leads_to_the_table_of_contents() -> None:
    assert {link.rstrip("/") for link in links(README)} & {"docs", "docs/README.md"}


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_pictures_are_small_and_of_one_width() -> None:
    pictures = sorted((DOCS / "images").iterdir())
    assert pictures
    for picture in pictures:
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n"), picture.name
        (width,) = struct.unpack(">I", data[16:20])
        assert width == PICTURE_WIDTH, picture.name
        assert len(data) < LARGEST_PICTURE, picture.name


def test_every_picture_is_shown() -> None:
    shown = {Path(link).name for page in PAGES for link in links(page)}
    assert {picture.name for picture in (DOCS / "images").iterdir()} <= shown


def test_the_page_about_the_architecture_names_every_part() -> None:
    page = DOCS / "architecture.md"
    named = set(" ".join(spans(page)).split())
    patterns = [name for name in named if "*" in name]
    package = ROOT / "bridge"
    missing = [
        str(part.relative_to(package))
        for folder in (package, package / "core", package / "web")
        for part in sorted(folder.iterdir())
        if (part.suffix == ".py" or (part / "__init__.py").exists())
        and not part.name.startswith("__")
        and part.name not in named
        and f"{part.name}/" not in named
        and not any(fnmatch(part.name, pattern) for pattern in patterns)
    ]
    assert missing == []
