"""Which part of the bridge may know which: arrows point down only, and never in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bridge

PACKAGE = Path(bridge.__file__).parent

DATA_MODULES = {
    *(
        "__future__",
        "array",
        "collections",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "heapq",
    ),
    *("itertools", "json", "logging", "math", "re", "types", "typing", "urllib.parse"),
    # Shares equal strings; knows nothing of the system.
    "sys.intern",
}
"""What `bridge.core` may use of the standard library: nothing that has a clock or an outside."""

NEVER = {
    "bridge.errors": {"bridge"},
    "bridge.threads": {"bridge"},
    "bridge.config": {"bridge.sources", "bridge.mqtt", "bridge.web", "bridge.store"},
    "bridge.sources": {"bridge.mqtt", "bridge.web", "bridge.store", "bridge.config"},
    "bridge.mqtt": {"bridge.sources", "bridge.web", "bridge.store", "bridge.config"},
    "bridge.web": {"bridge.sources", "bridge.mqtt", "bridge.config"},
    "bridge.store": {"bridge.sources", "bridge.mqtt", "bridge.web", "bridge.config"},
    "bridge.cluster": {"bridge.sources", "bridge.mqtt", "bridge.web", "bridge.config"},
}
"""Parts, and what they must not know."""

PARTS = {"bridge.sources", "bridge.mqtt", "bridge.web", "bridge.store"}

COMPOSERS = {
    *(
        "bridge.app",
        "bridge.assembly",
        "bridge.executors",
        "bridge.listeners",
        "bridge.parts",
        "bridge.cli",
    ),
    *("bridge.demo", "bridge.__main__"),
}
"""Only these put parts together, and nobody below knows them."""

SIMULATED = {"bridge.simulator", "bridge.demo", "bridge.cli"}
"""Only these may use the simulator."""

SIMULATOR_MAY = {"bridge.simulator", "bridge.errors", "bridge.threads"}
"""It plays Shelly, so it must not share the code that it is to test."""


@dataclass(frozen=True)
class Import:
    """`imported` is a module of ours, or the full name of what was taken from another."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def modules(package: Path) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    found = {}
    for path in package.rglob("*.py"):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path) -> list[Import]:
    """Every import that can happen, also inside of functions."""
    known = modules(package)
    return [
        Import(name, imported, line)
        for name, path in known.items()
        for imported, line in _imported(ast.parse(path.read_text()), set(known))
    ]


def _imported(tree: ast.AST, known: set[str]) -> Iterator[tuple[str, int]]:
    for node in _at_run_time(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                ours = is_below(name, known) and name not in known
                yield str(node.module) if ours else name, node.lineno


def _at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _at_run_time(child)


def is_below(name: str, parts: set[str]) -> bool:
    """Whether a module is one of these parts, or within one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def impure(package: Path) -> list[str]:
    """Where the core knows more than itself, the errors and data."""
    own = {"bridge.core", "bridge.errors"}
    wrong = [
        str(each)
        for each in imports(package)
        if is_below(each.importer, {"bridge.core"})
        and not is_below(each.imported, own | DATA_MODULES)
    ]
    for name, path in modules(package).items():
        if is_below(name, {"bridge.core"}):
            wrong += [f"{name}: {ast.unparse(call)}" for call in _outside_calls(path)]
    return wrong


def _outside_calls(path: Path) -> Iterator[ast.Attribute]:
    """Data modules have a way out too: the clock of `datetime`, the output of `logging`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        clock = node.value.id in ("datetime", "date") and node.attr in ("now", "utcnow", "today")
        if clock or (node.value.id == "logging" and not node.attr.isupper()):
            yield node


def upward(package: Path) -> list[str]:
    """Where a part knows what it must not."""
    wrong = []
    for each in imports(package):
        for part, never in NEVER.items():
            if is_below(each.importer, {part}) and is_below(each.imported, never - {part}):
                wrong.append(str(each))
        composer = is_below(each.importer, COMPOSERS)
        if not composer and is_below(each.imported, COMPOSERS):
            wrong.append(str(each))
    return wrong


def composing(package: Path) -> list[str]:
    """Modules that know several parts although they are not there to put them together."""
    known: dict[str, set[str]] = {}
    for each in imports(package):
        for part in PARTS:
            if is_below(each.imported, {part}):
                known.setdefault(each.importer, set()).add(part)
    return [
        f"{name} knows {sorted(parts)}"
        for name, parts in known.items()
        if len(parts) > 1 and not is_below(name, COMPOSERS | PARTS)
    ]


def simulated(package: Path) -> list[str]:
    """Where the simulator is used for real, or knows what it is to test."""
    return [
        str(each)
        for each in imports(package)
        if (
            is_below(each.imported, {"bridge.simulator"}) and not is_below(each.importer, SIMULATED)
        )
        or (
            is_below(each.importer, {"bridge.simulator"})
            and is_below(each.imported, {"bridge"})
            and not is_below(each.imported, SIMULATOR_MAY)
        )
    ]


def circle(package: Path) -> list[str]:
    """The modules of a circle of imports, if there is one."""
    known = set(modules(package))
    graph: dict[str, set[str]] = {name: set() for name in known}
    for each in imports(package):
        if each.imported in known and each.imported != each.importer:
            graph[each.importer].add(each.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_the_core_is_pure() -> None:
    assert impure(PACKAGE) == []


def test_no_part_knows_what_is_above_or_beside_it() -> None:
    assert upward(PACKAGE) == []


def test_only_the_composition_knows_several_parts() -> None:
    assert composing(PACKAGE) == []


def test_the_simulator_stays_apart() -> None:
    assert simulated(PACKAGE) == []


def test_nothing_goes_in_circles() -> None:
    assert circle(PACKAGE) == []


# The rules can fail


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small package that keeps every rule."""
    package = tmp_path / "bridge"
    for name, text in {
        "__init__": "",
        "errors": "import enum",
        "threads": "import threading",
        "core/__init__": "",
        "core/model": "import json\nfrom datetime import UTC, datetime\nfrom sys import intern",
        "core/engine": "import logging\nfrom bridge.core import model\nlevel = logging.WARNING",
        "sources/__init__": "",
        "sources/base": "from bridge.core.model import json\nimport time",
        "mqtt/__init__": "import paho\nfrom bridge.threads import threading",
        "web/__init__": "from bridge.store import Store",
        "store/__init__": "class Store: ...",
        "config/__init__": "",
        "simulator/__init__": "from bridge.errors import enum",
        "app": "from bridge import mqtt, sources, web",
        "demo": "import bridge.simulator\nfrom bridge.app import web",
    }.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"from __future__ import annotations\n{text}\n")
    return package


def broken(package: Path) -> set[str]:
    """The rules that a package does not keep."""
    rules = (impure, upward, composing, simulated, circle)
    return {rule.__name__ for rule in rules if rule(package)}


def test_a_good_tree_keeps_all_rules(tree: Path) -> None:
    assert broken(tree) == set()


@pytest.mark.parametrize(
    ("module", "line", "rules"),
    [
        ("core/engine", "import time", {"impure"}),
        ("core/engine", "import sys", {"impure"}),
        ("core/engine", "from os import path", {"impure"}),
        ("core/engine", "def late() -> None:\n    import socket", {"impure"}),
        ("core/engine", "import urllib.request", {"impure"}),
        ("core/engine", "import paho.mqtt.client", {"impure"}),
        ("core/engine", "from bridge import threads", {"impure"}),
        ("core/engine", "from bridge.threads import threading", {"impure"}),
        ("core/engine", "from bridge.sources import base", {"impure"}),
        ("core/engine", "log = logging.getLogger()", {"impure"}),
        ("core/model", "started = datetime.now(UTC)", {"impure"}),
        ("core/model", "from bridge.core.engine import level", {"circle"}),
        ("core/model", "import bridge.core.engine", {"circle"}),
        ("sources/base", "from bridge import mqtt", {"upward"}),
        ("sources/base", "import bridge.web", {"upward"}),
        ("mqtt/__init__", "from bridge.sources.base import time", {"upward"}),
        ("mqtt/__init__", "from bridge.store import Store", {"upward"}),
        ("web/__init__", "from bridge.mqtt import paho", {"upward"}),
        ("store/__init__", "import bridge.config", {"upward"}),
        ("config/__init__", "import bridge.store", {"upward"}),
        ("errors", "import bridge.threads", {"upward"}),
        ("threads", "from bridge.app import web", {"upward", "circle"}),
        ("store/__init__", "from bridge import simulator", {"simulated"}),
        ("simulator/__init__", "from bridge.core import model", {"simulated"}),
        ("helper", "from bridge import mqtt, store", {"composing"}),
    ],
)
def test_a_bad_import_is_found(tree: Path, module: str, line: str, rules: set[str]) -> None:
    path = tree / f"{module}.py"
    path.write_text(f"{path.read_text() if path.exists() else ''}{line}\n")
    assert broken(tree) == rules


def test_what_only_the_type_checker_reads_does_not_count(tree: Path) -> None:
    path = tree / "core" / "engine.py"
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import socket\n"
    path.write_text(path.read_text() + text)
    assert broken(tree) == set()
