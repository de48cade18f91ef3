"""Configuration by environment variables: `SHELLY_BRIDGE_MQTT__HOST` is `mqtt.host`.

Two underscores lead one level down, a list is separated by commas, an empty variable counts as
not set. The names come from the schema; values are read later, like those of a file.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.config.keys import Child, Leaf, ListKey, Section, Table
from bridge.config.schema import SCHEMA, leaves
from bridge.config.tree import Entries, Items, Place, Scalar, did_you_mean, graft, label
from bridge.config.values import has_controls
from bridge.errors import Problem

PREFIX = "SHELLY_BRIDGE_"
CONFIG = f"{PREFIX}CONFIG"
"""Names the configuration file; not a key."""

_Target = tuple[tuple[str, ...], Leaf]


def variable(key: str) -> str:
    """The name of the variable for a dotted key."""
    return PREFIX + key.replace(".", "__").upper()


def overlay(root: Entries, environ: Mapping[str, str]) -> list[Problem]:
    """Lay what the environment says over the tree; returns what is wrong with its variables."""
    problems = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == CONFIG:
            continue
        target = _target(name.removeprefix(PREFIX).split("__"), SCHEMA)
        if target is None:
            hint = did_you_mean(name, _known())
            problems.append(Problem(label(name), None, "", f"unknown variable{hint}"))
        elif has_controls(environ[name]):
            text = "must be one line of UTF-8 text without control characters"
            problems.append(Problem(name, None, ".".join(target[0]), text))
        elif environ[name]:
            path, leaf = target
            graft(root, path, _node(environ[name], leaf, Place(name)))
    return problems


def _node(text: str, leaf: Leaf, place: Place) -> Scalar | Items:
    if isinstance(leaf, ListKey):
        return Items(tuple(Scalar(item.strip(), place) for item in text.split(",")), place)
    return Scalar(text, place)


def _target(parts: list[str], section: Section) -> _Target | None:
    """The key that a variable's parts lead to."""
    for child in section.children:
        for name in child.names:
            if name.upper() == parts[0]:
                return _below(parts[1:], name, child)
    return None


def _below(parts: list[str], name: str, child: Child) -> _Target | None:
    path: tuple[str, ...] = (name,)
    if isinstance(child, Table) and parts:
        # Variables are upper case by habit, device ids are not, except for those with an X.
        path += (parts[0] if parts[0].startswith("X") else parts[0].lower(),)
        parts, child = parts[1:], child.row
    if isinstance(child, Section) and parts:
        target = _target(parts, child)
        return target and (path + target[0], target[1])
    if isinstance(child, Section | Table) or parts:
        return None
    return path, child


def _known() -> list[str]:
    known = []
    for key, leaf in leaves():
        above = key.removesuffix(leaf.name)
        known += [variable(above + name) for name in leaf.names]
    return known
