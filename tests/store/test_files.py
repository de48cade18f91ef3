"""The registry of one bridge as files: what others can read in them, and a disk that is full."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.core.model import DeviceId, Grant
from bridge.errors import StoreError
from bridge.store import Proof, Store

DEVICE = DeviceId("a8032abe54dc")
OTHER = DeviceId("b0a732000001")
GRANT = Grant(
    DEVICE, "shelly-1-eu.shelly.cloud", "SNSW-002P16EU", "relay", ("Pump", "Välve"), False
)
PROOF = Proof(b"signed", b"body", seen=100.0, expires=200.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data", exclusive=True) as opened:
        yield opened


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow beyond 1 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_forgotten_device_leaves_nothing_in_the_file(store: Store, tmp_path: Path) -> None:
    store.put_grant(replace(GRANT, names=("a very private name",)), at=100.0)
    store.set_topics(DEVICE, {"shelly/a8032abe54dc/relay/0"})
    store.forget_device(DEVICE, revision=1)
    assert store.topics() == {}
    assert store.grants() == []
    store.close()
    content = b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())
    assert b"private" not in content
    assert DEVICE.encode() not in content


def test_equal_values_are_not_written_again(store: Store, tmp_path: Path) -> None:
    store.put_grant(GRANT, at=100.0)
    store.set_topics(DEVICE, {"a", "b"})
    log = tmp_path / "data" / "registry.db-wal"
    before = log.read_bytes()
    store.set_topics(DEVICE, {"b", "a"})
    store.update_grant(DEVICE, host=GRANT.host, control=GRANT.control, code=GRANT.code)
    assert log.read_bytes() == before


def test_a_full_disk_is_an_error_and_passes(store: Store, tmp_path: Path) -> None:
    store.put_grant(GRANT, at=100.0)
    with full_disk():
        with pytest.raises(StoreError):
            store.put_grant(replace(GRANT, device=OTHER), at=101.0, proof=PROOF)
        with pytest.raises(StoreError):
            store.set_topics(DEVICE, {"a"})
        assert store.grants() == [GRANT]
    assert store.put_grant(replace(GRANT, device=OTHER), at=102.0, proof=PROOF)
    store.close()
    with Store.open(tmp_path / "data", exclusive=True) as again:
        assert [grant.device for grant in again.grants()] == [DEVICE, OTHER]
        assert again.topics() == {}


def test_a_reader_sees_what_the_running_bridge_stores(store: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "data", exclusive=False) as reader:
        store.put_grant(GRANT, at=100.0)
        assert reader.grants() == [GRANT]
        assert reader.callback_secret == store.callback_secret
        with pytest.raises(StoreError):
            reader.put_grant(replace(GRANT, code="changed"), at=101.0)
    assert store.grants() == [GRANT]


def test_nobody_else_can_read_the_files(store: Store, tmp_path: Path) -> None:
    store.put_grant(GRANT, at=100.0)
    directory = tmp_path / "data"
    assert directory.stat().st_mode & 0o777 == 0o700
    for file in directory.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file
    assert {file.name for file in directory.iterdir()} == {
        "lock",
        "registry.db",
        "registry.db-shm",
        "registry.db-wal",
    }


def test_it_holds_no_descriptor_after_close(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts, opens nothing else

    Store.open(tmp_path, exclusive=True).close()
    before = descriptors()
    Store.open(tmp_path, exclusive=True).close()
    assert descriptors() == before
