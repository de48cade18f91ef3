"""Threads of a source come round while they wait, and one that hangs does not."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bridge.core.backoff import Backoff
from bridge.core.events import LinkChanged
from bridge.core.model import LinkState
from bridge.errors import ConnectionLost
from bridge.sources import session
from bridge.sources.session import CloudSession
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.integrator_driver import IntegratorDriver
from tests.sources.peers import TlsPeer
from tests.sources.session_rig import FAST, LINK, PATIENT, Kept, end_with, talk

READER, WRITER = f"cloud-{LINK}-read", f"cloud-{LINK}-write"


def all_move(beats: Callable[[], dict[str, int]], *names: str) -> None:
    """Wait until each of these threads, and no other, has come round a few times."""
    before = beats()
    assert sorted(before) == sorted(names)
    wait_until(lambda: all(beats()[name] >= before[name] + 3 for name in names))


@pytest.mark.parametrize("silent", [True, False])
def test_both_threads_come_round_connected_or_not(
    monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    monkeypatch.setattr(session, "_LONGEST_WAIT", 0.02)
    with TlsPeer(talk if silent else end_with(b"")) as peer:
        kept = Kept(peer, FAST, Backoff(30, 30))
        if not silent:
            kept.owner.token_error = ConnectionLost("no token for now")
        kept.session.start()
        kept.owner.wait(LinkState.CONNECTED if silent else LinkState.BACKOFF)
        all_move(kept.session.beats, READER, WRITER)
        kept.stop()
        assert kept.session.beats() == {}


def test_a_reader_that_hangs_is_told_from_a_writer_that_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold, held = threading.Event(), threading.Event()
    with TlsPeer(talk) as peer:
        kept = Kept(peer, FAST, Backoff(30, 30))

        def hang(_: bytes) -> None:
            held.set()
            hold.wait(10)

        monkeypatch.setattr(kept.owner, "frame", hang)
        kept.session.start()
        kept.owner.wait(LinkState.CONNECTED)
        kept.send()
        assert held.wait(5)
        before = kept.session.beats()
        wait_until(lambda: kept.session.beats()[WRITER] >= before[WRITER] + 3)
        assert kept.session.beats()[READER] == before[READER]
        hold.set()
        kept.stop()


def test_a_writer_with_nothing_to_do_sleeps_until_it_is_woken() -> None:
    with TlsPeer(talk) as peer:
        kept = Kept(peer, PATIENT, Backoff(30, 30))
        kept.session.start()
        kept.owner.wait(LinkState.CONNECTED)
        before = kept.session.beats()
        # The reader comes round for each answer; looking all the time would show meanwhile.
        for number in range(1, 11):
            frames = len(kept.owner.frames)
            kept.send(number)
            wait_until(lambda frames=frames: len(kept.owner.frames) > frames)  # type: ignore[misc]  # mypy and lambda defaults
            threading.Event().wait(5 * PATIENT.look)
        after = kept.session.beats()
        assert after[WRITER] - before[WRITER] <= 10 + 2
        kept.stop()


def test_a_pause_still_ends_in_time_and_at_once_when_hurried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "_LONGEST_WAIT", 0.01)
    with TlsPeer(talk) as peer:
        kept = Kept(peer, FAST, Backoff(30, 30))
        waiting: CloudSession = kept.session
        assert not waiting._hurried(Deadline(0.05))
        assert waiting._rounds[0] >= 1
        waiting.reconnect()
        assert waiting._hurried(Deadline(30))


def test_every_host_of_an_integrator_is_counted(driver: IntegratorDriver) -> None:
    assert driver.source.beats() == {}
    driver.begin()
    driver.recorder.wait(LinkChanged, lambda event: event.state is LinkState.CONNECTED)
    names = [f"cloud-{driver.link}-{what}" for what in ("read", "write")]
    assert set(names) <= set(driver.source.beats())
