"""The service manager is spoken to by its protocol, and never in the way."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from bridge import notify
from bridge.notify import Notifier
from tests.brokers import wait_until
from tests.manager import Manager


@pytest.mark.parametrize("abstract", [True, False])
def test_values_arrive_in_one_message(tmp_path: Path, abstract: bool) -> None:
    with Manager(None if abstract else tmp_path) as manager:
        notifier = Notifier({"NOTIFY_SOCKET": manager.address})
        assert notifier.wanted
        assert notifier.tell(READY=1, STATUS="all\nis  well")
        wait_until(lambda: manager.messages)
    # A line break would begin another value.
    assert manager.messages == [{"READY": "1", "STATUS": "all is well"}]


@pytest.mark.parametrize("address", ["", "@", "relative", "vsock:2:1"])
def test_without_a_manager_nothing_is_said(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address} if address else {})
    assert not notifier.wanted
    assert not notifier.tell(READY=1)


def test_a_manager_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    assert not Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell(READY=1)


def test_a_manager_that_does_not_read_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "deaf")})
        began = time.monotonic()
        while notifier.tell(WATCHDOG=1):
            assert time.monotonic() - began < 30
        assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_or_not(given: dict[str, str], seconds: float | None) -> None:
    assert Notifier(given).watchdog == seconds
