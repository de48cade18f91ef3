"""YAML text to a tree, without YAML's own ideas of what a text means.

Every scalar stays text (`012345`, `12:34:56` and `NO` are not touched), tags and aliases are
refused, a key stands only once, and size and depth are bounded. Knows no key's meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from bridge.config.tree import Broken, Entries, Items, Node, Place, Scalar, is_absent
from bridge.errors import ConfigError, Problem

LARGEST = 1 << 20
"""Bytes of a configuration file."""

_DEEPEST = 16
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_SURROGATE = re.compile("[\ud800-\udfff]")
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")


def read(data: bytes, source: str) -> Entries:
    """The tree of a YAML document, with `Broken` nodes where something must not stand.

    `source` is named in the problems. Raises `ConfigError` when nothing can be read at all.
    """
    place = Place(source)
    if len(data) > LARGEST:
        raise _refused(place, "the file is larger than 1 MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(Place(source, line), "the file is not UTF-8 text") from None
    try:
        return _Builder(text, source).document()
    except yaml.MarkedYAMLError as error:
        at = Place(source, error.problem_mark.line + 1 if error.problem_mark else None)
        # PyYAML's error holds a piece of the file, and that may be a secret: "from None".
        raise _refused(at, f"not YAML: {_harmless(error.problem or '')}") from None
    except yaml.reader.ReaderError as error:
        at = Place(source, text.count("\n", 0, int(error.position)) + 1)
        raise _refused(at, "the file holds a control character") from None
    except (ValueError, OverflowError):
        raise _refused(place, r"not YAML: an escape such as \U or a directive is wrong") from None


def _refused(place: Place, text: str) -> ConfigError:
    return ConfigError([Problem(place.source, place.line, "", text)])


def _harmless(problem: str) -> str:
    """PyYAML's words without those it quotes from the file, except single characters."""

    def kept(match: re.Match[str]) -> str:
        quoted = match[1] or match[2] or ""
        return match[0] if len(quoted) <= 2 or quoted.startswith("<") else "'…'"

    return _QUOTED.sub(kept, problem)


class _Builder:
    """Builds the tree from the parser's events, which come one by one and bounded in depth."""

    def __init__(self, text: str, source: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.BaseLoader)
        self._source = source

    def document(self) -> Entries:
        whole = Place(self._source)
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Entries({}, whole)
        root = self._node(next(self._events), 0)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _refused(self._place(after), "the file holds more than one document (---)")
        if isinstance(root, Broken):
            raise _refused(root.place, root.text)
        if is_absent(root):
            return Entries({}, whole)
        if not isinstance(root, Entries):
            raise _refused(root.place, "the file must hold keys, such as `mqtt:`")
        return Entries(root.nodes, whole)

    def _node(self, event: yaml.Event, depth: int, key: Place | None = None) -> Node:
        place = key or self._place(event)
        if depth > _DEEPEST:
            raise _refused(place, "the file is nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            return Broken("aliases (*name) are not supported; quote the *", place)
        node = self._content(event, depth, place)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            return Broken("anchors (&name) are not supported; quote the &", place)
        if getattr(event, "tag", None) is not None:
            return Broken("tags (!name) are not supported; quote the !", place)
        return node

    def _content(self, event: yaml.Event, depth: int, place: Place) -> Node:
        match event:
            case yaml.MappingStartEvent():
                return self._entries(depth, place)
            case yaml.SequenceStartEvent():
                return Items(tuple(self._items(depth)), place)
            case yaml.ScalarEvent():
                return self._scalar(event, place)
        raise TypeError(f"the parser gave {type(event).__name__} where a node begins")

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Node:
        if event.implicit[0] and event.value in _NULL:
            return Scalar(None, place)
        if _SURROGATE.search(event.value):
            return Broken("the text holds half a character (surrogate)", place)
        return Scalar(event.value, place)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int, place: Place) -> Node:
        nodes: dict[str, Node] = {}
        broken: Broken | None = None
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            node = self._node(next(self._events), depth + 1, key.place)
            if isinstance(key, Broken):
                broken = key
            elif not isinstance(key, Scalar) or key.text is None:
                broken = Broken("a key must be plain text", key.place)
            elif key.text in nodes:
                first = nodes[key.text].place.line
                nodes[key.text] = Broken(f"stands twice, first in line {first}", key.place)
            else:
                nodes[key.text] = node
        return broken or Entries(nodes, place)

    def _place(self, event: yaml.Event) -> Place:
        return Place(self._source, event.start_mark.line + 1 if event.start_mark else None)
