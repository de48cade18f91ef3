"""The SQLite file of the registry: its schema, how it is created, opened and checked.

Knows nothing of what the tables mean.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bridge.errors import StartError, StoreError
from bridge.store.data_dir import DataDirError, create_whole, is_full, start_errors, tighten
from bridge.store.database import META, Row, Transaction, new_meta, new_outbound_secret, newer

FILE_NAME = "registry.db"
SCHEMA_VERSION = 3

_CACHE = 256
"""KiB of the file that a connection keeps in memory."""

_BUSY_TIMEOUT = 5.0
"""Seconds to wait while another process writes."""

_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    # On a full disk SQLite says this as well, whenever it cannot make its shared memory.
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PROTOCOL,
}
"""What starting again may help against."""

_DISCOVERY = """
CREATE TABLE discovery (
    device TEXT PRIMARY KEY,
    published TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_LOGINS = """
CREATE TABLE logins (
    account TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    base TEXT NOT NULL,
    access TEXT NOT NULL,
    refresh TEXT NOT NULL,
    code TEXT NOT NULL,
    refused TEXT NOT NULL,
    refusals INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

_VISITORS = """
CREATE TABLE visitors (
    device TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    wake_period REAL
) STRICT, WITHOUT ROWID;
"""

_OPTIONS = """
CREATE TABLE options (
    device TEXT PRIMARY KEY,
    name TEXT,
    area TEXT,
    throttle REAL
) STRICT, WITHOUT ROWID;
"""

_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE grants (
    device TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    code TEXT NOT NULL,
    type TEXT NOT NULL,
    names TEXT NOT NULL,
    control INTEGER NOT NULL,
    user TEXT NOT NULL,
    granted_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE device_topics (
    device TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (device, topic)
) STRICT, WITHOUT ROWID;
CREATE TABLE used_proofs (
    signed BLOB PRIMARY KEY,
    body BLOB NOT NULL,
    expires REAL NOT NULL
) STRICT, WITHOUT ROWID;
{_DISCOVERY}{_LOGINS}{_VISITORS}{_OPTIONS}"""

_STEPS = {1: f"{_DISCOVERY}{_LOGINS}{_VISITORS}", 2: _OPTIONS}
"""Format → what makes the next one of it."""


class SqliteDatabase:
    """The registry of one bridge; any thread may use it, one at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._work = _Transaction(connection)

    @classmethod
    def open(cls, directory: Path, *, create: bool, writable: bool) -> SqliteDatabase:
        """Open the registry in `directory`, making it if `create` and it is not there.

        Raises `DataDirError` or `StartError`; nothing that is there is ever overwritten.
        """
        return cls(_open(directory, create=create, writable=writable))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Every row that a statement finds."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise _unusable(error) from error

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Do all that the body does, or nothing; on return it is on the disk if `durable`."""
        connection = self._connection
        try:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._work
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _unusable(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Let the body read the state of one moment."""
        try:
            self._connection.execute("BEGIN")
            try:
                yield self._work
            finally:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _unusable(error) from error

    def close(self) -> None:
        """Close the file."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise _unusable(error) from error


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        return self._connection.execute(sql, parameters).rowcount

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        self._connection.executemany(sql, rows)


def _open(directory: Path, *, create: bool, writable: bool) -> sqlite3.Connection:
    file = directory / FILE_NAME
    with start_errors(file), _sqlite_errors(file):
        if not file.exists():
            _make_sure_it_is_new(file)
            if not create:
                raise DataDirError(f"{file}: there is no registry yet; the first start makes it")
            create_whole(file, _build)
        if not os.access(file, os.R_OK | os.W_OK):
            raise DataDirError(f"{file}: not readable and writable for user {os.getuid()}")
        tighten(file)
        connection = _connect(file)
        try:
            version = _check(connection, file)
            if writable:
                _migrate(connection, version)
            else:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection


def _build(file: Path) -> None:
    with closing(_connect(file)) as connection:
        # A write-ahead log with synchronous=FULL is durable at COMMIT for one appended and flushed
        # write; a rollback journal needs synchronous=EXTRA and several times the writes. It also
        # lets other processes read while the bridge writes.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"{_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION};")
        connection.executemany(
            "INSERT INTO meta (key, value) VALUES (?, ?)",
            new_meta(),
        )


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=rw",  # never creates
        uri=True,
        timeout=_BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    # Deleted devices must not stay readable in free pages of the file.
    connection.execute("PRAGMA secure_delete = ON")
    # It is read at the start and hardly ever after, so little of it is kept in memory.
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    return connection


def _make_sure_it_is_new(file: Path) -> None:
    """A log without its registry would be replayed into a new one."""
    log = file.with_name(f"{file.name}-wal")
    if log.exists():
        raise DataDirError(f"{file}: the file is gone but {log.name} is there; restore a backup")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a registry of an earlier format to ours, all at once or not at all."""
    if version == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it since we looked.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for step in range(version, SCHEMA_VERSION):
            for statement in _STEPS[step].split(";"):
                connection.execute(statement)
        connection.execute(
            "INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)",
            ("outbound_secret", new_outbound_secret()),
        )
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check(connection: sqlite3.Connection, file: Path) -> int:
    """The format of the registry, which is whole."""
    version: int
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise DataDirError(f"{newer(file, version, SCHEMA_VERSION)}, or use another data_dir")
    if version not in {*_STEPS, SCHEMA_VERSION}:
        raise sqlite3.DatabaseError("not a registry of this bridge")
    (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if result != "ok":
        raise sqlite3.DatabaseError(" ".join(result.split()))
    if META - dict(connection.execute("SELECT key, value FROM meta")).keys():
        raise sqlite3.DatabaseError("its own id is missing")
    return version


def _unusable(error: sqlite3.Error) -> StoreError:
    return StoreError(f"the registry cannot be used: {error}")


@contextmanager
def _sqlite_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        text = f"{file}: cannot be opened: {error}"
        full = is_full(file.parent)
        if full:
            text += " (there is no space left on the disk)"
        code = error.sqlite_errorcode & 0xFF
        if code in _PASSING or (code == sqlite3.SQLITE_CANTOPEN and full):
            raise StartError(text) from error
        raise DataDirError(text) from error
    except sqlite3.DatabaseError as error:
        raise DataDirError(
            f"{file}: damaged ({error}); restore a backup or move it away, "
            "then every device owner must give consent again"
        ) from error
