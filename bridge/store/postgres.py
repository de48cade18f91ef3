"""The registry in PostgreSQL: one connection, opened anew when it is lost, and limits on all waits.

Needs the extra `cluster`; imported only where it is wanted. What is raised never shows the
address, the password or a value.
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from bridge.errors import StartError, StoreError
from bridge.store.data_dir import DataDirError
from bridge.store.database import Row, Transaction

try:
    import psycopg
    from psycopg import conninfo
    from psycopg.abc import PQGen
    from psycopg.pq import TransactionStatus
    from psycopg.rows import TupleRow
    from psycopg.waiting import Ready, Wait
except ImportError as missing:
    raise DataDirError(
        "the shared registry needs the Python library psycopg and PostgreSQL's libpq: "
        "pip install 'shelly-mqtt-bridge[cluster]', and the package libpq5 or "
        "'psycopg[binary]'"
    ) from missing

from bridge.store.postgres_schema import SCHEMA, prepare_schema

_LIMIT = 5.0
"""Seconds that a statement, or the way to the server, may take."""

_GRACE = 1.0
"""Seconds after which a server that does not keep its own limit is given up."""

_WRITING = 0x5368656C6C790002
"""Key of the advisory lock that puts durable transactions in order."""
_IN_USE = 0x5368656C6C790003
"""Key of the one that every open registry shares, so that nobody replaces it meanwhile."""

_CLIENT = {
    "connect_timeout": int(_LIMIT),
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": int(_LIMIT * 1000),
    "application_name": "shelly-bridge",
    # A replica that serves readers takes no consent.
    "target_session_attrs": "read-write",
}
"""What the address need not say, and may say otherwise."""

_TELLING = ("08", "25", "42", "53", "55", "57", "58")
"""Classes of SQLSTATE whose texts name no values: connection, state, names, resources, operator."""

_IDLE = TransactionStatus.IDLE

_T = TypeVar("_T")


def parameters(address: str) -> dict[str, Any]:
    """The parameters of a connection to `postgresql://…`, with our limits; `DataDirError`."""
    try:
        given = conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        given = {}
    if not given or not address.startswith(("postgresql://", "postgres://")):
        raise DataDirError(
            "the address of the shared registry is not like postgresql://user@host/database"
        )
    return {**_CLIENT, **given, "client_encoding": "utf8"}


def trouble(error: psycopg.Error, given: dict[str, Any] | None = None) -> str:
    """What went wrong, without a value, an address or a secret of what was `given`."""
    if isinstance(error, _Late):
        return "PostgreSQL does not answer in time"
    primary = error.diag.message_primary
    if error.sqlstate and primary and error.sqlstate.startswith(_TELLING):
        return f"PostgreSQL: {_first_line(primary, given)}"
    if error.sqlstate:
        return f"PostgreSQL: {type(error).__name__} ({error.sqlstate})"
    if isinstance(error, psycopg.OperationalError) and given is not None:
        # "connection to server at …, port … failed: FATAL:  …", once for each address.
        reason = re.sub(r"^FATAL:\s*", "", str(error).rpartition("failed: ")[2])
        return f"PostgreSQL cannot be reached: {_first_line(reason, given)}"
    if isinstance(error, psycopg.OperationalError):
        return "the connection to PostgreSQL was lost"
    return f"PostgreSQL: {type(error).__name__}"


def _first_line(text: str, given: dict[str, Any] | None) -> str:
    line = text.strip().partition("\n")[0]
    hidden = (str((given or {}).get(key) or "") for key in ("password", "host", "hostaddr"))
    for value in sorted({part for each in hidden for part in each.split(",") if part}, key=len):
        line = line.replace(value, "***")
    return line[:200]


class _Late(psycopg.OperationalError):
    """Nothing came in time, although the connection may stand."""


class _Connection(psycopg.Connection[TupleRow]):
    """Gives up waiting for a server that is frozen: its own limits are frozen with it."""

    limit: float = _LIMIT + _GRACE

    def wait(
        self,
        gen: PQGen[_T],
        interval: float = 0.0,  # noqa: ARG002 - the library's
        timeout: float | None = None,
    ) -> _T:
        """Carry out a piece of work of the library, which says what it waits for."""
        end = time.monotonic() + (self.limit if timeout is None else min(timeout, self.limit))
        poll = select.poll()
        try:
            wanted = next(gen)
            while True:
                events = (select.POLLIN if wanted & Wait.R else 0) | (
                    select.POLLOUT if wanted & Wait.W else 0
                )
                poll.register(self.pgconn.socket, events)
                found = poll.poll(max(0.0, end - time.monotonic()) * 1000)
                if not found:
                    raise _Late("no answer in time")
                ready = 0
                if found[0][1] & ~select.POLLOUT:
                    ready |= Ready.R
                if found[0][1] & ~select.POLLIN:
                    ready |= Ready.W
                wanted = gen.send(Ready(ready & wanted or wanted))
        except StopIteration as done:
            result: _T = done.value
            return result


class PostgresDatabase:
    """The registry of several bridges; any thread may use it, one at a time."""

    def __init__(self, given: dict[str, Any], limit: float) -> None:
        self._given = given
        self._limit = limit
        self._connection: _Connection | None = None
        self._closed = False

    @classmethod
    def connect(
        cls, address: str, *, create: bool, alone: bool = False, limit: float = _LIMIT
    ) -> PostgresDatabase:
        """Connect to `postgresql://…`, making the registry if `create` and it is not there.

        `alone`: nobody else may use it meanwhile. A statement may take `limit` s. Raises
        `DataDirError` or `StartError`.
        """
        database = cls(parameters(address), limit)
        try:
            with _start_errors(database._given):
                connection = database._connected()
                _check_encoding(connection)
                prepare_schema(connection, create=create)
                if alone:
                    _be_alone(connection)
        except BaseException:
            database.close()
            raise
        return database

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Every row that a statement finds."""
        with self._store_errors():
            return self._first(lambda connection: _Transaction(connection).query(sql, parameters))

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Do all that the body does, or nothing; on return the server has it on its disk."""
        begin = (
            f"BEGIN; SELECT pg_advisory_xact_lock({_WRITING})"
            if durable
            else "BEGIN; SET LOCAL synchronous_commit = off"
        )
        with self._begun(begin) as connection:
            yield _Transaction(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Let the body read the state of one moment."""
        with self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection:
            yield _Transaction(connection)

    def close(self) -> None:
        """End the connection; safe to call twice."""
        self._closed = True
        self._drop()

    @contextmanager
    def _begun(self, begin: str) -> Iterator[_Connection]:
        with self._store_errors():
            connection = self._first(lambda connection: _begin(connection, begin))
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if not connection.closed and not isinstance(error, _Late):
                    connection.execute("ROLLBACK")
                raise

    def _first(self, work: Callable[[_Connection], _T]) -> _T:
        """Do the first that is done in a row: a connection that was lost is opened anew, once."""
        if self._closed:
            raise StoreError("the registry cannot be used: it is closed")
        if self._connection is not None:
            try:
                return work(self._connection)
            except psycopg.OperationalError as error:
                if isinstance(error, _Late) or not self._connection.broken:
                    raise
        return work(self._connected())

    def _connected(self) -> _Connection:
        self._drop()
        milliseconds = int(self._limit * 1000)
        try:
            connection = _Connection.connect(**self._given, autocommit=True)
        except psycopg.Error as error:
            raise StoreError(
                f"the registry cannot be used: {trouble(error, self._given)}"
            ) from None
        connection.limit = self._limit + _GRACE
        self._connection = connection
        # One that is frozen in the middle of a transaction must not hold up all the others.
        connection.execute(
            f"SET search_path = {SCHEMA}; SET statement_timeout = {milliseconds}; "
            f"SET lock_timeout = {milliseconds}; "
            f"SET idle_in_transaction_session_timeout = {milliseconds}".encode()
        )
        rows = connection.execute("SELECT pg_try_advisory_lock_shared(%s)", (_IN_USE,)).fetchall()
        if rows != [(True,)]:
            self._drop()
            raise StoreError("the registry cannot be used: another one is being copied into it")
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise StoreError(f"the registry cannot be used: {trouble(error)}") from None
        finally:
            # A transaction that stays open would hold up everybody, and an answer that comes late
            # would be taken for that to a later question.
            if self._connection is not None and self._connection.info.transaction_status != _IDLE:
                self._drop()


class _Transaction:
    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(_ours(sql), _fit(parameters)).fetchall()

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        return self._connection.execute(_ours(sql), _fit(parameters)).rowcount

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_ours(sql), [_fit(row) for row in rows])


@lru_cache
def _ours(sql: str) -> bytes:
    """A statement with the marks that this library has for parameters."""
    return sql.replace("?", "%s").encode()


def _fit(parameters: Sequence[object]) -> list[object]:
    """Its texts have no NUL; one that comes from outside must not be in the way for ever."""
    return [
        each.replace("\0", "\ufffd") if isinstance(each, str) and "\0" in each else each
        for each in parameters
    ]


def _begin(connection: _Connection, begin: str) -> _Connection:
    # Two statements in one go cannot be prepared.
    connection.execute(begin.encode(), prepare=False)
    return connection


def _check_encoding(connection: _Connection) -> None:
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise DataDirError(f"PostgreSQL: the encoding of the database is {encoding}, not UTF8")


def _be_alone(connection: _Connection) -> None:
    rows = connection.execute("SELECT pg_try_advisory_lock(%s)", (_IN_USE,)).fetchall()
    if rows != [(True,)]:
        raise StartError("PostgreSQL: a bridge uses this registry; stop all of them first")


@contextmanager
def _start_errors(given: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise StartError(str(error)) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise DataDirError(
            f"{trouble(error, given)}; the bridge's user needs a schema of its own: "
            f"CREATE SCHEMA {SCHEMA} AUTHORIZATION …"
        ) from None
    except psycopg.OperationalError as error:
        raise StartError(trouble(error, given)) from None
    except psycopg.Error as error:
        raise DataDirError(trouble(error, given)) from None
