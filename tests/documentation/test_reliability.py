"""The page on faults and attacks leaves none out, and names only tests that exist."""

from __future__ import annotations

import re

from tests.documentation.pages import DOCS, ROOT

PAGE = (DOCS / "reliability.md").read_text(encoding="utf-8")
OF_TOOLS = {"test_broker_judge.py", "test_cluster_sockets.py", "test_proxy.py"}
"""Tests of what the fault tests are made with, and of no fault."""

_ROW = re.compile(r"^\| ([FA][0-9]+) \| (.+) \|$", re.MULTILINE)
_FILE = re.compile(r"tests/[a-z_]+(?:/[a-z_]+)*\.py")


def test_every_fault_and_attack_has_a_whole_row() -> None:
    rows = dict(_ROW.findall(PAGE))
    faults = {f"F{number}" for number in range(1, 26)}
    attacks = {f"A{number}" for number in range(1, 18)}
    assert rows.keys() == faults | attacks
    for name, row in rows.items():
        cells = row.split(" | ")
        assert len(cells) == 4, name
        assert all(cell.strip() for cell in cells), name
        assert _FILE.search(cells[3]), f"{name} names no test"


def test_every_fault_test_belongs_to_a_row() -> None:
    there = {file.name for file in (ROOT / "tests" / "faults").glob("test_*.py")}
    assert there > OF_TOOLS
    rows = " ".join(row for _, row in _ROW.findall(PAGE))
    assert [name for name in sorted(there - OF_TOOLS) if f"tests/faults/{name}" not in rows] == []


def test_every_test_that_is_named_exists() -> None:
    file = ""
    for found in re.finditer(r"tests/[a-z_/]+\.py|::(test_[a-z0-9_]+)", PAGE):
        if found[1] is None:
            file = found[0]
            assert (ROOT / file).is_file(), file
        else:
            assert f"def {found[1]}(" in (ROOT / file).read_text(), f"{file}::{found[1]}"
