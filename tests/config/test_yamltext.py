"""YAML stays text, and what is dangerous in it is refused with its line."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bridge.config import yamltext
from bridge.config.tree import Broken, Entries, Items, Node, Scalar
from bridge.errors import ConfigError


def plain(node: Node) -> object:
    """A tree as ordinary values."""
    match node:
        case Scalar():
            return node.text
        case Items():
            return [plain(item) for item in node.nodes]
        case Entries():
            return {name: plain(below) for name, below in node.nodes.items()}
    return ...


def read(text: str) -> object:
    return plain(yamltext.read(text.encode(), "c.yaml"))


def broken(text: str) -> list[str]:
    """The line and text of every broken node."""

    def below(node: Node) -> Iterator[str]:
        match node:
            case Broken():
                yield f"{node.place.line}: {node.text}"
            case Items():
                for item in node.nodes:
                    yield from below(item)
            case Entries():
                for entry in node.nodes.values():
                    yield from below(entry)

    return list(below(yamltext.read(text.encode(), "c.yaml")))


def refused(data: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        yamltext.read(data if isinstance(data, bytes) else data.encode(), "c.yaml")
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize(
    "text",
    ["012345", "12:34:56", "NO", "true", "1e3", "0x10", "2026-11-20", "1_000", ".inf", "=", "<<"],
)
def test_every_scalar_stays_text(text: str) -> None:
    assert read(f"a: {text}") == {"a": text}
    assert read(f"{text}: a") == {text: "a"}


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_is_null_unless_quoted(text: str) -> None:
    assert read(f"a: {text}") == {"a": None}
    assert read(f"a: '{text}'") == {"a": text}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "\ufeff", "{}"])
def test_an_empty_file_has_no_keys(text: str) -> None:
    assert read(text) == {}


def test_places_are_the_lines_of_keys() -> None:
    tree = yamltext.read(b"\n\na:\n  b: >\n    text\n  c: [x,\n    y]\n", "c.yaml")
    below = tree.nodes["a"]
    assert isinstance(below, Entries)
    assert (below.place.source, below.place.line) == ("c.yaml", 3)
    assert below.nodes["b"].place.line == 4
    items = below.nodes["c"]
    assert isinstance(items, Items)
    assert [item.place.line for item in items.nodes] == [6, 7]


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert read("\ufeffa: ä") == {"a": "ä"}


def test_a_key_that_stands_twice() -> None:
    assert broken("a:\n  b: 1\n  c: 2\n  b: 3\n") == ["4: stands twice, first in line 2"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!python/object/apply:os.system [ls]", "1: tags"),
        ("a: !!python/name:os.system", "1: tags"),
        ("a: !!binary aGk=", "1: tags"),
        ("a: !canary x", "1: tags"),
        ("a: ! x", "1: tags"),
        ("a: &canary x", "1: anchors"),
        ("a: [1,\n &canary x]", "2: anchors"),
        ("a: *canary", "1: aliases"),
        ("a:\n  *canary : a", "2: aliases"),
        ('a: "\\ud800"', "1: the text holds half a character"),
        ("a:\n  ? [a]\n  : b", "2: a key must be plain text"),
        ("a:\n  ? {a: b}\n  : b", "2: a key must be plain text"),
        ("a:\n  ~: b", "2: a key must be plain text"),
    ],
)
def test_what_is_refused_in_place(text: str, problem: str) -> None:
    (found,) = broken(text)
    assert found.startswith(problem)
    assert "canary" not in found


def test_all_such_problems_are_found_at_once() -> None:
    text = "a: *x\nb: &y 1\nc: !z 2\nd: 1\nd: 2\n"
    assert [line.split(":")[0] for line in broken(text)] == ["1", "2", "3", "5"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("!!set {a, b}", "c.yaml:1: tags"),
        ("&canary {a: b}", "c.yaml:1: anchors"),
        ("a: b\n? [a]\n: b", "c.yaml:2: a key must be plain text"),
        ("[a, b]", "c.yaml:1: the file must hold keys"),
        ("hello", "c.yaml:1: the file must hold keys"),
        ("a: b\nc: [1,\n", "c.yaml:3: not YAML: "),
        ("a: b\n  c: d\n", "c.yaml:2: not YAML: mapping values are not allowed here"),
        ("a:\n\tb: c\n", r"c.yaml:2: not YAML: found character '\t' that cannot start any token"),
        ("a: @canary", "c.yaml:1: not YAML: found character '@' that cannot start any token"),
        ("a: !canary!x y", "c.yaml:1: not YAML: found undefined tag handle '…'"),
        ('a: "\\UFFFFFFFF"', "c.yaml: not YAML: an escape such as"),
        ("%YAML " + "9" * 5000 + ".1\n---\na: b\n", "c.yaml: not YAML: an escape such as"),
        ("a: b\n---\nc: d\n", "c.yaml:2: the file holds more than one document"),
        ("a: b\nc: \x07\n", "c.yaml:2: the file holds a control character"),
        (b"a: b\nc: \xff\n", "c.yaml:2: the file is not UTF-8 text"),
        ("a: b".encode("utf-16"), "c.yaml:1: the file is not UTF-8 text"),
        (b"#" * (yamltext.LARGEST + 1), "c.yaml: the file is larger than 1 MiB"),
        ("[" * 100 + "]" * 100, "c.yaml:1: the file is nested too deeply"),
        ("{a: " * 100 + "}" * 100, "c.yaml:1: the file is nested too deeply"),
    ],
)
def test_what_cannot_be_read_at_all(data: str | bytes, problem: str) -> None:
    found = refused(data)
    assert found.startswith(problem)
    assert "canary" not in found
    assert "\n" not in found


def test_an_alias_bomb_costs_nothing() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))
    start = time.monotonic()
    found = broken("l0: &l0 [x]\n" + levels)
    assert time.monotonic() - start < 2
    assert len(found) == 12


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "a: {", "!a ", "&a "])
def test_a_file_full_of_openings_is_refused_soon(opening: str) -> None:
    start = time.monotonic()
    with pytest.raises(ConfigError):
        yamltext.read((opening * yamltext.LARGEST)[: yamltext.LARGEST].encode(), "c.yaml")
    assert time.monotonic() - start < 5
