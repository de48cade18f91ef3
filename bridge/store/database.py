"""What the registry needs of a database, and what all its databases have in common.

The statements are the same for all: `?` stands for a parameter.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Protocol

META = {"bridge_id", "callback_secret"}
"""What no registry is without."""

MOST_ROWS = 50
"""Rows of one statement."""

Row = tuple[Any, ...]


class Query(Protocol):
    """Finds rows, in a transaction or outside of one."""

    def __call__(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]: ...


class Transaction(Protocol):
    """What can be done while a transaction is open."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Every row that a statement finds."""

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Carry out a statement; how many rows it touched."""

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Carry out a statement for each of these parameters."""


class Database(Protocol):
    """An open registry. Serves one caller at a time; all methods raise `StoreError`."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Every row that a statement finds."""

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[Transaction]:
        """Do all that the body does, or nothing if it raises.

        On return it is on the disk; what is not `durable` gets there seconds later. Durable ones
        come one after the other, also those of other processes.
        """

    def snapshot(self) -> AbstractContextManager[Transaction]:
        """Let the body read the state of one moment."""

    def close(self) -> None:
        """End it; safe to call twice."""


def new_meta() -> list[tuple[str, str]]:
    """What is made once, with the registry: who we are, and the secrets in our addresses."""
    return [
        ("bridge_id", secrets.token_hex(4)),
        ("callback_secret", secrets.token_urlsafe(32)),
        ("outbound_secret", new_outbound_secret()),
    ]


def new_outbound_secret() -> str:
    """The part of the address that devices connect to; the first format had none."""
    return secrets.token_urlsafe(24)


def newer(place: object, version: int, known: int) -> str:
    """Why a registry of a later format is refused."""
    return (
        f"{place}: a newer version of the bridge wrote it (format {version}, this one knows "
        f"{known}); install that version"
    )


TABLES: dict[str, tuple[Sequence[str], int]] = {
    "meta": (("key", "value"), 1),
    "grants": (
        ("device", "host", "code", "type", "names", "control", '"user"', "granted_at"),
        1,
    ),
    "device_topics": (("device", "topic"), 2),
    "used_proofs": (("signed", "body", "expires"), 1),
    "discovery": (("device", "published"), 1),
    "logins": (
        ("account", "count", "base", "access", "refresh", "code", "refused", "refusals"),
        1,
    ),
    "visitors": (("device", "code", "name", "wake_period"), 1),
    "options": (("device", "name", "area", "throttle"), 1),
}
"""What every registry holds: for each table its columns, the first so many of which are its key.

`user` is a word of PostgreSQL's own.
"""


@lru_cache
def put(table: str, rows: int = 1) -> str:
    """The statement that puts rows in the place of those with their keys, each key once."""
    columns, keys = TABLES[table]
    new = ", ".join(f"{name} = excluded.{name}" for name in columns[keys:])
    then = f"UPDATE SET {new}" if new else "NOTHING"
    values = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    into = f"{table} ({', '.join(columns)}) VALUES {values}"
    return f"INSERT INTO {into} ON CONFLICT ({', '.join(columns[:keys])}) DO {then}"


def put_all(work: Transaction, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Put many rows, each key once, by few statements: each costs a journey to the server."""
    for first in range(0, len(rows), MOST_ROWS):
        some = rows[first : first + MOST_ROWS]
        work.execute(put(table, len(some)), [value for row in some for value in row])
