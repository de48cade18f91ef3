"""The registry in PostgreSQL: how it is made and refused, and what becomes of a lost connection."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.core.model import DeviceId, DeviceOptions, Grant
from bridge.errors import StartError, StoreError
from bridge.store import DataDirError, Proof, Store
from bridge.store.journal import SharedJournal
from tests.brokers import free_port, wait_until
from tests.postgres import PASSWORD, PostgresServer
from tests.store.places import SharedDatabase

pytestmark = pytest.mark.postgres

DEVICE, OTHER = DeviceId("a8032abe54dc"), DeviceId("b0a732000001")
GRANT = Grant(DEVICE, "shelly-1-eu.shelly.cloud", "SNSW-002P16EU", "relay", ("Pump",), False)


def refused(
    address: str, kind: type[StartError] = DataDirError, *, create: bool = True
) -> StartError:
    """Why; in one line, without a secret."""
    with pytest.raises(StartError) as caught:
        Store.connect(address, create=create)
    assert type(caught.value) is kind
    checked(caught.value)
    return caught.value


def checked(error: BaseException) -> None:
    """An error that may be shown to everybody."""
    text = str(error)
    assert "\n" not in text
    assert PASSWORD not in text
    assert "127.0.0.1" not in text


@pytest.fixture
def server(postgres_cluster: Path) -> Iterator[PostgresServer]:
    """One that the test may harm."""
    with PostgresServer(postgres_cluster, durable=True) as own:
        yield own


def limited(address: str, limit: float) -> Store:
    """A store whose statements may take so long (s)."""
    from bridge.store.postgres import PostgresDatabase

    return Store(PostgresDatabase.connect(address, create=True, limit=limit), SharedJournal())


def delete_all(store: Store, meanwhile: Callable[[], object]) -> None:
    """A transaction in the middle of which something happens."""
    with store._transaction() as work:
        work.execute("DELETE FROM grants")
        meanwhile()
        work.execute("DELETE FROM options")


# How it is made and refused


def test_of_bridges_that_start_at_once_one_makes_it(shared: SharedDatabase) -> None:
    def start(_: int) -> tuple[str, str, str]:
        with shared.open() as store:
            return store.bridge_id, store.callback_secret, store.outbound_secret

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(start, range(6)))
    assert len(found) == 1
    assert all(found.pop())


def test_who_only_looks_makes_nothing(shared: SharedDatabase) -> None:
    assert "no registry yet" in str(refused(shared.address, create=False))
    assert shared.execute("SELECT FROM pg_namespace WHERE nspname = 'shelly_bridge'") == []
    shared.open().close()
    Store.connect(shared.address, create=False).close()


def test_a_newer_format_is_refused_and_left_alone(shared: SharedDatabase) -> None:
    shared.open().close()
    shared.execute("UPDATE format SET version = 99")
    text = str(refused(shared.address))
    assert "newer" in text
    assert "99" in text
    assert shared.execute("SELECT version FROM format") == [(99,)]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE format SET version = 0",
        "DELETE FROM format",
        "DELETE FROM meta WHERE key = 'bridge_id'",
        "DROP TABLE meta",
    ],
)
def test_what_is_no_registry_of_ours_is_refused(shared: SharedDatabase, damage: str) -> None:
    shared.open().close()
    shared.execute(damage)
    refused(shared.address)


def test_an_earlier_format_is_taken_over_once(
    shared: SharedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shared.open() as store:
        store.put_grant(GRANT, at=1.0)
    monkeypatch.setattr("bridge.store.postgres_schema.SCHEMA_VERSION", 3)
    monkeypatch.setattr(
        "bridge.store.postgres_schema._STEPS",
        {1: "CREATE TABLE shelly_bridge.more (a BIGINT)", 2: "DROP TABLE shelly_bridge.owners"},
    )
    refused(shared.address, create=False)
    with ThreadPoolExecutor(4) as pool:
        for store in pool.map(lambda _: shared.open(), range(4)):
            with store:
                assert store.grants() == [GRANT]
    assert shared.execute("SELECT version FROM format") == [(3,)]


def test_a_format_that_cannot_be_taken_over_stays_as_it_was(
    shared: SharedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.open().close()
    monkeypatch.setattr("bridge.store.postgres_schema.SCHEMA_VERSION", 3)
    monkeypatch.setattr(
        "bridge.store.postgres_schema._STEPS",
        {1: "DROP TABLE shelly_bridge.owners", 2: "DROP TABLE shelly_bridge.never"},
    )
    refused(shared.address)
    assert shared.execute("SELECT version FROM format") == [(1,)]
    assert shared.execute("SELECT count(*) FROM owners") == [(0,)]


def test_a_database_that_cannot_hold_every_name_is_refused(postgres: PostgresServer) -> None:
    name = postgres.database().rpartition("/")[2] + "_latin"
    postgres.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    assert "LATIN1" in str(refused(postgres.address_of(name)))


def test_a_replica_is_refused_and_may_become_the_first(
    shared: SharedDatabase, postgres: PostgresServer
) -> None:
    name = shared.address.rpartition("/")[2]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "read-only" in str(refused(shared.address, StartError))


def test_a_user_without_rights_is_told_what_is_missing(postgres: PostgresServer) -> None:
    address = postgres.database()
    user = address.rpartition("/")[2]
    postgres.execute(f"CREATE USER {user} PASSWORD '{PASSWORD}'", address)
    theirs = address.replace("//bridge:", f"//{user}:")
    assert "CREATE SCHEMA shelly_bridge AUTHORIZATION" in str(refused(theirs))
    postgres.execute(f"CREATE SCHEMA shelly_bridge AUTHORIZATION {user}", address)
    with Store.connect(theirs) as store:
        assert store.put_grant(GRANT, at=1.0)


def test_an_address_that_leads_nowhere(postgres: PostgresServer) -> None:
    nowhere = postgres.address.replace(f":{postgres.port}/", f":{free_port()}/")
    assert "Connection refused" in str(refused(nowhere, StartError))
    wrong = postgres.address.replace("//bridge:", "//somebody:")
    assert "password authentication failed" in str(refused(wrong, StartError))
    assert "does not exist" in str(refused(postgres.address_of("nothing"), StartError))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "registry.db",
        f"host=127.0.0.1 password={PASSWORD}",
        f"postgresql://u:{PASSWORD}@127.0.0.1/db?no_such_thing={PASSWORD}",
        f"postgresql://u:{PASSWORD}@[127.0.0.1/db",
        f"mysql://u:{PASSWORD}@127.0.0.1/db",
    ],
)
def test_what_is_no_address(address: str) -> None:
    assert "postgresql://user@host/database" in str(refused(address))


def test_what_the_library_says_of_an_address_is_not_passed_on() -> None:
    import psycopg

    from bridge.store.postgres import trouble

    given = {"host": "one.example,two.example", "hostaddr": "192.0.2.7", "password": PASSWORD}
    for text in (
        "failed to resolve host 'two.example'",
        'connection failed: FATAL:  no pg_hba.conf entry for host "192.0.2.7"\nmore',
        f"odd: {PASSWORD}",
    ):
        said = trouble(psycopg.OperationalError(text), given)
        checked(StartError(said))
        assert said.startswith("PostgreSQL cannot be reached: ")
        assert "***" in said
        assert ".example" not in said
        assert "192.0.2.7" not in said


# Connections that are lost


def test_a_connection_that_was_lost_is_opened_anew(
    shared: SharedDatabase, postgres: PostgresServer
) -> None:
    def end_all() -> None:
        name = shared.address.rpartition("/")[2]
        ended = postgres.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "  # noqa: S608 - our name
            f"WHERE datname = '{name}'"
        )
        assert ended

    with shared.open() as store:
        end_all()
        assert store.grants() == []
        end_all()
        assert store.put_grant(GRANT, at=1.0)
        with pytest.raises(StoreError, match="PostgreSQL") as caught:
            delete_all(store, end_all)
        checked(caught.value)
        assert store.grants() == [GRANT]


def test_what_a_killed_server_was_doing_fails_and_the_next_call_works(
    server: PostgresServer,
) -> None:
    address = server.database()
    failed: list[StoreError] = []

    def write() -> None:
        try:
            other.put_grant(replace(GRANT, device=OTHER), at=1.0)
        except StoreError as error:
            failed.append(error)

    def kill_it() -> None:
        waiting.start()
        wait_until(lambda: server.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
        server.kill()

    waiting = threading.Thread(target=write)
    with Store.connect(address) as store, Store.connect(address) as other:
        store.put_grant(GRANT, at=1.0)
        with pytest.raises(StoreError) as caught:
            delete_all(store, kill_it)
        waiting.join(30)
        for error in (caught.value, *failed):
            checked(error)
        assert len(failed) == 1
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            store.grants()
        checked(caught.value)
        server.start()
        assert store.grants() == other.grants() == [GRANT]
        assert other.put_grant(replace(GRANT, device=OTHER), at=2.0)
        assert len(store.grants()) == 2


def test_a_server_that_is_frozen_is_not_waited_for(server: PostgresServer) -> None:
    with limited(server.database(), 0.3) as store:
        store.put_grant(GRANT, at=1.0)
        server.freeze()
        try:
            with pytest.raises(StoreError, match="not answer in time"):
                store.grants()
        finally:
            server.thaw()
        assert store.grants() == [GRANT]
        assert store.put_grant(GRANT, at=2.0)


def test_a_bridge_that_is_frozen_in_a_transaction_holds_nobody_up(shared: SharedDatabase) -> None:
    with limited(shared.address, 0.3) as frozen, shared.open() as store:
        with pytest.raises(StoreError):
            delete_all(frozen, lambda: store.put_grant(GRANT, at=1.0))
        assert store.grants() == frozen.grants() == [GRANT]


def test_a_registry_that_is_held_up_says_so_and_goes_on(shared: SharedDatabase) -> None:
    with shared.open() as busy, limited(shared.address, 0.3) as store:
        with busy._transaction():
            with pytest.raises(StoreError, match="timeout"):
                store.put_grant(GRANT, at=1.0)
            assert store.grants() == []
        assert store.put_grant(GRANT, at=1.0)


# What is stored


def test_of_equal_callbacks_at_two_bridges_one_counts(shared: SharedDatabase) -> None:
    proof = Proof(b"signed", b"body", seen=100.0, expires=200.0)
    with shared.open() as one, shared.open() as other, ThreadPoolExecutor(2) as pool:
        for number in range(10):
            each = replace(proof, signed=number.to_bytes())
            done = pool.map(lambda s, p=each: s.put_grant(GRANT, at=1.0, proof=p), (one, other))
            assert sorted(done) == [False, True]


def test_names_in_every_script_and_in_the_order_of_the_other_kind(shared: SharedDatabase) -> None:
    names = ["Zebra", "apfel", "Äpfel", "日本", "\U0001f4a1"]
    with shared.open() as store:
        for name in names:
            store.put_options(DeviceOptions(DeviceId(name), name=name))
        assert [each.name for each in store.options()] == sorted(names, key=str.encode)


def test_a_character_that_it_cannot_store_is_in_nobody_s_way(shared: SharedDatabase) -> None:
    with shared.open() as store:
        store.put_grant(replace(GRANT, code="a\0b"), at=1.0)
        assert store.grants() == [replace(GRANT, code="a\ufffdb")]


def test_an_error_shows_no_value(shared: SharedDatabase) -> None:
    with shared.open() as store:
        with pytest.raises(StoreError) as caught, store._transaction() as work:
            work.query("SELECT CAST(CAST(? AS TEXT) AS BIGINT)", ("canary",))
        assert "canary" not in str(caught.value)
        assert store.grants() == []


# The library


def child(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_who_has_a_registry_of_his_own_loads_nothing_of_it(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, bridge.app, bridge.cli\n"
        "from bridge.store import Store\n"
        "Store.open(pathlib.Path(sys.argv[1]), exclusive=True).close()\n"
        "print([name for name in sys.modules if name.startswith(('psycopg', 'asyncio'))])\n"
    )
    assert child(code, str(tmp_path)) == "[]\n"


def test_without_the_library_it_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "sys.modules['psycopg'] = None\n"
        "from bridge.store import DataDirError, Store\n"
        "try:\n    Store.connect('postgresql://h/d')\n"
        "except DataDirError as error:\n    print(error)\n"
    )
    assert "pip install 'shelly-mqtt-bridge[cluster]'" in child(code)
