"""A session with PostgreSQL that holds the locks of one instance, and sees those of the others.

Who owns what is decided by locks that end with their session (`pg_locks`); what the tables say is
for people, and for the time after a death. The client gives up before the server does: it finds
out first that it may have lost them. (PostgreSQL docs, Explicit Locking, Advisory Locks.)
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

import psycopg

from bridge.cluster.shares import Mate
from bridge.core.model import Json, LinkId, Owner
from bridge.errors import BridgeError, StartError

_CLIENT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
    # As for the registry: a replica takes no writes, and its locks are nobody's business.
    "target_session_attrs": "read-write",
}
"""A connection that was cut is given up here after 6 s, by the server after 11 s."""

_SERVER = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "idle_session_timeout": "0",
    "statement_timeout": "5000",
    "search_path": "shelly_bridge",
}

_CONNECT_LIMIT = 7.0
"""Seconds; the library has a limit of its own, for each of a name's addresses."""

_MOST_SESSIONS = 64
"""Of our own that are remembered."""

_REFUSED = ("25", "42", "53", "54", "55")
"""Classes of SQLSTATE after which the session goes on: read only, rights, resources, limits."""

_ANSWER = TypeVar("_ANSWER")


class LostError(BridgeError):
    """It is not sure (any more) that our locks are ours."""


class RefusedError(LostError):
    """The server did not do it, as it is full or may not be written; our locks stand."""


class NameTakenError(LostError):
    """Somebody else goes by our name."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that keeps locks: whether the way to it is encrypted, and it has our tables."""

    version: str
    encrypted: bool
    used: bool


@dataclass(frozen=True, slots=True)
class View:
    """What there is at one moment."""

    mates: Mapping[str, Mate]
    """The instances that are alive, we are among them."""
    owners: Mapping[LinkId, Owner | None]
    mine: frozenset[LinkId]
    """What our session has for sure."""
    formers: Mapping[LinkId, str]
    """Who had each host last."""
    newest: int
    """The number of the last change of the registry."""
    age: float
    """For how long (s) the server runs; nothing was locked before."""


def lock_key(bridge_id: str, kind: str, name: str) -> int:
    """The number of the lock of an `instance`, `host` or `account`; 64 bit, signed."""
    digest = hashlib.sha256(f"{bridge_id}/{kind}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def check_session(told: int, found: int, *, locked: bool) -> None:
    """Raise `StartError` unless locks are safe: a pooler gives one session to many clients.

    `told` is the server's process as it said when we connected, `found` the one that answers
    now, and `locked` whether it has our lock, which was taken in another transaction.
    """
    if told != found or not locked:
        raise StartError(
            "cluster.database leads to a connection pooler, which does not keep locks; "
            "it has to be the address of PostgreSQL itself"
        )


class Locks:
    """The locks of `instance`; for one event loop. All that asks raises `LostError`."""

    def __init__(
        self,
        address: str,
        bridge_id: str,
        instance: str,
        accounts: Collection[str],
        limit: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limit` (s) is for every statement."""
        self._clock = clock
        self.answered = 0.0
        """When (by the clock) the server answered last; until then the locks were ours."""
        self.answers = 0
        """How often it answered."""
        self._address = address
        self._bridge_id = bridge_id
        self._instance = instance
        self._accounts = frozenset(accounts)
        self._limit = limit
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._process = 0
        self._own: deque[int] = deque(maxlen=_MOST_SESSIONS)
        """The server's processes that are or were ours, since it started."""
        self._server_started = 0.0

    async def open(self) -> None:
        """Begin a session; nothing is locked yet."""
        await self.close()
        connect: Coroutine[Any, Any, psycopg.AsyncConnection[tuple[Any, ...]]] = (
            psycopg.AsyncConnection.connect(
                self._address,
                autocommit=True,
                application_name=f"shelly-bridge {self._instance}",
                **_CLIENT,
            )
        )
        task = asyncio.ensure_future(connect)
        try:
            done, _ = await asyncio.wait({task}, timeout=_CONNECT_LIMIT)
        except asyncio.CancelledError:
            task.add_done_callback(_discard)
            task.cancel()
            raise
        if not done:
            task.add_done_callback(_discard)
            task.cancel()
            await asyncio.wait({task}, timeout=1)
            raise LostError("PostgreSQL does not answer in time")
        self._connection = _result(task)
        await self._ask(
            # Older servers do not have all of them.
            "SELECT set_config(name, wanted.value, false) FROM pg_settings "
            "JOIN unnest(%s::text[], %s::text[]) AS wanted (name, value) USING (name)",
            (list(_SERVER), list(_SERVER.values())),
        )
        ((self._process, started),) = await self._ask(
            "SELECT pg_backend_pid(), extract(epoch FROM pg_postmaster_start_time())::float8"
        )
        if started != self._server_started:
            self._own.clear()
            self._server_started = started
        self._own.append(self._process)

    async def sign_in(self, mate: Mate) -> None:
        """Take our name, and say what we may own; raises `NameTakenError`, or `StartError`.

        A session of ours that the server has not missed yet is waited for like somebody else.
        """
        key = self._key("instance", self._instance)
        ((taken,),) = await self._ask("SELECT pg_try_advisory_lock(%s)", (key,))
        if not taken:
            raise NameTakenError(f"another instance is called {self._instance}")
        found, *_, locks, _, _ = await self._see()
        locked = dict(locks).get(key) == found
        connection = self._connection
        told = 0 if connection is None else connection.info.backend_pid
        check_session(told, found, locked=locked)
        await self._ask(
            "INSERT INTO instances (name, key, patterns, max_hosts, since) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET key = excluded.key, "
            "patterns = excluded.patterns, max_hosts = excluded.max_hosts, since = excluded.since",
            (self._instance, key, _patterns(mate), mate.most, time.time()),
        )

    async def try_out(self) -> Server:
        """What is there, without being an instance; `StartError` if locks would not be safe."""
        key = self._key("trial", self._instance)
        await self._ask("SELECT pg_try_advisory_lock(%s)", (key,))
        ((found, locked, version, encrypted, used),) = await self._ask(
            "SELECT pg_backend_pid(), EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' "
            "AND objsubid = 1 AND granted AND pid = pg_backend_pid() "
            "AND (classid::int8 << 32) | objid::int8 = %s), current_setting('server_version'), "
            "(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), "
            "to_regclass('shelly_bridge.format') IS NOT NULL",
            (key,),
        )
        connection = self._connection
        told = 0 if connection is None else connection.info.backend_pid
        check_session(told, found, locked=locked)
        return Server(version.partition(" ")[0], bool(encrypted), used)

    async def look(self, links: Iterable[LinkId]) -> View:
        """Who is alive, and who has which of these hosts and accounts."""
        process, newest, age, locks, instances, owners = await self._see()
        if process != self._process:
            raise LostError("PostgreSQL answers by another session")
        holders: dict[int, int] = dict(locks)
        names = {
            holders[key]: (name, _mate(patterns, most))
            for name, key, patterns, most in instances
            if key in holders
        }
        last = {LinkId(name): Owner(instance, since) for name, instance, since in owners}
        found: dict[LinkId, Owner | None] = dict.fromkeys(links)
        for link in found:
            holder = holders.get(self._lock_of(link))
            if holder is not None:
                row = last.get(link)
                name = names[holder][0] if holder in names else row.instance if row else ""
                known = row is not None and row.instance == name
                found[link] = row if known else Owner(name, 0.0)
        return View(
            mates=dict(names.values()),
            owners=found,
            mine=frozenset(link for link in found if holders.get(self._lock_of(link)) == process),
            formers={link: owner.instance for link, owner in last.items()},
            newest=newest,
            age=age,
        )

    async def take(self, wanted: Mapping[LinkId, float]) -> dict[LinkId, str | None]:
        """Lock what nobody has, of hosts and since when we have each (unix s).

        Gives those that are ours now, none of which may have been before, and who had each last.
        """
        links = sorted(wanted)
        rows = await self._ask(
            "SELECT name, pg_try_advisory_lock(key) FROM unnest(%s::text[], %s::int8[]) "
            "AS wanted (name, key)",
            (links, [self._lock_of(link) for link in links]),
        )
        taken = [LinkId(name) for name, got in rows if got]
        if not taken:
            return {}
        try:
            rows = await self._ask(
                "WITH former AS (SELECT name, instance FROM owners WHERE name = ANY (%s)), "
                "put AS (INSERT INTO owners (name, key, instance, since) "
                "SELECT name, key, %s, since FROM unnest(%s::text[], %s::int8[], %s::float8[]) "
                "AS taken (name, key, since) ON CONFLICT (name) DO UPDATE SET "
                "key = excluded.key, instance = excluded.instance, since = excluded.since) "
                "SELECT name, instance FROM former",
                (
                    *(taken, self._instance, taken),
                    *([self._lock_of(link) for link in taken], [wanted[link] for link in taken]),
                ),
            )
        except RefusedError:
            # Whoever has them next must know that somebody had them before.
            await self.give_back(taken)
            raise
        return dict.fromkeys(taken) | {LinkId(name): instance for name, instance in rows}

    async def others(self, links: Collection[LinkId]) -> set[LinkId]:
        """Those that somebody else has: neither this session nor one of ours that is ending."""
        keys = {self._lock_of(link): link for link in links}
        *_, locks, _, _ = await self._see()
        return {keys[key] for key, process in locks if key in keys and process not in self._own}

    async def give_back(self, links: Iterable[LinkId], gone: Collection[LinkId] = ()) -> None:
        """Let others have these hosts; of those that are `gone` nothing is remembered."""
        await self._ask(
            "SELECT pg_advisory_unlock(key) FROM unnest(%s::int8[]) AS ours (key)",
            ([self._lock_of(link) for link in links],),
        )
        if gone:
            with suppress(RefusedError):
                await self._ask(
                    "DELETE FROM owners WHERE name = ANY (%s) AND instance = %s",
                    (list(gone), self._instance),
                )

    async def sign_out(self, limit: float) -> None:
        """Say within `limit` s that we are no more; the locks last as long as the session."""
        await self._ask("DELETE FROM instances WHERE name = %s", (self._instance,), limit)

    def cut(self) -> None:
        """Have whatever waits for an answer fail now."""
        if self._connection is not None:
            _cut(self._connection)

    async def close(self) -> None:
        """End the session, and with it all locks, as far as the server can be reached."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()

    async def _see(self) -> tuple[int, int, float, list[Any], list[Any], list[Any]]:
        """The server's process, last change and age; locks, instances and owners."""
        (row,) = await self._ask(_LOOK)
        process, newest, age, locks, instances, owners = row
        return process, newest, age, locks, instances, owners

    async def _ask(
        self, sql: LiteralString, parameters: Collection[Any] = (), limit: float | None = None
    ) -> list[Any]:
        connection = self._connection
        if connection is None:
            raise LostError("there is no session with PostgreSQL")

        async def ask() -> list[Any]:
            cursor = await connection.execute(sql, tuple(parameters))
            return await cursor.fetchall() if cursor.description else []

        begun, limit = self._clock(), limit or self._limit
        task = asyncio.ensure_future(ask())
        await asyncio.wait({task}, timeout=limit)
        # The clock also tells of an answer that waited until this process went on.
        if not task.done() or self._clock() - begun > limit:
            # To cancel it would wait for the server, which does not answer.
            task.add_done_callback(_discard)
            _cut(connection)
            await asyncio.wait({task}, timeout=0.1)
            raise LostError("PostgreSQL does not answer in time")
        answer = _result(task)
        self.answered, self.answers = self._clock(), self.answers + 1
        return answer

    def _lock_of(self, link: LinkId) -> int:
        return self._key("account" if link in self._accounts else "host", link)

    def _key(self, kind: str, name: str) -> int:
        return lock_key(self._bridge_id, kind, name)


_LOOK: LiteralString = """
WITH locks AS (
    SELECT (classid::int8 << 32) | objid::int8 AS key, pid FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT
    pg_backend_pid(),
    (SELECT coalesce(max(seq), 0) FROM changes),
    extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8,
    (SELECT coalesce(json_agg(json_build_array(key, pid)), '[]') FROM locks),
    (SELECT coalesce(json_agg(json_build_array(name, key, patterns, max_hosts)), '[]')
        FROM instances),
    (SELECT coalesce(json_agg(json_build_array(name, instance, since)), '[]') FROM owners)
"""


def _cut(connection: psycopg.AsyncConnection[Any]) -> None:
    """End the connection under whoever waits on it."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


def _discard(task: asyncio.Future[Any]) -> None:
    """Whatever came of it does not matter any more."""
    if not task.cancelled():
        task.exception()


def _result(task: asyncio.Future[_ANSWER]) -> _ANSWER:
    try:
        return task.result()
    except (psycopg.Error, OSError) as error:
        code = error.sqlstate if isinstance(error, psycopg.Error) else None
        kind = RefusedError if code is not None and code.startswith(_REFUSED) else LostError
        raise kind(_describe(error)) from None


def _describe(error: Exception) -> str:
    """What went wrong, without addresses and names."""
    code = error.sqlstate if isinstance(error, psycopg.Error) else None
    if code is None:
        return "PostgreSQL cannot be reached"
    if code.startswith("57P"):
        return "PostgreSQL is being stopped"
    if code == "57014":
        return "PostgreSQL does not answer in time"
    return f"PostgreSQL refuses to answer (SQLSTATE {code})"


def _patterns(mate: Mate) -> str:
    return json.dumps({"hosts": mate.hosts, "accounts": sorted(mate.accounts)})


def _mate(patterns: str, most: int) -> Mate:
    """What another instance wrote of itself; what cannot be read may own nothing."""
    try:
        said: Json = json.loads(patterns)
        hosts = said["hosts"]
        return Mate(None if hosts is None else tuple(hosts), frozenset(said["accounts"]), most)
    except (ValueError, TypeError, KeyError):
        return Mate((), frozenset(), most)
