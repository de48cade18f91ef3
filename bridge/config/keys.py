"""What a table of configuration keys is made of: keys, sections of them, and tables of sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.config.files import FileCheck
from bridge.config.values import Reader


@dataclass(frozen=True, slots=True)
class _Named:
    name: str

    @property
    def names(self) -> tuple[str, ...]:
        """The keys as they are written."""
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Key(_Named):
    """A key with one value; a default of None means that the key may be null.

    `shown` is what the example shows: of a needed key a value to replace, of another one the
    default where it depends on something else.
    """

    read: Reader
    default: str | None
    help: str
    required: bool = False
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class ListKey(_Named):
    """A key with a list; `read` reads one item."""

    read: Reader
    default: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class PathKey(_Named):
    """A key with a path; `check` looks at the file, `private` says that nobody else may read it."""

    check: FileCheck | None
    help: str
    private: bool = False
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class SecretKey(_Named):
    """A secret: `<name>` and `<name>_file`, or with `inline` off only the latter."""

    help: str
    required: bool = False
    inline: bool = True
    shown: str | None = None
    check: Callable[[str], object] | None = None
    """Raises `Wrong` for a text that cannot be this secret."""

    @property
    def file_name(self) -> str:
        """The key that names a file with the secret."""
        return f"{self.name}_file"

    @property
    def names(self) -> tuple[str, ...]:
        """The keys as they are written."""
        return (self.name, self.file_name) if self.inline else (self.file_name,)


Leaf = Key | ListKey | PathKey | SecretKey


@dataclass(frozen=True, slots=True)
class Section(_Named):
    """Keys below a key; `build` makes the value of them.

    One that is `optional` is None when it is not written, one with `wanted_by` when none of these
    keys of it has a value.
    """

    build: Callable[..., object]
    help: str
    children: tuple[Leaf | Section | Table, ...]
    optional: bool = False
    wanted_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table(_Named):
    """A key below which the user chooses the keys (`read_name` reads one); each has a `row`.

    One that is `listed` is written as a list, and each row has its key as `name`.
    """

    read_name: Callable[[str], str]
    row: Section
    help: str
    example: str
    """A key to show."""
    listed: bool = False


Child = Leaf | Section | Table
