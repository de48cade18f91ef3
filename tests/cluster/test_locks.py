"""The locks themselves: whose they are, what is seen of them, and how soon a doubt is one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cluster.locks import (
    Locks,
    LostError,
    NameTakenError,
    check_session,
    lock_key,
)
from bridge.cluster.shares import Mate
from bridge.core.model import LinkId, Owner
from bridge.errors import StartError
from bridge.store import Store
from tests.cluster.rig import hosts, run_loop
from tests.postgres import PostgresServer

postgres_needed = pytest.mark.postgres

MATE = Mate(("*.shelly.cloud",), frozenset({"home"}), 7)

Work = Callable[[Locks, Locks], Awaitable[None]]


def run(address: str, work: Work, limit: float = 5.0) -> None:
    """Do something with the open locks of `a` and `b`."""

    async def main() -> None:
        both = [Locks(address, "0a1b2c3d", name, ["home"], limit) for name in ("a", "b")]
        for each in both:
            await each.open()
        try:
            await work(*both)
        finally:
            for each in both:
                await each.close()

    run_loop(main())


# Keys


@given(st.text(), st.text())
def test_keys_fit_the_server_and_depend_on_everything(first: str, second: str) -> None:
    key = lock_key(first, "host", second)
    assert -(2**63) <= key < 2**63
    assert key == lock_key(first, "host", second)
    others = {lock_key(first, "account", second), lock_key(first + "x", "host", second)}
    assert key not in others


# Poolers


def test_a_session_that_is_ours_alone_is_taken() -> None:
    check_session(7, 7, locked=True)


@pytest.mark.parametrize(("told", "found", "locked"), [(7, 7, False), (7, 8, True), (0, 8, False)])
def test_a_session_that_others_use_as_well_is_refused(told: int, found: int, locked: bool) -> None:
    with pytest.raises(StartError, match="pooler"):
        check_session(told, found, locked=locked)


# Locks


@postgres_needed
def test_a_lock_has_one_owner_and_everybody_sees_which(database: str, store: Store) -> None:
    (host,) = hosts(1)
    home = LinkId("home")

    async def work(a: Locks, b: Locks) -> None:
        await a.sign_in(MATE)
        await b.sign_in(Mate(None, frozenset(), 3))
        assert await a.take({host: 5.0, home: 6.0}) == {host: None, home: None}
        assert await b.take({host: 7.0}) == {}
        mine, theirs = [await each.look([host, home]) for each in (a, b)]
        assert mine.mates == theirs.mates == {"a": MATE, "b": Mate(None, frozenset(), 3)}
        assert mine.owners == theirs.owners == {host: Owner("a", 5.0), home: Owner("a", 6.0)}
        assert mine.mine == {host, home}
        assert not theirs.mine
        assert await b.others([host]) == {host}
        assert await a.others([host]) == set()
        await a.give_back([host])
        assert await b.take({host: 8.0}) == {host: "a"}
        assert (await a.look([host])).owners == {host: Owner("b", 8.0)}
        await b.give_back([host], gone=[host])
        assert await a.take({host: 9.0}) == {host: None}

    run(database, work)
    assert store.changes(None) is not None


@postgres_needed
def test_locks_end_with_their_session_although_the_tables_still_name_it(
    database: str, store: Store
) -> None:
    (host,) = hosts(1)

    async def work(a: Locks, b: Locks) -> None:
        await a.sign_in(MATE)
        await b.sign_in(MATE)
        await a.take({host: 5.0})
        await a.close()
        while (await b.look([host])).owners[host] is not None:
            await asyncio.sleep(0.01)
        view = await b.look([host])
        assert view.mates.keys() == {"b"}
        assert view.formers == {host: "a"}
        with pytest.raises(LostError):
            await a.look([])

    run(database, work)
    assert store.hosts() == set()


@postgres_needed
def test_a_name_is_taken_once(database: str, store: Store) -> None:
    async def work(a: Locks, b: Locks) -> None:
        await a.sign_in(MATE)
        twin = Locks(database, "0a1b2c3d", "a", [])
        await twin.open()
        with pytest.raises(NameTakenError, match="another instance is called a"):
            await twin.sign_in(MATE)
        await twin.close()
        await b.sign_in(MATE)

    run(database, work)
    assert store.hosts() == set()


@postgres_needed
def test_a_look_is_one_statement_and_tells_of_changes(
    database: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    execute = psycopg.AsyncConnection.execute

    async def counted(self: Any, query: Any, *rest: Any, **more: Any) -> Any:
        asked.append(query)
        return await execute(self, query, *rest, **more)

    async def work(a: Locks, _: Locks) -> None:
        await a.sign_in(MATE)
        first = await a.look(hosts(50))
        monkeypatch.setattr(psycopg.AsyncConnection, "execute", counted)
        assert (await a.look(hosts(50))).newest == first.newest
        assert len(asked) == 1
        changes = store.changes(None)
        assert changes is not None
        assert first.newest == changes.newest

    run(database, work)


@postgres_needed
def test_what_another_version_says_of_itself_may_own_nothing(
    database: str, store: Store, postgres: PostgresServer
) -> None:
    async def work(a: Locks, b: Locks) -> None:
        await a.sign_in(MATE)
        await b.sign_in(MATE)
        postgres.execute(
            "UPDATE shelly_bridge.instances SET patterns = '[1]' WHERE name = 'b'", database
        )
        assert (await a.look([])).mates == {"a": MATE, "b": Mate((), frozenset(), 7)}

    run(database, work)
    assert store.hosts() == set()


# Doubts


@postgres_needed
def test_a_server_that_does_not_answer_is_given_up_in_time(server: PostgresServer) -> None:
    address = server.database()
    Store.connect(address).close()

    async def work(a: Locks, b: Locks) -> None:
        await a.sign_in(MATE)
        server.freeze()
        begin = time.monotonic()
        try:
            with pytest.raises(LostError, match="does not answer in time"):
                await a.look([])
            assert 0.5 <= time.monotonic() - begin < 5
            await a.close()
            assert time.monotonic() - begin < 5
        finally:
            server.thaw()
        await a.open()
        await b.sign_in(MATE)

    run(address, work, 0.5)


@postgres_needed
def test_what_is_said_of_a_failure_holds_no_address(server: PostgresServer) -> None:
    address = server.database()
    Store.connect(address).close()

    async def work(a: Locks, _: Locks) -> None:
        await a.sign_in(MATE)
        server.kill()
        texts = []
        for attempt in (a.look([]), a.open()):
            with pytest.raises(LostError) as caught:
                await attempt
            assert caught.value.__cause__ is None
            texts.append(str(caught.value))
        assert texts == ["PostgreSQL cannot be reached"] * 2

    run(address, work)


@postgres_needed
def test_of_several_servers_it_is_the_one_that_takes_writes(
    server: PostgresServer, database: str
) -> None:
    Store.connect(database).close()
    name = database.rpartition("/")[2]
    server.execute(f"CREATE DATABASE {name}")
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    user, _, place = database.partition("@")
    replica = server.address.partition("@")[2].partition("/")[0]

    async def work(a: Locks, _: Locks) -> None:
        await a.sign_in(MATE)
        assert (await a.look([])).mates == {"a": MATE}

    run(f"{user}@{replica},{place}", work)


@postgres_needed
@pytest.mark.usefixtures("store")
def test_an_answer_that_waited_until_the_process_went_on_proves_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jump = [0.0]
    execute = psycopg.AsyncConnection.execute

    async def late(*given: Any, **more: Any) -> Any:
        found = await execute(*given, **more)
        jump[0] += 6.0
        return found

    async def main() -> None:
        locks = Locks(database, "0a1b2c3d", "a", [], clock=lambda: time.monotonic() + jump[0])
        await locks.open()
        await locks.sign_in(MATE)
        answers = locks.answers
        monkeypatch.setattr(psycopg.AsyncConnection, "execute", late)
        with pytest.raises(LostError, match="in time"):
            await locks.look([])
        assert locks.answers == answers
        await locks.close()

    run_loop(main())
