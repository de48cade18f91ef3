"""The commented configuration file, written from the schema.

`config.example.yaml` is `render()`; with values it is a file for somebody to start from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from bridge.config.keys import Child, Key, Leaf, ListKey, PathKey, SecretKey, Section, Table
from bridge.config.schema import SCHEMA, leaves
from bridge.config.tree import did_you_mean, dotted, label
from bridge.errors import ConfigError, Problem

_HEAD = """\
# Configuration of shelly-bridge: every key, with its default and what it does.
# Needed are mqtt.host and one source; all the rest may be left out.
#
# A # in front of a key: what it shows is the default; take the # away to change it.
# Durations are seconds. Every secret can stand in a file of its own (<key>_file). In paths,
# ${NAME} stands for an environment variable. Every key can also come from the environment:
# mqtt.host is SHELLY_BRIDGE_MQTT__HOST. "shelly-bridge check" finds mistakes.
"""

_COMMENT_AT = 42
_PLAIN = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./@+-]|:(?=[A-Za-z0-9_./@+-]))*", re.ASCII)


def render(values: Mapping[str, str] | None = None) -> str:
    """A configuration file as text, with `values` (dotted key: text, lists with commas) filled in.

    The values are not checked; loading the file does that. Raises `ConfigError` for unknown keys.
    """
    given = dict(values or {})
    known = _known(given)
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ConfigError(
            [
                Problem(label(key), None, "", f"unknown key{did_you_mean(key, known)}")
                for key in unknown
            ]
        )
    return _HEAD + "".join(line + "\n" for line in _lines(SCHEMA, given, ""))


def _known(given: Mapping[str, str]) -> list[str]:
    """Every key that there may be: in a list of rows those of the rows that are given."""
    found = list(leaves())
    for child in SCHEMA.children:
        if isinstance(child, Table) and child.listed:
            for name in _rows(child, given):
                found += leaves(child.row, f"{child.name}.{name}.")
    return [key.removesuffix(leaf.name) + name for key, leaf in found for name in leaf.names]


def _rows(table: Table, given: Mapping[str, str]) -> list[str]:
    """The names of a table's rows that values are given for."""
    parts = [key.split(".") for key in given if key.startswith(f"{table.name}.")]
    return list(dict.fromkeys(part[1] for part in parts if len(part) > 2))


def _lines(section: Section, given: Mapping[str, str], prefix: str) -> Iterator[str]:
    for child in section.children:
        yield from _child(child, given, dotted(prefix, child.name))


def _child(child: Child, given: Mapping[str, str], key: str) -> Iterator[str]:
    depth = key.count(".")
    indent = "  " * depth
    if isinstance(child, Section | Table):
        if depth == 0:
            yield ""
        yield f"{indent}# {child.help}"
    if isinstance(child, Section):
        mark = "# " if _is_left_out(child, given) else ""
        yield f"{mark}{indent}{child.name}:"
        yield from (mark + line for line in _lines(child, given, key))
    elif isinstance(child, Table):
        yield from _table(child, given)
    else:
        if depth == 0:
            yield ""
        above = key.removesuffix(child.name)
        for name in child.names:
            written = _written(child, name, given.get(above + name), given, above)
            yield _commented(f"{indent}{written}", _help(child, name))


def _table(child: Table, given: Mapping[str, str]) -> Iterator[str]:
    rows = _rows(child, given) if child.listed else []
    mark = "" if rows else "# "
    yield f"{mark}{child.name}:"
    for name in rows or [child.example]:
        if child.listed:
            yield _commented(f"{mark}  - name: {name}", "yours to choose; stands in topics")
        else:
            yield f"{mark}  {name}:"
        for leaf in child.row.children:
            if isinstance(leaf, Key | ListKey | PathKey | SecretKey):
                yield from _row_lines(leaf, given, f"{child.name}.{name}.", mark)


def _row_lines(leaf: Leaf, given: Mapping[str, str], above: str, mark: str) -> Iterator[str]:
    """A leaf of a row: as an example everything, else what is given."""
    for name in leaf.names:
        value = given.get(above + name)
        if mark or value is not None:
            written = _written(leaf, name, value, given, above).removeprefix("# ")
            yield _commented(f"{mark}    {written}", _help(leaf, name))


def _is_left_out(section: Section, given: Mapping[str, str]) -> bool:
    """Whether a section that need not be there is not wanted, as there is another source."""
    local = given.get("outbound.enabled", "").lower() in ("true", "yes", "on")
    others = local or any(key.startswith("accounts.") for key in given)
    if not section.optional or not others:
        return False
    return not any(key.startswith(f"{section.name}.") for key in given)


def _written(
    child: Leaf, name: str, value: str | None, given: Mapping[str, str], above: str
) -> str:
    """The line of one key; behind a # where nothing stands but the default null."""
    if isinstance(child, ListKey):
        items = child.default if value is None else [item for item in value.split(",") if item]
        return f"{name}: [{', '.join(_plain(item.strip()) for item in items)}]"
    if value is not None:
        return f"{name}: {_plain(value)}"
    if isinstance(child, SecretKey):
        elsewhere = any(above + other in given for other in child.names)
        if child.required and name == child.name and not elsewhere:
            return f"{name}: {_plain(child.shown)}"
        return f"# {name}: null"
    if isinstance(child, Key) and child.default is not None:
        return f"{name}: {_plain(child.default)}"
    if isinstance(child, Key) and child.required:
        return f"{name}: {_plain(child.shown)}"
    return f"# {name}: {_plain(child.shown)}"


def _help(child: Leaf, name: str) -> str:
    if isinstance(child, SecretKey) and child.inline and name != child.name:
        return "or a file with it"
    return child.help


def _commented(line: str, text: str) -> str:
    return f"{line:<{_COMMENT_AT}}# {text}" if len(line) < _COMMENT_AT else f"{line}  # {text}"


def _plain(text: str | None) -> str:
    """A text as YAML, quoted where it would be read as something else."""
    if text is None:
        return "null"
    if _PLAIN.fullmatch(text) and text.lower() != "null":
        return text
    return json.dumps(text, ensure_ascii=False)
