"""Logins of accounts: on the disk, for the owner's eyes, and never older than what is there."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.core.logins import NONE, Login
from bridge.errors import StoreError
from bridge.store import Store
from bridge.store.logins import LoginVault
from tests.store.places import Place

LOGIN = Login(2, "https://h.example.org", "access-canary", "refresh-canary", "code", "00$11", 1)


def test_what_is_stored_is_there_after_a_restart(place: Place) -> None:
    with place.open() as store:
        assert store.login("home") == NONE
        assert store.put_login("home", LOGIN)
        assert store.put_login("cabin", replace(LOGIN, count=0))
    with place.open() as store:
        assert store.login("home") == LOGIN
        assert store.login("cabin").count == 0


def test_a_newer_login_is_not_overwritten(store: Store) -> None:
    vault = LoginVault(store, "home")
    assert vault.save(LOGIN)
    assert not vault.save(replace(LOGIN, count=1, access="late"))
    assert vault.load() == LOGIN
    assert vault.save(replace(LOGIN, access="next"))
    assert vault.load().access == "next"


def test_a_command_writes_while_a_bridge_runs_and_both_see_it(tmp_path: Path) -> None:
    with Store.open(tmp_path, exclusive=True) as bridge:
        bridge.put_login("home", replace(LOGIN, count=0))
        with Store.open(tmp_path, exclusive=False, writable=True) as command:
            assert command.put_login("home", LOGIN)
            assert bridge.login("home") == LOGIN
            assert not bridge.put_login("home", replace(LOGIN, count=1))
            assert bridge.put_login("home", replace(LOGIN, access="renewed"))
            assert command.login("home").access == "renewed"


def test_who_only_reads_cannot_write(tmp_path: Path) -> None:
    with Store.open(tmp_path, exclusive=True) as store:
        store.put_login("home", LOGIN)
    with Store.open(tmp_path, exclusive=False) as store, pytest.raises(StoreError):
        store.put_login("home", replace(LOGIN, access="x"))


def test_logins_of_accounts_that_are_no_more_are_forgotten(store: Store) -> None:
    for name in ("home", "cabin"):
        store.put_login(name, LOGIN)
    store.keep_logins(["cabin"])
    assert (store.login("home"), store.login("cabin")) == (NONE, LOGIN)


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    with Store.open(tmp_path, exclusive=True) as store:
        store.put_login("home", LOGIN)
    for file in tmp_path.glob("registry.db*"):
        assert file.stat().st_mode & 0o077 == 0


def test_a_registry_of_the_first_format_learns_of_logins(tmp_path: Path) -> None:
    Store.open(tmp_path, exclusive=True).close()
    file = tmp_path / "registry.db"
    connection = sqlite3.connect(file)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    later = {name for (name,) in tables} - {"meta", "grants", "device_topics", "used_proofs"}
    assert "logins" in later
    connection.executescript("".join(f"DROP TABLE {name};" for name in later))
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with Store.open(tmp_path, exclusive=False, writable=True) as store:
        assert store.put_login("home", LOGIN)


def test_a_login_does_not_show_itself() -> None:
    assert "canary" not in repr(LOGIN)
