"""What the engine wants remembered is written in its order, the newest only, and never given up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.core.effects import DropGrant, SaveComponents, SaveGrant, SaveTopics, SaveVisitor
from bridge.core.model import DeviceId, Grant, Visitor
from bridge.errors import StoreError
from bridge.store import Store
from bridge.store_writer import MOST_WAITING, TOGETHER, StoreWriter
from bridge.threads import Deadline
from tests.brokers import wait_until

DEVICE, OTHER = DeviceId("a8032abe54dc"), DeviceId("0cb815fd44e1")
HOST, OTHER_HOST = "shelly-7-eu.shelly.cloud", "shelly-8-eu.shelly.cloud"
RETRY = 0.1


class Disk:
    """A real store that can be held up, made to fail, and counts what is done."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.full = False
        self.hold = threading.Event()
        self.hold.set()
        self.calls: list[tuple[str, DeviceId]] = []
        self.attempts = 0

    def _do(self, name: str, device: DeviceId, *arguments: Any, **options: Any) -> None:
        self.attempts += 1
        self.hold.wait(10)
        if self.full:
            raise StoreError("the registry cannot be used: disk full")
        self.calls.append((name, device))
        getattr(self.store, name)(device, *arguments, **options)

    def update_grant(self, device: DeviceId, **options: Any) -> None:
        self._do("update_grant", device, **options)

    def forget_device(self, device: DeviceId, **options: Any) -> None:
        self._do("forget_device", device, **options)

    def put_visitor(self, visitor: Visitor) -> None:
        self.attempts += 1
        self.hold.wait(10)
        if self.full:
            raise StoreError("the registry cannot be used: disk full")
        self.calls.append(("put_visitor", visitor.device))
        self.store.put_visitor(visitor)

    def drop_visitor(self, device: DeviceId) -> None:
        self._do("drop_visitor", device)

    def remember(self, topics: dict[DeviceId, Any], published: dict[DeviceId, Any]) -> None:
        self.attempts += 1
        self.hold.wait(10)
        if self.full:
            raise StoreError("the registry cannot be used: disk full")
        self.calls += [("topics", device) for device in topics]
        self.calls += [("published", device) for device in published]
        self.store.remember(topics, published)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with Store.open(tmp_path / "data", exclusive=True) as store:
        for device in (DEVICE, OTHER):
            store.put_grant(Grant(device, HOST, "SHSW-1", "relay", ("x",), False), at=1.0)
    with Store.open(tmp_path / "data", exclusive=True) as store:
        yield Disk(store)


@pytest.fixture
def writer(disk: Disk) -> Iterator[StoreWriter]:
    crashes: list[BaseException] = []
    made = StoreWriter(disk, lambda _, error: crashes.append(error), RETRY)  # type: ignore[arg-type]  # stands in for a store
    yield made
    disk.hold.set()
    assert made.stop(Deadline(5)) == []
    assert crashes == []


def grant_of(disk: Disk, device: DeviceId = DEVICE) -> Grant:
    grant = disk.store.grant(device)
    assert grant is not None
    return grant


def test_everything_is_written(disk: Disk, writer: StoreWriter) -> None:
    writer.start()
    writer.put(SaveGrant(DEVICE, host=OTHER_HOST, control=True, code="SHSW-25"))
    writer.put(SaveTopics(DEVICE, frozenset({"shelly/a/b"})))
    writer.put(DropGrant(OTHER))
    wait_until(lambda: len(disk.calls) == 3)
    grant = grant_of(disk)
    assert (grant.host, grant.control, grant.code) == (OTHER_HOST, True, "SHSW-25")
    assert disk.store.topics() == {DEVICE: {"shelly/a/b"}}
    assert disk.store.grant(OTHER) is None


def test_of_a_device_that_is_kept_only_the_consent_goes(disk: Disk, writer: StoreWriter) -> None:
    told = (("", (("relay_0", "switch"),)),)
    for device in (DEVICE, OTHER):
        disk.store.put_visitor(Visitor(device))
        disk.store.set_topics(device, {f"shelly/{device}/info"})
        disk.store.set_published(device, told)
    writer.put(DropGrant(DEVICE, kept=True))
    writer.put(DropGrant(OTHER))
    writer.start()
    assert writer.stop(Deadline(5)) == []
    assert (disk.store.grants(), disk.store.visitors()) == ([], [Visitor(DEVICE)])
    assert disk.store.topics() == {DEVICE: {f"shelly/{DEVICE}/info"}}
    assert disk.store.published() == {DEVICE: told}


def test_a_consent_newer_than_the_removal_stays_with_all(disk: Disk, writer: StoreWriter) -> None:
    newer = replace(grant_of(disk), host=OTHER_HOST)
    disk.store.put_grant(newer, at=2.0)
    disk.store.put_visitor(Visitor(DEVICE))
    writer.put(DropGrant(DEVICE, disk.store.revision(DEVICE) - 1, kept=True))
    writer.start()
    assert writer.stop(Deadline(5)) == []
    assert grant_of(disk).host == OTHER_HOST
    assert disk.store.visitors() == [Visitor(DEVICE)]


@pytest.mark.parametrize("gone_last", [True, False])
def test_of_a_visitor_the_last_word_counts_and_the_grant_stays(
    disk: Disk, writer: StoreWriter, gone_last: bool
) -> None:
    disk.store.put_visitor(Visitor(DEVICE))
    for gone in (not gone_last, gone_last):
        writer.put(SaveVisitor(Visitor(DEVICE), gone=gone))
    writer.start()
    assert writer.stop(Deadline(5)) == []
    assert disk.store.visitors() == ([] if gone_last else [Visitor(DEVICE)])
    assert disk.store.grant(DEVICE) is not None


def test_what_home_assistant_was_told_is_written(disk: Disk, writer: StoreWriter) -> None:
    told = (("", (("relay_0", "switch"),)),)
    writer.put(SaveComponents(DEVICE, told))
    writer.put(SaveComponents(OTHER, told))
    writer.put(SaveComponents(OTHER, ()))
    writer.start()
    assert writer.stop(Deadline(5)) == []
    assert disk.store.published() == {DEVICE: told}
    assert disk.calls == [("published", DEVICE), ("published", OTHER)]


def test_the_newest_wins_while_the_disk_is_slow(disk: Disk, writer: StoreWriter) -> None:
    disk.hold.clear()
    writer.start()
    writer.put(DropGrant(OTHER))
    wait_until(lambda: disk.attempts == 1)
    for number in range(1_000):
        writer.put(SaveTopics(DEVICE, frozenset({f"shelly/{number}"})))
    disk.hold.set()
    wait_until(lambda: disk.store.topics().get(DEVICE) == {"shelly/999"})
    assert len(disk.calls) == 2


def test_what_many_devices_publish_is_written_together_and_in_order(
    disk: Disk, writer: StoreWriter
) -> None:
    disk.full = True
    devices = [DeviceId(f"{number:012x}") for number in range(2 * TOGETHER)]
    told = (("", (("relay_0", "switch"),)),)
    for device in devices:
        writer.put(SaveTopics(device, frozenset({f"shelly/{device}"})))
        writer.put(SaveComponents(device, told))
    writer.put(DropGrant(devices[0]))
    writer.start()
    wait_until(lambda: disk.attempts == 1)
    disk.full = False
    wait_until(lambda: ("forget_device", devices[0]) in disk.calls)
    # One attempt failed, and what it was for went back to its place.
    assert disk.attempts == 1 + 4 + 1
    left = devices[1:]
    assert disk.store.topics() == {device: {f"shelly/{device}"} for device in left}
    assert disk.store.published() == dict.fromkeys(left, told)


def test_of_a_device_that_is_let_go_nothing_is_written_later(
    disk: Disk, writer: StoreWriter
) -> None:
    disk.full = True
    told = (("", (("relay_0", "switch"),)),)
    for device in (DEVICE, OTHER):
        writer.put(SaveTopics(device, frozenset({f"shelly/{device}"})))
        writer.put(SaveComponents(device, told))
    writer.put(SaveGrant(DEVICE, code="B"))
    writer.start()
    wait_until(lambda: disk.attempts == 1)
    # One that was tried already, and would be tried again, and one that still waits.
    writer.let_go(DEVICE)
    disk.full = False
    wait_until(lambda: ("update_grant", DEVICE) in disk.calls)
    assert writer.stop(Deadline(5)) == []
    assert disk.store.topics() == {OTHER: {f"shelly/{OTHER}"}}
    assert disk.store.published() == {OTHER: told}
    assert grant_of(disk).code == "B"


def test_what_only_an_earlier_piece_says_of_a_grant_is_kept(
    disk: Disk, writer: StoreWriter
) -> None:
    writer.put(SaveGrant(DEVICE, host=OTHER_HOST, code="A"))
    writer.put(SaveGrant(DEVICE, control=True))
    writer.put(SaveGrant(DEVICE, code="B"))
    writer.start()
    wait_until(lambda: disk.calls)
    assert writer.stop(Deadline(5)) == []
    grant = grant_of(disk)
    assert (grant.host, grant.control, grant.code) == (OTHER_HOST, True, "B")
    assert disk.calls == [("update_grant", DEVICE)]


def test_kinds_of_work_of_a_device_keep_their_order(disk: Disk, writer: StoreWriter) -> None:
    writer.put(SaveTopics(DEVICE, frozenset({"shelly/x"})))
    writer.put(SaveGrant(DEVICE, control=True))
    writer.put(DropGrant(DEVICE))
    writer.start()
    wait_until(lambda: len(disk.calls) == 3)
    assert [name for name, _ in disk.calls] == ["topics", "update_grant", "forget_device"]
    assert disk.store.topics() == {}


def test_a_failed_write_is_tried_again_and_told_once(
    disk: Disk, writer: StoreWriter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    disk.full = True
    writer.start()
    writer.put(SaveGrant(DEVICE, control=True))
    wait_until(lambda: disk.attempts == 4)
    disk.full = False
    wait_until(lambda: disk.calls)
    wait_until(lambda: "can be written again" in caplog.text)
    assert grant_of(disk).control
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert "disk full" in caplog.records[0].message


def test_a_failed_write_does_not_undo_what_came_meanwhile(disk: Disk, writer: StoreWriter) -> None:
    disk.full = True
    disk.hold.clear()
    writer.start()
    writer.put(SaveGrant(DEVICE, host=OTHER_HOST, code="A"))
    wait_until(lambda: disk.attempts == 1)
    writer.put(SaveGrant(DEVICE, control=True, code="B"))
    disk.hold.set()
    wait_until(lambda: disk.attempts == 2)
    disk.full = False
    wait_until(lambda: disk.calls)
    assert writer.stop(Deadline(5)) == []
    grant = grant_of(disk)
    assert (grant.host, grant.control, grant.code) == (OTHER_HOST, True, "B")


@pytest.mark.parametrize("stays", [True, False])
def test_a_piece_that_failed_does_not_overtake_what_came_between(
    disk: Disk, writer: StoreWriter, stays: bool
) -> None:
    save, drop = SaveVisitor(Visitor(DEVICE)), DropGrant(DEVICE)
    first, between = (save, drop) if stays else (drop, save)
    disk.store.put_visitor(Visitor(OTHER))
    disk.full = True
    disk.hold.clear()
    writer.start()
    writer.put(first)
    wait_until(lambda: disk.attempts == 1)
    writer.put(between)
    writer.put(first)
    disk.hold.set()
    wait_until(lambda: disk.attempts == 2)
    disk.full = False
    wait_until(lambda: len(disk.calls) == 2)
    assert writer.stop(Deadline(5)) == []
    kept = {visitor.device for visitor in disk.store.visitors()}
    assert kept == ({DEVICE, OTHER} if stays else {OTHER})


def test_a_failing_disk_is_not_hammered(disk: Disk, writer: StoreWriter) -> None:
    disk.full = True
    writer.start()
    begin = time.monotonic()
    for number in range(200):
        writer.put(SaveTopics(DeviceId(f"{number:012x}"), frozenset({"shelly/x"})))
    wait_until(lambda: disk.attempts == 3)
    assert time.monotonic() - begin >= 2 * RETRY


def test_putting_never_waits_and_memory_is_bounded(disk: Disk, writer: StoreWriter) -> None:
    disk.hold.clear()
    writer.start()
    begin = time.monotonic()
    for number in range(MOST_WAITING + 100):
        writer.put(DropGrant(DeviceId(f"{number:012x}")))
    assert time.monotonic() - begin < 5
    assert writer.stop(Deadline(0.1)) == ["store-writer"]
    disk.full = True
    disk.hold.set()
    assert writer.stop(Deadline(5)) == []
    assert disk.attempts <= 2


def test_the_stop_writes_what_waits(disk: Disk, writer: StoreWriter) -> None:
    writer.start()
    for number in range(50):
        writer.put(SaveTopics(DeviceId(f"{number:012x}"), frozenset({"shelly/x"})))
    assert writer.stop(Deadline(5)) == []
    assert len(disk.store.topics()) == 50
    assert writer.stop(Deadline(5)) == []


@pytest.mark.parametrize("started", [True, False])
def test_the_stop_does_not_wait_for_a_disk_that_stays_full(disk: Disk, started: bool) -> None:
    slow = StoreWriter(disk, lambda *_: None, 60.0)  # type: ignore[arg-type]  # stands in for a store
    disk.full = True
    if started:
        slow.start()
    slow.put(DropGrant(DEVICE))
    if started:
        wait_until(lambda: disk.attempts == 1)
    begin = time.monotonic()
    assert slow.stop(Deadline(5)) == []
    assert time.monotonic() - begin < 1


def test_a_bug_reaches_the_crash_hook(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: DeviceId, **options: Any) -> None:
        raise ZeroDivisionError(options)

    crashes: list[BaseException] = []
    hook: Callable[[str, BaseException], None] = lambda _, error: crashes.append(error)  # noqa: E731 - a hook
    monkeypatch.setattr(disk, "forget_device", fail)
    broken = StoreWriter(disk, hook)  # type: ignore[arg-type]  # stands in for a store
    broken.start()
    broken.put(DropGrant(DEVICE))
    wait_until(lambda: crashes)
    assert isinstance(crashes[0], ZeroDivisionError)
    assert broken.stop(Deadline(1)) == []


def test_a_write_about_an_older_consent_changes_nothing(disk: Disk, writer: StoreWriter) -> None:
    again = Grant(DEVICE, "new.shelly.cloud", "SHSW-1", "relay", ("x",), False)
    disk.store.put_grant(again, at=2.0)
    writer.put(SaveGrant(DEVICE, host="old.shelly.cloud"))
    writer.put(DropGrant(DEVICE))
    writer.put(DropGrant(OTHER))
    writer.start()
    wait_until(lambda: disk.store.grant(OTHER) is None)
    assert grant_of(disk) == again
