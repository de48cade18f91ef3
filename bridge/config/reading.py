"""A tree read by the schema: every key's value, and every problem on the way.

What concerns a single key ends here; what concerns several keys together is in `rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bridge.config import files
from bridge.config.keys import Child, Key, ListKey, PathKey, SecretKey, Section, Table
from bridge.config.secret import Secret
from bridge.config.tree import (
    Broken,
    Entries,
    Items,
    Node,
    Place,
    Scalar,
    did_you_mean,
    dotted,
    is_absent,
    is_key_like,
    label,
)
from bridge.config.values import Reader, Wrong
from bridge.errors import Problem

_SINGLE = "must be a single value, neither a list nor keys"


class Reading:
    """What was found: `values` by dotted key, without those that are wrong.

    An optional section that is not there, and a table, have an entry of their own: None, and the
    tuple of the table's keys. `base` is where relative paths of a file begin.
    """

    def __init__(self, source: str, base: Path, environ: Mapping[str, str]) -> None:
        self.values: dict[str, object] = {}
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.inline_secrets: list[str] = []
        """The keys of secrets that stand in the file itself."""
        self._source = source
        self._base = base
        self._environ = environ
        self._places: dict[str, Place] = {}

    def place(self, key: str) -> Place:
        """Where a key stands, or the nearest one above it."""
        while key and key not in self._places:
            key = key.rpartition(".")[0]
        return self._places.get(key, Place(self._source))

    def complain(self, key: str, text: str, place: Place | None = None) -> None:
        """Report a problem of a key."""
        at = place or self.place(key)
        self.problems.append(Problem(at.source, at.line, key, text))

    def section(self, section: Section, entries: Entries, prefix: str = "") -> None:
        """Read everything below a key."""
        known = [name for child in section.children for name in child.names]
        for name, node in entries.nodes.items():
            if name in known:
                self._places[dotted(prefix, name)] = node.place
            else:
                shown = label(name)
                hint = did_you_mean(shown, known)
                if not hint and not is_key_like(shown):
                    shown = "…"
                self.complain(dotted(prefix, shown), f"unknown key{hint}", node.place)
        for child in section.children:
            self._child(child, entries, prefix)

    def _child(self, child: Child, entries: Entries, prefix: str) -> None:
        key = dotted(prefix, child.name)
        if isinstance(child, SecretKey):
            self._secret(child, entries, prefix)
            return
        node = entries.nodes.get(child.name)
        if isinstance(node, Broken):
            self.complain(key, node.text)
            return
        match child:
            case Section():
                self._subsection(child, node, key)
            case Table():
                self._table(child, node, key)
            case ListKey():
                self._list(child, node, key)
            case PathKey():
                self._path(child, node, key)
            case Key():
                self._scalar(child, node, key)

    def _subsection(self, section: Section, node: Node | None, key: str) -> None:
        if is_absent(node) and section.optional:
            self.values[key] = None
        elif is_absent(node):
            self.section(section, Entries({}, self.place(key)), key)
        elif isinstance(node, Entries):
            self.section(section, node, key)
        else:
            self.complain(key, "must hold keys, each in its own line and indented")

    def _table(self, table: Table, node: Node | None, key: str) -> None:
        names = []
        if isinstance(node, Entries):
            for written, below in node.nodes.items():
                try:
                    name = table.read_name(written)
                except Wrong as error:
                    self.complain(dotted(key, label(written)), str(error), below.place)
                    continue
                names.append(name)
                row = dotted(key, name)
                self._places[row] = below.place
                if isinstance(below, Broken):
                    self.complain(row, below.text)
                else:
                    self._subsection(table.row, below, row)
        elif not is_absent(node):
            wanted = "be a list, each entry beginning with `- name:`"
            keys = f"hold keys, such as {table.example!r}"
            self.complain(key, f"must {wanted if table.listed else keys}")
        self.values[key] = tuple(names)

    def _scalar(self, child: Key, node: Node | None, key: str) -> None:
        if node is not None and not isinstance(node, Scalar):
            self.complain(key, _SINGLE)
            return
        text = child.default if node is None else node.text
        if text is not None:
            self._read(child.read, text, key)
        elif child.required:
            self.complain(key, "is missing")
        elif child.default is not None:
            self.complain(key, f"needs a value; without this line it is {child.default}")
        else:
            self.values[key] = None

    def _read(self, read: Reader, text: str, key: str) -> None:
        try:
            self.values[key] = read(text)
        except Wrong as error:
            self.complain(key, str(error))

    def _list(self, child: ListKey, node: Node | None, key: str) -> None:
        nodes: tuple[Node, ...]
        if node is None:
            nodes = tuple(Scalar(text, self.place(key)) for text in child.default)
        elif isinstance(node, Items):
            nodes = node.nodes
        elif is_absent(node):
            nodes = ()
        else:
            self.complain(key, "must be a list, such as [one, two]")
            return
        items = []
        for item in nodes:
            if isinstance(item, Scalar) and item.text is not None:
                try:
                    items.append(child.read(item.text))
                except Wrong as error:
                    self.complain(key, str(error), item.place)
            else:
                single = "must be a list of single values"
                self.complain(key, item.text if isinstance(item, Broken) else single, item.place)
        if len(items) == len(nodes):
            self.values[key] = tuple(items)

    def _path(self, child: PathKey, node: Node | None, key: str) -> None:
        if node is not None and not isinstance(node, Scalar):
            self.complain(key, _SINGLE)
            return
        if node is None or node.text is None:
            self.values[key] = None
            return
        try:
            path = self._expand(node.text, key)
            if child.check:
                child.check(path)
            if child.private and files.is_public(path):
                self._warn_public(key, path)
        except Wrong as error:
            self.complain(key, str(error))
        else:
            self.values[key] = path

    def _secret(self, child: SecretKey, entries: Entries, prefix: str) -> None:
        key = dotted(prefix, child.name)
        given = [name for name in child.names if not is_absent(entries.nodes.get(name))]
        if len(given) > 1:
            self.complain(key, f"give only one of {' and '.join(given)}")
        elif given:
            self._given_secret(child, key, dotted(prefix, given[0]), entries.nodes[given[0]])
        elif child.required:
            self.complain(prefix, f"{' or '.join(child.names)} is missing")
        else:
            self.values[key] = None

    def _given_secret(self, child: SecretKey, key: str, written: str, node: Node) -> None:
        if isinstance(node, Scalar) and node.text is not None:
            try:
                secret = self._open_secret(node.text, written, from_file=written != key)
                if child.check is not None:
                    child.check(secret.reveal())
                self.values[key] = secret
            except Wrong as error:
                self.complain(written, str(error))
        else:
            self.complain(written, node.text if isinstance(node, Broken) else _SINGLE)

    def _open_secret(self, text: str, key: str, *, from_file: bool) -> Secret:
        if not from_file:
            if self.place(key).source == self._source:
                self.inline_secrets.append(key)
            return files.secret(text)
        path = self._expand(text, key)
        secret, public = files.read_secret(path)
        if public:
            self._warn_public(key, path)
        return secret

    def _expand(self, text: str, key: str) -> Path:
        """Paths of a file begin at the file, those of a variable where the program was started."""
        written_in_file = self.place(key).source == self._source
        base = self._base if written_in_file else Path.cwd()
        return files.expand(text, self._environ, base)

    def _warn_public(self, key: str, path: Path) -> None:
        self.warnings.append(
            f"{key}: everybody on this machine can read {path}; run: chmod 600 {path}"
        )
