"""`check` of a database that several bridges share: what it says, and what to do about it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bridge.core.model import DeviceId, Grant
from bridge.store import Store
from tests.brokers import free_port
from tests.cli.conftest import Cli, Configure, Result
from tests.cli.test_check import advice, rows
from tests.postgres import PASSWORD, PostgresServer

Check = Callable[..., Result]


@pytest.fixture
def check(cli: Cli, reachable: Configure, tmp_path: Path) -> Check:
    """Runs `check` with the address of a database in a private file."""

    def run(address: str, *options: str, **values: str) -> Result:
        file = tmp_path / "database"
        file.touch(mode=0o600)
        file.write_text(f"{address}\n")
        config = reachable(cluster__database_file=file, **values)
        # Other tests may have left an event loop in our thread.
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(cli, "check", *options, "-c", config).result(60)
        assert PASSWORD not in result.out + result.err
        return result

    return run


@pytest.mark.postgres
def test_an_empty_database_is_right_and_stays_empty(
    check: Check, postgres: PostgresServer, tmp_path: Path
) -> None:
    address = postgres.database()
    result = check(address)
    assert result.code == 0, result.out
    word, details = rows(result)["database"]
    assert word == "ok"
    assert details.startswith("PostgreSQL ")
    assert details.endswith(", no TLS; there is no registry yet, the first start makes it")
    found = postgres.execute("SELECT to_regnamespace('shelly_bridge') IS NULL", address)
    assert found == [(True,)]
    # What is of no use to it is neither looked for nor made.
    assert "data directory" not in rows(result)
    assert not (tmp_path / "data").exists()


@pytest.mark.postgres
def test_what_is_in_it_is_counted_and_its_hosts_are_tried(
    check: Check, postgres: PostgresServer
) -> None:
    address = postgres.database()
    with Store.connect(address) as store:
        device = DeviceId("a8032abe54dc")
        store.put_grant(Grant(device, "localhost", "SHSW-1", "relay", ("x",), True), at=1.0)
        # A bridge that runs is not disturbed.
        result = check(address, integrator__hosts="")
    assert result.code == 0, result.out
    assert rows(result)["database"][1].endswith(", 1 granted devices")
    assert rows(result)["host localhost"][0] == "ok"


@pytest.mark.postgres
def test_offline_the_database_is_left_alone(check: Check, postgres: PostgresServer) -> None:
    result = check(postgres.address_of("nowhere"), "--offline")
    assert result.code == 0
    assert list(rows(result)) == ["configuration"]


@pytest.mark.postgres
def test_what_the_server_refuses_is_told_with_what_to_do(
    check: Check, postgres: PostgresServer
) -> None:
    result = check(postgres.address.replace(PASSWORD, "canary"))
    assert result.code == 1
    assert rows(result)["database"][0] == "failed"
    assert "user and password" in advice(result)["database"]
    assert "canary" not in result.out
    result = check(postgres.address_of("nowhere"))
    assert result.code == 1
    assert "CREATE DATABASE" in advice(result)["database"]
    # All the rest is tried all the same.
    assert rows(result)["broker"][0] == "ok"


@pytest.mark.postgres
def test_nobody_there_is_told(check: Check) -> None:
    result = check(f"postgresql://shelly:{PASSWORD}@127.0.0.1:{free_port()}/shelly")
    assert result.code == 1
    word, details = rows(result)["database"]
    assert word == "failed"
    assert "Connection refused" in details
    assert "does PostgreSQL run there" in advice(result)["database"]


@pytest.mark.postgres
def test_a_server_that_takes_the_connection_and_says_nothing_is_given_up(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        result = check(f"postgresql://shelly:{PASSWORD}@127.0.0.1:{port}/shelly")
    assert result.code == 1
    assert rows(result)["database"][0] == "failed"


@pytest.mark.postgres
def test_a_registry_of_a_newer_version_is_wrong(check: Check, postgres: PostgresServer) -> None:
    address = postgres.database()
    Store.connect(address).close()
    postgres.execute("UPDATE shelly_bridge.format SET version = version + 1", address)
    result = check(address)
    assert result.code == 78
    assert "a newer version of the bridge wrote it" in result.complaints[0]


def test_without_the_library_it_is_said_what_to_install(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bridge.cluster.locks", "bridge.store.postgres"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    result = check(f"postgresql://shelly:{PASSWORD}@127.0.0.1/shelly")
    assert result.code == 78
    assert "pip install 'shelly-mqtt-bridge[cluster]'" in result.complaints[0]


@pytest.mark.postgres
def test_other_commands_use_the_common_registry(
    cli: Cli, reachable: Configure, postgres: PostgresServer, tmp_path: Path
) -> None:
    address = postgres.database()
    file = tmp_path / "database"
    file.touch(mode=0o600)
    file.write_text(address)
    config = reachable(cluster__database_file=file)
    result = cli("consent-url", "-c", config)
    assert result.code == 0, result.err
    with Store.connect(address) as store:
        assert store.callback_secret in result.out
        device = DeviceId("a8032abe54dc")
        store.put_grant(Grant(device, "localhost", "SHSW-1", "relay", ("x",), True), at=1.0)
    assert "a8032abe54dc" in cli("devices", "-c", config).out
    assert not (tmp_path / "data").exists()
    assert urlsplit(address).password == PASSWORD
