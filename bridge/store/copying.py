"""Moves a registry from one database to another, be they of the same kind or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import StartError
from bridge.store.data_dir import DirectoryLock, prepare
from bridge.store.database import TABLES, Database, Row, Transaction, put
from bridge.store.journal import SharedJournal
from bridge.store.sqlite import FILE_NAME, SqliteDatabase

_PAGE = 1_000
"""Rows in memory at a time."""
_LIMIT = 60.0
"""Seconds that one statement may take: there may be millions of rows."""


Place = Path | str
"""A data directory, the file in it, or the address of PostgreSQL."""


def copy(source: Place, target: Place, *, replace: bool) -> dict[str, int]:
    """Copy all of `source`, at one moment, into `target`: all or nothing; the rows of each table.

    A target that is not there is made; one with anything in it is refused unless `replace`. So is
    a registry that a bridge uses: as a source if it is a directory, as a target always. Raises
    `DataDirError`, `StartError` and `StoreError`.
    """
    with (
        _opened(source, target=False) as taken,
        _opened(target, target=True) as given,
        taken.snapshot() as read,
        given.transaction() as write,
    ):
        if not replace:
            _make_sure_it_is_empty(write)
        found = {table: _copy_table(table, read, write) for table in TABLES}
        if isinstance(target, str):
            SharedJournal().restart(write)
        if isinstance(target, str) and isinstance(source, str):
            SharedJournal().take_over(write, read)
    return found


@contextmanager
def _opened(place: Place, *, target: bool) -> Iterator[Database]:
    if isinstance(place, str):
        from bridge.store.postgres import PostgresDatabase

        shared = PostgresDatabase.connect(place, create=target, alone=target, limit=_LIMIT)
        try:
            yield shared
        finally:
            shared.close()
        return
    directory = place.parent if place.name == FILE_NAME else place
    if target:
        prepare(directory)
    elif not (directory / FILE_NAME).exists():
        raise StartError(f"{directory / FILE_NAME}: there is no registry")
    lock = DirectoryLock(directory)
    try:
        database = SqliteDatabase.open(directory, create=target, writable=True)
        try:
            yield database
        finally:
            database.close()
    finally:
        lock.release()


def _make_sure_it_is_empty(work: Transaction) -> None:
    for table in TABLES:
        # Who it is was made with it.
        if table != "meta" and work.query(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608 - our name
            raise StartError("the target holds a registry already; --replace would delete it")


def _copy_table(table: str, read: Transaction, write: Transaction) -> int:
    write.execute(f"DELETE FROM {table}")  # noqa: S608 - our name
    statement = put(table)
    count = 0
    for page in _pages(table, read):
        write.executemany(statement, page)
        count += len(page)
    return count


def _pages(table: str, read: Transaction) -> Iterator[Sequence[Row]]:
    columns, keys = TABLES[table]
    key = ", ".join(columns[:keys])
    select = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - our names
    rest = f"ORDER BY {key} LIMIT {_PAGE}"
    page = read.query(f"{select} {rest}")
    while page:
        yield page
        after = f"WHERE ({key}) > ({', '.join('?' * keys)})"
        page = read.query(f"{select} {after} {rest}", page[-1][:keys])
