"""Threads have a name, crashes reach their owner, and one time limit serves many waits."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from bridge.threads import Deadline, spawn


def test_a_thread_has_its_name_and_does_not_keep_the_process_alive() -> None:
    names: list[str] = []
    thread = spawn("engine", lambda: names.append(threading.current_thread().name), lambda *_: None)
    thread.join(5)
    assert names == ["engine"]
    assert thread.daemon


@pytest.mark.parametrize("error", [ZeroDivisionError("why"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_ends_a_thread_is_logged_and_handed_over(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, BaseException]] = []

    def fail() -> None:
        raise error

    spawn("web", fail, lambda name, caught: told.append((name, caught))).join(5)
    assert told == [("web", error)]
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.CRITICAL, "thread web crashed")
    assert record.exc_info is not None


def test_a_thread_that_ends_by_itself_tells_nobody() -> None:
    told: list[object] = []
    spawn("web", lambda: None, lambda *crash: told.append(crash)).join(5)
    assert told == []


def test_a_deadline_runs_out_and_never_below_zero() -> None:
    deadline = Deadline(0.05)
    assert not deadline.passed
    assert 0 < deadline.remaining() <= 0.05
    time.sleep(0.06)
    assert deadline.passed
    assert deadline.remaining() == 0.0
