"""A registry that is copied is the same registry, and no other one is harmed by it."""

from __future__ import annotations

import sqlite3
import string
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.model import DeviceId, DeviceOptions, Grant
from bridge.errors import StartError, StoreError
from bridge.store import DataDirError
from bridge.store.copying import copy
from bridge.store.database import TABLES, put
from bridge.store.sqlite import FILE_NAME
from tests.store.places import Directory, SharedDatabase

DEVICE, OTHER = DeviceId("a8032abe54dc"), DeviceId("b0a732000001")
GRANT = Grant(DEVICE, "shelly-1-eu.shelly.cloud", "SNSW-002P16EU", "relay", ("Pump",), False)

Tables = dict[str, list[tuple[Any, ...]]]

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
KEY = st.text(string.ascii_letters + "äÄ_日", max_size=3)
NUMBER = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=False)
COLUMNS = {
    "granted_at": REAL,
    "expires": REAL,
    "wake_period": st.none() | REAL,
    "throttle": st.none() | REAL,
    "area": st.none() | TEXT,
    "control": NUMBER,
    "count": NUMBER,
    "refusals": NUMBER,
    "signed": st.binary(max_size=3),
    "body": st.binary(max_size=8),
}


def rows(table: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    columns, keys = TABLES[table]
    fields = [
        COLUMNS.get(name, KEY if place < keys else TEXT) for place, name in enumerate(columns)
    ]
    if table == "options":
        fields[1] = st.none() | TEXT
    return st.lists(st.tuples(*fields), max_size=5, unique_by=lambda row: row[:keys])


REGISTRIES = st.fixed_dictionaries({table: rows(table) for table in TABLES if table != "meta"})


def fill(directory: Path, tables: Tables) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection, connection:
        for table, content in tables.items():
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our name
            connection.executemany(put(table), content)


def content(directory: Path) -> Tables:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        found = {}
        for table, (columns, keys) in TABLES.items():
            order = ", ".join(columns[:keys])
            sql = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"  # noqa: S608 - our names
            found[table] = connection.execute(sql).fetchall()
        return found


@pytest.fixture
def full(tmp_path: Path) -> Directory:
    """A registry with something in it."""
    place = Directory(tmp_path / "full")
    with place.open() as store:
        store.put_grant(GRANT, at=1.0)
        store.set_topics(DEVICE, {"a", "b"})
    return place


@pytest.mark.postgres
def test_a_copy_of_a_copy_is_equal(
    shared: SharedDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.copying._PAGE", 2)
    for name in ("from", "to"):
        Directory(tmp_path / name).open().close()

    @given(REGISTRIES)
    @settings(max_examples=40)
    def check(tables: Tables) -> None:
        fill(tmp_path / "from", tables)
        copy(tmp_path / "from", shared.address, replace=True)
        copy(shared.address, tmp_path / "to" / FILE_NAME, replace=True)
        assert content(tmp_path / "to") == content(tmp_path / "from")

    check()


@pytest.mark.postgres
def test_a_copy_says_how_much_it_was_and_is_as_the_bridge_left_it(
    full: Directory, shared: SharedDatabase
) -> None:
    with full.open() as store:
        who = store.bridge_id, store.callback_secret, store.outbound_secret
    found = copy(full.directory, shared.address, replace=False)
    assert (found["grants"], found["device_topics"], found["logins"]) == (1, 2, 0)
    with shared.open() as store:
        assert (store.bridge_id, store.callback_secret, store.outbound_secret) == who
        assert store.grants() == [GRANT]
        assert store.topics() == {DEVICE: {"a", "b"}}
        assert store.put_grant(GRANT, at=2.0)
        assert store.revision(DEVICE) > 0


@pytest.mark.postgres
def test_between_shared_registries_withdrawn_consents_go_along(
    shared: SharedDatabase,
) -> None:
    target = SharedDatabase(shared.server)
    with shared.open() as store:
        for _ in range(3):
            store.put_grant(GRANT, at=1.0)
        store.delete_grant(DEVICE)
        store.put_options(DeviceOptions(OTHER, name="Pump"))
    copy(shared.address, target.address, replace=False)
    with target.open() as store:
        assert store.holdings(GRANT.host).withdrawn == (DEVICE,)
        store.put_grant(GRANT, at=2.0)
        store.update_grant(DEVICE, revision=store.revision(DEVICE), control=True)
        assert store.grants()[0].control


@pytest.mark.postgres
def test_who_read_changes_of_the_registry_before_reads_everything_anew(
    full: Directory, shared: SharedDatabase
) -> None:
    with shared.open() as store:
        store.put_grant(GRANT, at=1.0)
        before = store.changes(None)
    assert before is not None
    copy(full.directory, shared.address, replace=True)
    with shared.open() as store:
        assert store.changes(before.newest) is None
        assert store.changes(None) is not None


def test_a_target_with_something_in_it_is_refused(full: Directory, tmp_path: Path) -> None:
    other = Directory(tmp_path / "other")
    with other.open() as store:
        store.put_options(DeviceOptions(OTHER, name="Pump"))
    before = content(other.directory)
    with pytest.raises(StartError, match="--replace"):
        copy(full.directory, other.directory, replace=False)
    assert content(other.directory) == before
    copy(full.directory, other.directory, replace=True)
    assert content(other.directory) == content(full.directory)


def test_a_new_target_is_made(full: Directory, tmp_path: Path) -> None:
    copy(full.directory / FILE_NAME, tmp_path / "new" / "place", replace=False)
    assert content(tmp_path / "new" / "place") == content(full.directory)


def test_a_source_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no registry"):
        copy(tmp_path / "nothing", tmp_path / "target", replace=False)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_fails_leaves_the_target_as_it_was(
    full: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(table: str) -> str:
        if table == "options":
            raise StoreError("lost")
        return put(table)

    other = Directory(tmp_path / "other")
    with other.open() as store:
        store.put_options(DeviceOptions(OTHER, name="Pump"))
    before = content(other.directory)
    monkeypatch.setattr("bridge.store.copying.put", failing)
    with pytest.raises(StoreError, match="lost"):
        copy(full.directory, other.directory, replace=True)
    assert content(other.directory) == before


def test_a_directory_with_a_running_bridge_is_refused(full: Directory, tmp_path: Path) -> None:
    Directory(tmp_path / "target").open().close()
    with full.open():
        with pytest.raises(StartError, match="another bridge"):
            copy(full.directory, tmp_path / "target", replace=False)
        with pytest.raises(StartError, match="another bridge"):
            copy(tmp_path / "target", full.directory, replace=True)


@pytest.mark.postgres
def test_a_shared_registry_that_a_bridge_uses_is_no_target(
    full: Directory, shared: SharedDatabase
) -> None:
    with shared.open() as store:
        with pytest.raises(StartError, match="a bridge uses"):
            copy(full.directory, shared.address, replace=True)
        assert store.grants() == []
    copy(full.directory, shared.address, replace=True)


@pytest.mark.postgres
def test_a_bridge_that_starts_while_it_is_replaced_is_refused(shared: SharedDatabase) -> None:
    from bridge.store.postgres import PostgresDatabase

    alone = PostgresDatabase.connect(shared.address, create=True, alone=True)
    try:
        with pytest.raises(StartError, match="being copied"):
            shared.open()
    finally:
        alone.close()
    shared.open().close()


@pytest.mark.postgres
def test_other_formats_are_refused_both_ways(full: Directory, shared: SharedDatabase) -> None:
    shared.open().close()
    with closing(sqlite3.connect(full.directory / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for source, target in ((full.directory, shared.address), (shared.address, full.directory)):
        with pytest.raises(DataDirError, match="newer"):
            copy(source, target, replace=True)
    with closing(sqlite3.connect(full.directory / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 3")
    shared.execute("UPDATE format SET version = 99")
    for source, target in ((full.directory, shared.address), (shared.address, full.directory)):
        with pytest.raises(DataDirError, match="newer"):
            copy(source, target, replace=True)
