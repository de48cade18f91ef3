"""Opening: what is there is used, what is not is made, what is damaged is left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bridge.core.model import DeviceId, DeviceOptions, Grant
from bridge.errors import StartError
from bridge.store import DataDirError, Store
from bridge.store.sqlite import FILE_NAME

GRANT = Grant(DeviceId("a8032abe54dc"), "h.shelly.cloud", "code", "relay", ("name",) * 9, False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A registry with enough in it to span several pages."""
    with Store.open(tmp_path, exclusive=True) as store:
        for number in range(200):
            device = DeviceId(f"{number:012x}")
            store.set_topics(device, {f"shelly/{device}/relay/{channel}" for channel in range(4)})
        store.put_grant(GRANT, at=100.0)
    return tmp_path / FILE_NAME


def refused(directory: Path) -> str:
    with pytest.raises(DataDirError) as caught:
        Store.open(directory, exclusive=True)
    text = str(caught.value)
    assert "\n" not in text
    assert str(directory) in text
    return text


def emptied(content: bytes) -> bytes:
    return content[:0]


def zeroed(content: bytes) -> bytes:
    return bytes(len(content))


def scribbled(content: bytes) -> bytes:
    return b"no database" + content[11:]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def torn(content: bytes) -> bytes:
    return content[:4096] + b"\xff" * 8192 + content[12288:]


@pytest.mark.parametrize("damage", [emptied, zeroed, scribbled, cut, torn])
def test_a_damaged_file_is_refused_and_left_alone(
    file: Path, damage: Callable[[bytes], bytes]
) -> None:
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    assert "damaged" in refused(file.parent)
    assert file.read_bytes() == damaged
    # The lock is free again.
    refused(file.parent)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE other (a)")
        connection.commit()
    assert "not a registry" in refused(tmp_path)


def test_a_newer_format_is_refused_and_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    content = file.read_bytes()
    text = refused(file.parent)
    assert "newer" in text
    assert "99" in text
    assert file.read_bytes() == content


def test_a_missing_id_is_damage(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DELETE FROM meta")
        connection.commit()
    assert "damaged" in refused(file.parent)


def test_a_log_without_its_registry_is_refused(file: Path) -> None:
    file.unlink()
    log = file.with_name(f"{FILE_NAME}-wal")
    log.write_bytes(b"x" * 100)
    assert "restore a backup" in refused(file.parent)
    assert log.read_bytes() == b"x" * 100
    assert not file.exists()


def test_the_data_directory_must_be_a_directory(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("mine")
    assert "not a directory" in refused(place)
    assert place.read_text() == "mine"
    refused(place / "below")


def test_a_directory_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    refused(tmp_path)


def test_a_readable_file_is_closed_to_others(file: Path) -> None:
    file.chmod(0o644)
    with Store.open(file.parent, exclusive=True):
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_command_may_create_the_registry_before_the_first_run(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    with Store.open(directory, exclusive=False) as command:
        secret = command.callback_secret
    with Store.open(directory, exclusive=True) as bridge:
        assert bridge.callback_secret == secret


def test_a_command_that_only_looks_creates_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "not-there"
    with pytest.raises(DataDirError, match="no registry yet"):
        Store.open(directory, exclusive=False, create=False)
    assert not directory.exists()


def test_a_second_bridge_is_refused(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path, exclusive=True),
        pytest.raises(StartError, match="another bridge") as caught,
    ):
        Store.open(tmp_path, exclusive=True)
    # Unlike a data directory that cannot be used, this passes.
    assert not isinstance(caught.value, DataDirError)
    Store.open(tmp_path, exclusive=True).close()


@pytest.fixture
def first_format(file: Path) -> Path:
    """The same registry as the first format had it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE discovery")
        connection.execute("DROP TABLE logins")
        connection.execute("DROP TABLE visitors")
        connection.execute("DROP TABLE options")
        connection.execute("DELETE FROM meta WHERE key = 'outbound_secret'")
        connection.commit()
        connection.execute("PRAGMA user_version = 1")
    return file


def test_a_registry_of_the_first_format_is_taken_over(first_format: Path) -> None:
    with Store.open(first_format.parent, exclusive=True) as store:
        secret = store.callback_secret
        assert store.grants() == [GRANT]
        assert len(store.topics()) == 200
        assert store.published() == {}
        assert len(store.outbound_secret) >= 32
        store.set_published(GRANT.device, (("", (("relay_0", "switch"),)),))
    with Store.open(first_format.parent, exclusive=True) as store:
        assert store.callback_secret == secret
        assert store.published() == {GRANT.device: (("", (("relay_0", "switch"),)),)}


def test_a_registry_of_the_second_format_is_taken_over(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE options")
        connection.execute("PRAGMA user_version = 2")
    with Store.open(file.parent, exclusive=True) as store:
        secret = store.outbound_secret
        assert store.grants() == [GRANT]
        store.put_options(DeviceOptions(GRANT.device, name="Boiler"))
    with Store.open(file.parent, exclusive=True) as store:
        assert store.outbound_secret == secret
        assert store.options() == [DeviceOptions(GRANT.device, name="Boiler")]


def test_who_only_looks_changes_no_format(first_format: Path) -> None:
    with Store.open(first_format.parent, exclusive=False) as store:
        assert store.grants() == [GRANT]
        assert store.outbound_secret == ""
    with closing(sqlite3.connect(first_format)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_format_that_cannot_be_taken_over_stays_as_it_was(first_format: Path) -> None:
    with closing(sqlite3.connect(first_format)) as connection:
        # The last thing that the next format has is in the way.
        connection.execute("CREATE TABLE visitors (a)")
    with pytest.raises(DataDirError):
        Store.open(first_format.parent, exclusive=True)
    with closing(sqlite3.connect(first_format)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'discovery'")
        assert tables.fetchall() == []


def test_a_busy_registry_is_not_called_damaged(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.store.sqlite._BUSY_TIMEOUT", 0.0)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StartError) as caught:
            Store.open(file.parent, exclusive=True)
        assert not isinstance(caught.value, DataDirError)


def test_every_registry_has_its_own_secret(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "one", exclusive=True) as one,
        Store.open(tmp_path / "other", exclusive=True) as other,
    ):
        assert other.callback_secret != one.callback_secret
        assert other.bridge_id != one.bridge_id
