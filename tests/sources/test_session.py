"""One connection kept open: what ends it, when it comes back, and how it stops in every phase."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise

import pytest

from bridge.core.backoff import Backoff
from bridge.core.events import BadInput, CommandNotSent
from bridge.core.model import LinkState
from bridge.errors import AuthError, PeerError
from bridge.simulator.wire import frame
from bridge.sources.session import MOST_WAITING
from bridge.sources.timing import Timing
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.peers import Serve, TlsPeer, accept_websocket, close_frame, idle, swallow
from tests.sources.recorder import threads_of
from tests.sources.session_rig import (
    FAST,
    LINK,
    PATIENT,
    TOKEN,
    Kept,
    accept_and_swallow,
    end_with,
    flood,
    talk,
)

Maker = Callable[..., Kept]


@pytest.fixture
def keep() -> Iterator[Maker]:
    made: list[Kept] = []

    def make(serve: Serve, timing: Timing = FAST, backoff: Backoff | None = None) -> Kept:
        peer = TlsPeer(serve)
        kept = Kept(peer.__enter__(), timing, backoff or Backoff(0.05, 0.1))
        made.append(kept)
        kept.session.start()
        return kept

    yield make
    for kept in made:
        kept.stop()
        kept.peer.__exit__(None, None, None)
        assert kept.recorder.crashes == []
    wait_until(lambda: not threads_of(["cloud-"]))


# What comes and goes


def test_frames_come_in_and_commands_and_questions_go_out(keep: Maker) -> None:
    kept = keep(talk)
    kept.owner.wait(LinkState.CONNECTED)
    assert kept.send(7) is None
    wait_until(lambda: kept.owner.frames == [b"#7"])
    kept.owner.questions = ["who?"]
    kept.session.wake()
    wait_until(lambda: kept.owner.frames == [b"#7", b"who?"])
    assert [state for _, state, _ in kept.owner.states] == ["connecting", "connected"]


def test_a_binary_frame_is_counted_and_survived(keep: Maker) -> None:
    kept = keep(end_with(frame(b"\0", 2) + frame(b"text")))
    assert kept.recorder.wait(BadInput).kind == "binary_frame"
    wait_until(lambda: kept.owner.frames[:1] == [b"text"])


def test_a_command_that_is_too_late_is_given_back_and_never_sent(keep: Maker) -> None:
    kept = keep(talk)
    kept.owner.wait(LinkState.CONNECTED)
    assert kept.send(1, seconds=-0.1) is None
    assert kept.send(2) is None
    assert kept.recorder.wait(CommandNotSent).status == "expired"
    wait_until(lambda: kept.owner.frames)
    assert kept.owner.frames == [b"#2"]


def test_a_command_without_a_connection_is_given_back_at_once(keep: Maker) -> None:
    kept = keep(lambda _: None, backoff=Backoff(30, 30))
    kept.owner.wait(LinkState.BACKOFF)
    refused = kept.send(3)
    assert refused is not None
    assert (refused.link, refused.request, refused.status) == (LINK, 3, "host_down")


def test_sending_never_blocks_and_what_waited_is_given_back(keep: Maker) -> None:
    """A peer that stops reading: the line fills up, and every command has one fate."""
    hold = threading.Event()

    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        connection.sendall(frame(b"go"))
        hold.wait(10)

    kept = keep(serve, PATIENT)
    wait_until(lambda: kept.owner.frames)
    slowest, refused = flood(kept, lambda: False)
    assert slowest < 0.25
    assert refused is not None
    assert refused.status == "rate_limited"
    kept.peer.cut()
    hold.set()
    wait_until(lambda: len(kept.recorder.of(CommandNotSent)) >= MOST_WAITING - 2)
    kept.stop()
    given_back = [event.request for event in kept.recorder.of(CommandNotSent)]
    assert len(set(given_back)) == len(given_back) <= MOST_WAITING + 1
    assert {event.status for event in kept.recorder.of(CommandNotSent)} == {"host_down"}


# Ends


@pytest.mark.parametrize("serve", [swallow, lambda connection: idle(connection, 10)])
def test_a_handshake_that_is_never_answered_is_tried_again(keep: Maker, serve: Serve) -> None:
    kept = keep(serve)
    begin = time.monotonic()
    at, error = kept.owner.wait(LinkState.BACKOFF)
    assert error == "it did not answer in time"
    assert at - begin < FAST.open_limit + 0.5
    kept.owner.wait(LinkState.CONNECTING, 2)


def test_a_host_that_answers_no_ping_is_given_up(keep: Maker) -> None:
    kept = keep(accept_and_swallow)
    up, _ = kept.owner.wait(LinkState.CONNECTED)
    down, error = kept.owner.wait(LinkState.BACKOFF)
    assert error == "nothing came for 0 s"
    assert FAST.silence_limit <= down - up < FAST.silence_limit + 0.5
    kept.owner.wait(LinkState.CONNECTED, 3)
    assert not kept.owner.in_state(LinkState.DISPLACED)


def test_a_host_that_answers_pings_is_kept(keep: Maker) -> None:
    kept = keep(talk)
    up, _ = kept.owner.wait(LinkState.CONNECTED)
    wait_until(lambda: time.monotonic() - up > 3 * FAST.silence_limit)
    assert kept.peer.connections == 1
    assert [state for _, state, _ in kept.owner.states] == ["connecting", "connected"]


def test_a_frame_that_is_cut_half_way_is_given_up(keep: Maker) -> None:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        connection.sendall(frame(b"x" * 1000)[:100])
        swallow(connection)

    kept = keep(serve)
    up, _ = kept.owner.wait(LinkState.CONNECTED)
    down, _ = kept.owner.wait(LinkState.BACKOFF)
    assert down - up < FAST.silence_limit + 0.5


def test_a_host_that_never_reads_is_given_up(keep: Maker) -> None:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        # It goes on talking, so that only the blocked sends give it away.
        while True:
            connection.sendall(frame(b"still here"))
            idle(connection, 0.05)

    kept = keep(serve)
    kept.owner.wait(LinkState.CONNECTED)
    flood(kept, lambda: kept.owner.in_state(LinkState.BACKOFF))
    kept.owner.wait(LinkState.BACKOFF)
    assert "does not read" in kept.owner.wait(LinkState.BACKOFF)[1]


@pytest.mark.parametrize(
    ("data", "kind"),
    [(frame(b"utf8"), "utf8"), (b"\x83\x01x", "websocket"), (b"\x81\xff" * 9, "websocket")],
)
def test_a_protocol_error_is_counted_and_the_connection_opened_again(
    keep: Maker, data: bytes, kind: str
) -> None:
    kept = keep(end_with(data))
    bad = kept.recorder.wait(BadInput, count=4)
    assert (bad.source, bad.kind) == (LINK, kind)
    kept.owner.wait(LinkState.BACKOFF, 4)
    assert not kept.owner.in_state(LinkState.DISPLACED)
    assert kept.owner.told[:3] == ["opened", "closed", "opened"]


@pytest.mark.parametrize("data", [close_frame(4401), close_frame(1008, "Token-Broken")])
def test_a_token_that_the_host_breaks_with_is_reported_each_time(keep: Maker, data: bytes) -> None:
    kept = keep(end_with(data))
    kept.owner.wait(LinkState.BACKOFF, 3)
    assert kept.owner.refused[:3] == [TOKEN] * 3
    assert not kept.owner.in_state(LinkState.DISPLACED)


def test_a_token_that_is_refused_at_the_door_is_reported(keep: Maker) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

    kept = keep(serve)
    kept.owner.wait(LinkState.BACKOFF)
    assert kept.owner.refused[:1] == [TOKEN]
    assert "opened" not in kept.owner.told


def test_a_host_that_knows_nothing_of_it_is_reported(keep: Maker) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    kept = keep(serve)
    assert kept.owner.wait(LinkState.BACKOFF)[1] == "the host answered HTTP 404"
    assert kept.owner.told[:1] == ["unserved"]
    assert kept.owner.refused == []


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AuthError("refused"), LinkState.AUTH_REQUIRED),
        (PeerError("HTTP 500"), LinkState.BACKOFF),
    ],
)
def test_without_a_token_no_host_is_bothered(
    keep: Maker, error: PeerError, state: LinkState
) -> None:
    kept = keep(talk)
    kept.owner.wait(LinkState.CONNECTED)
    kept.owner.token_error = error
    kept.session.reconnect()
    wait_until(lambda: kept.owner.states[-1][1:] == (state, f"no access token: {error}"))
    assert kept.peer.connections == 1


# When it comes back


def test_a_place_that_is_taken_twice_in_a_row_is_left_to_the_other(keep: Maker) -> None:
    kept = keep(end_with(b""))
    begin = time.monotonic()
    reported, text = kept.owner.wait(LinkState.DISPLACED)
    assert reported - begin < 5
    assert "somebody else" in text
    again, _ = kept.owner.wait(LinkState.CONNECTING, 3)
    assert again - reported >= FAST.displaced_delay
    reported, _ = kept.owner.wait(LinkState.DISPLACED, 2)
    again, _ = kept.owner.wait(LinkState.CONNECTING, 4)
    assert again - reported >= 2 * FAST.displaced_delay
    assert kept.peer.connections <= 4


def test_the_usual_delay_of_a_displaced_bridge_is_a_minute_at_least() -> None:
    assert Timing().displaced_delay >= 60
    assert Timing().open_limit <= 15
    assert Timing().silence_limit + Timing().look <= 40
    assert Timing().ping_interval < Timing().silence_limit


def test_a_connection_that_lasted_was_not_taken_by_somebody_else(keep: Maker) -> None:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        idle(connection, 0.3)

    kept = keep(serve, Timing(look=0.02, quick=0.1))
    kept.owner.wait(LinkState.BACKOFF, 3)
    assert not kept.owner.in_state(LinkState.DISPLACED)


def test_a_close_between_breaches_of_the_protocol_is_not_in_a_row(keep: Maker) -> None:
    ends = cycle([b"", b"\x83\x01x"])

    def serve(connection: socket.socket) -> None:
        end_with(next(ends))(connection)

    kept = keep(serve)
    kept.owner.wait(LinkState.BACKOFF, 6)
    assert not kept.owner.in_state(LinkState.DISPLACED)


def test_delays_grow_to_the_longest_and_differ(keep: Maker) -> None:
    kept = keep(lambda _: None, backoff=Backoff(0.06, 0.24))
    kept.owner.wait(LinkState.CONNECTING, 7, limit=10)
    downs = [at for at, _ in kept.owner.in_state(LinkState.BACKOFF)]
    ups = [at for at, _ in kept.owner.in_state(LinkState.CONNECTING)][1:]
    delays = [up - down for up, down in zip(ups, downs, strict=False)]
    pairs = list(zip(delays, [0.06, 0.12, 0.24, 0.24, 0.24, 0.24], strict=True))
    for delay, middle in pairs:
        assert 0.5 * middle <= delay < min(1.5 * middle, 0.24) + 0.1
    # Of the longest each second one is not shortened.
    assert any(abs(delay / middle - 1) > 0.05 for delay, middle in pairs)


def test_no_delay_is_longer_than_the_longest(keep: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.sources.session.random", lambda: 1.0)
    kept = keep(lambda _: None, backoff=Backoff(0.4, 0.4))
    kept.owner.wait(LinkState.CONNECTING, 4)
    told = list(kept.owner.states)
    delays = [
        after[0] - before[0] for before, after in pairwise(told) if after[1] is LinkState.CONNECTING
    ]
    assert min(delays) < 0.55


class TellingBackoff(Backoff):
    """Remembers what it is told."""

    __slots__ = ("lives",)

    def __init__(self) -> None:
        super().__init__(0.02, 0.02)
        self.lives: list[float] = []

    def ended(self, lived: float) -> None:
        self.lives.append(lived)


@pytest.mark.parametrize("end", [close_frame(1000), close_frame(4401), b"\x83\x01x"])
def test_however_a_connection_ends_its_length_counts(keep: Maker, end: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        idle(connection, 0.2)
        connection.sendall(end)

    backoff = TellingBackoff()
    keep(serve, backoff=backoff)
    wait_until(lambda: backoff.lives)
    assert 0.05 < backoff.lives[0] < 5.0


def test_a_connection_that_is_wanted_anew_does_not_wait(keep: Maker) -> None:
    kept = keep(talk, backoff=Backoff(30, 60))
    for number in (1, 2, 3):
        kept.owner.wait(LinkState.CONNECTED, number)
        kept.session.reconnect()
    kept.owner.wait(LinkState.CONNECTED, 4)
    assert not kept.owner.in_state(LinkState.DISPLACED)


def test_a_wish_to_connect_ends_the_wait_for_the_next_attempt(keep: Maker) -> None:
    kept = keep(lambda _: None, backoff=Backoff(30, 60))
    kept.owner.wait(LinkState.BACKOFF)
    kept.session.reconnect()
    kept.owner.wait(LinkState.BACKOFF, 2)


def test_it_lets_others_go_first_when_it_comes_again(keep: Maker) -> None:
    kept = keep(end_with(b""), Timing(look=0.02, quick=0.0), Backoff(0.01, 0.01))
    kept.owner.others_first = 0.3
    kept.owner.wait(LinkState.CONNECTED, 4)
    told = list(kept.owner.states)
    waits = [
        after[0] - before[0] for before, after in pairwise(told) if after[1] is LinkState.CONNECTING
    ]
    # The first may have been on its way before that was said.
    assert len(waits) >= 3
    assert all(wait >= 0.3 for wait in waits[1:])


def test_who_is_asked_to_connect_waits_for_no_turn(keep: Maker) -> None:
    kept = keep(end_with(b""), Timing(look=0.02, quick=0.0), Backoff(0.01, 0.01))
    kept.owner.others_first = 60.0
    kept.owner.wait(LinkState.BACKOFF)
    kept.session.reconnect()
    kept.owner.wait(LinkState.CONNECTED, 2)


def test_a_successor_waits_for_the_end_of_the_one_before(keep: Maker) -> None:
    kept = keep(talk)
    kept.owner.wait(LinkState.CONNECTED)
    successor = kept.another(Backoff(0.05, 0.1), kept.session)
    successor.start()
    try:
        time.sleep(0.1)
        assert kept.peer.connections == 1
        kept.session.request_stop()
        kept.owner.wait(LinkState.CONNECTED, 2)
    finally:
        successor.request_stop()
        assert successor.join(Deadline(5)) == []
    assert kept.owner.told[:4] == ["opened", "closed", "ended", "opened"]


# Stopping, crashing, telling


@pytest.mark.parametrize(
    ("serve", "state"),
    [
        (swallow, LinkState.CONNECTING),
        (talk, LinkState.CONNECTED),
        (accept_and_swallow, LinkState.CONNECTED),
        (lambda _: None, LinkState.BACKOFF),
        (end_with(b""), LinkState.DISPLACED),
    ],
    ids=["connecting", "connected", "silent", "waiting", "displaced"],
)
def test_a_stop_ends_every_phase_at_once(keep: Maker, serve: Serve, state: LinkState) -> None:
    slow = Timing(displaced_delay=60.0)
    kept = keep(serve, slow, Backoff(0.05 if state is LinkState.DISPLACED else 30, 60))
    kept.owner.wait(state)
    wait_until(lambda: kept.peer.connections)
    assert kept.stop() < 1.5
    assert kept.owner.told[-1] == "ended"
    assert kept.owner.told.count("opened") == kept.owner.told.count("closed")


def test_a_stop_ends_a_blocked_send(keep: Maker) -> None:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        idle(connection, 10)

    kept = keep(serve, Timing())
    kept.owner.wait(LinkState.CONNECTED)
    flood(kept, lambda: False)
    assert kept.stop() < 1.5


def test_a_bug_in_what_takes_the_frames_reaches_the_crash_hook(keep: Maker) -> None:
    kept = keep(end_with(frame(b"bug")))
    wait_until(lambda: kept.recorder.crashes)
    assert isinstance(kept.recorder.crashes.pop(), ZeroDivisionError)


def test_what_repeats_is_logged_once(keep: Maker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kept = keep(lambda _: None)
    kept.owner.wait(LinkState.BACKOFF, 5)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_the_token_is_told_to_nobody(keep: Maker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    kept = keep(end_with(close_frame(4401, TOKEN.text)))
    kept.owner.wait(LinkState.BACKOFF, 2)
    kept.stop()
    seen = f"{caplog.text} {kept.owner.states!r} {kept.recorder.events!r} {kept.owner.refused!r}"
    assert TOKEN.text not in seen
    assert "c2VjcmV0LWNhbmFyeQ" not in seen


# Whether it is closed for sure


def test_nothing_is_closed_for_sure_before_the_stop(keep: Maker) -> None:
    kept = keep(talk)
    kept.owner.wait(LinkState.CONNECTED)
    assert not kept.session.closed(Deadline(0))


def test_a_connection_is_closed_although_what_came_by_it_is_still_worked_on(keep: Maker) -> None:
    closed, busy, go_on = threading.Event(), threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        connection.sendall(frame(b"{}"))
        swallow(connection)
        closed.set()

    kept = keep(serve, PATIENT)

    def work(data: bytes) -> None:
        assert data == b"{}"
        busy.set()
        assert go_on.wait(10)

    kept.owner.frame = work  # type: ignore[method-assign]  # an engine that is busy
    assert busy.wait(10)
    kept.session.request_stop()
    told = kept.session.closed(Deadline(0))
    ended = closed.wait(10)
    go_on.set()
    assert told
    assert ended


def test_a_connection_that_is_being_opened_is_not_closed_for_sure(
    keep: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, go_on = threading.Event(), threading.Event()

    def late(*_: object) -> None:
        opening.set()
        assert go_on.wait(10)
        raise PeerError("it was ended")

    monkeypatch.setattr("bridge.sources.session.open_socket", late)
    kept = keep(talk)
    assert opening.wait(10)
    kept.session.request_stop()
    told = kept.session.closed(Deadline(0))
    go_on.set()
    assert not told
    assert kept.session.closed(Deadline(10))


def test_whoever_waits_for_a_token_has_no_connection(keep: Maker) -> None:
    kept = keep(talk)
    kept.owner.token_error = AuthError("not now")
    kept.session.reconnect()
    kept.owner.wait(LinkState.AUTH_REQUIRED)
    kept.session.request_stop()
    assert kept.session.closed(Deadline(0))
