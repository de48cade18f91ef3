"""The configuration as written: a tree of text that remembers where each piece stands.

Both ways to configure (file and environment) end in such a tree; the schema decides later what
the text means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_BEFORE_VALUE = re.compile(r"[:=\s]")
_LONGEST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: a file and its line, or the name of a variable."""

    source: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value; None when it is null. Not shown in `repr`, since it may be a secret."""

    text: str | None = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entries:
    """Keys and what belongs to them; the node of a key has the place of the key."""

    nodes: dict[str, Node]
    place: Place


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that must not stand there; `text` says why and holds nothing of it."""

    text: str
    place: Place


Node = Scalar | Items | Entries | Broken


_KEY_FORM = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def is_absent(node: Node | None) -> bool:
    """Whether nothing, or null, was written."""
    return node is None or (isinstance(node, Scalar) and node.text is None)


def dotted(prefix: str, name: str) -> str:
    """The full name of a key below another one."""
    return f"{prefix}.{name}" if prefix else name


def label(name: str) -> str:
    """A key as it may be shown: short, in one line, and cut where a value may have slipped in.

    `password:abc` (the space is missing) is one key for YAML, and holds the password.
    """
    shown = _BEFORE_VALUE.split(name, maxsplit=1)[0][:_LONGEST_LABEL]
    return ascii(shown)[1:-1] + ("" if shown == name else "…")


def is_key_like(name: str) -> bool:
    """Whether a name has the form of a key; a secret on a line of its own seldom has."""
    return _KEY_FORM.fullmatch(name) is not None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an "unknown" message: the most similar known name, or nothing."""
    # Imported here since it is needed only for mistakes.
    from difflib import get_close_matches

    spelled = {word.lower(): word for word in known}
    found = get_close_matches(name.lower(), spelled, n=1, cutoff=0.7)
    return f"; did you mean {spelled[found[0]]}?" if found else ""


def named(items: Items) -> Entries:
    """A list of entries that each have a `name`, as entries by their names.

    What has none is `Broken`, below its number in the list.
    """
    nodes: dict[str, Node] = {}
    for number, item in enumerate(items.nodes, 1):
        name = item.nodes.get("name") if isinstance(item, Entries) else None
        if isinstance(item, Broken):
            nodes[f"{number}"] = item
        elif not isinstance(item, Entries) or not isinstance(name, Scalar) or name.text is None:
            nodes[f"{number}"] = Broken("needs a name: `- name: home`", item.place)
        elif name.text in nodes:
            nodes[f"{number}"] = Broken("has the name of another one", name.place)
        else:
            rest = {key: node for key, node in item.nodes.items() if key != "name"}
            nodes[name.text] = Entries(rest, name.place)
    return Entries(nodes, items.place)


def graft(root: Entries, path: tuple[str, ...], node: Scalar | Items) -> None:
    """Put `node` at `path` below `root`, over what is there.

    Where the way leads through something that holds no keys, the tree stays as it is: that
    mistake is reported when the tree is read.
    """
    for name in path[:-1]:
        below = root.nodes.get(name)
        if below is None or is_absent(below):
            below = root.nodes[name] = Entries({}, root.place)
        if not isinstance(below, Entries):
            return
        root = below
    root.nodes[path[-1]] = node
