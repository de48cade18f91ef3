"""A cloud session with a peer of the test's making, and an owner that only remembers."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable

from bridge.core.backoff import Backoff
from bridge.core.events import CommandNotSent
from bridge.core.model import LinkId, LinkState
from bridge.errors import AuthError, FrameError, PeerError
from bridge.simulator.wire import frame
from bridge.sources.jwt import Token, TokenUnavailableError
from bridge.sources.session import CloudSession, Outgoing
from bridge.sources.timing import Timing
from bridge.sources.websocket import Endpoint
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.peers import HOST, Serve, TlsPeer, accept_websocket, read_frame, swallow
from tests.sources.recorder import Recorder

LINK = LinkId(HOST)
TOKEN = Token("head.c2VjcmV0LWNhbmFyeQ.tail", 1e12, 1_900_000_000.0)
FAST = Timing(
    open_limit=0.3,
    send_limit=0.3,
    ping_interval=0.06,
    silence_limit=0.25,
    look=0.02,
    quick=0.6,
    displaced_delay=0.25,
)
"""Everything is given up soon."""
PATIENT = Timing(look=0.02)
"""What only the peer can end."""


class FakeOwner:
    """Remembers what the session tells it."""

    displaced = "somebody else has our place"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.states: list[tuple[float, LinkState, str | None]] = []
        self.frames: list[bytes] = []
        self.refused: list[Token] = []
        self.told: list[str] = []
        self.questions: list[str] = []
        self.token_error: PeerError | None = None
        self.others_first = 0.0

    def turn(self) -> float:
        return self.others_first

    def token(self) -> Token:
        if self.token_error is not None:
            refused = isinstance(self.token_error, AuthError)
            raise TokenUnavailableError(str(self.token_error), 30.0, refused=refused)
        return TOKEN

    def endpoint(self, token: Token) -> Endpoint:
        assert token is TOKEN
        return self._endpoint

    def token_refused(self, token: Token) -> None:
        self.refused.append(token)

    def unserved(self, _: Token) -> None:
        self.told.append("unserved")

    def state_changed(self, state: LinkState, error: str | None, token: Token | None) -> None:
        assert (token is TOKEN) == (state is LinkState.CONNECTED)
        self.states.append((time.monotonic(), state, error))

    def opened(self) -> None:
        self.told.append("opened")

    def frame(self, data: bytes) -> None:
        if data == b"utf8":
            raise FrameError("utf8", "the text is not UTF-8")
        if data == b"bug":
            raise ZeroDivisionError
        self.frames.append(data)

    def due(self) -> list[str]:
        asked, self.questions = self.questions, []
        return asked

    def due_at(self) -> float:
        return math.inf

    def closed(self) -> None:
        self.told.append("closed")

    def ended(self) -> None:
        self.told.append("ended")

    def in_state(self, state: LinkState) -> list[tuple[float, str | None]]:
        """When the session came into a state, and why."""
        return [(at, error) for at, found, error in list(self.states) if found is state]

    def wait(self, state: LinkState, count: int = 1, limit: float = 10.0) -> tuple[float, str]:
        """Wait until the session came into a state for so many times."""
        wait_until(lambda: len(self.in_state(state)) >= count, limit, f"{state} in {self.states}")
        at, error = self.in_state(state)[count - 1]
        return at, error or ""


class Kept:
    """A session under test, with everything around it."""

    def __init__(self, peer: TlsPeer, timing: Timing, backoff: Backoff) -> None:
        self.peer = peer
        self.owner = FakeOwner(peer.endpoint())
        self.recorder = Recorder()
        self.timing = timing
        self.session = self.another(backoff)

    def another(self, backoff: Backoff, predecessor: CloudSession | None = None) -> CloudSession:
        return CloudSession(
            LINK,
            self.owner,
            self.recorder,
            backoff,
            self.recorder.crashed,
            self.timing,
            predecessor,
        )

    def stop(self) -> float:
        """Stop; gives how long it took (s)."""
        begin = time.monotonic()
        for _ in range(2):
            self.session.request_stop()
            assert self.session.join(Deadline(5)) == []
        return time.monotonic() - begin

    def send(self, request: int = 1, seconds: float = 5.0) -> CommandNotSent | None:
        return self.session.send(Outgoing(request, f"#{request}", time.monotonic() + seconds))


def talk(connection: socket.socket) -> None:
    """Answer pings, and repeat every text."""
    accept_websocket(connection)
    while True:
        opcode, payload = read_frame(connection)
        connection.sendall(frame(payload, 10 if opcode == 9 else opcode))


def accept_and_swallow(connection: socket.socket) -> None:
    accept_websocket(connection)
    swallow(connection)


def flood(kept: Kept, enough: Callable[[], object]) -> tuple[float, CommandNotSent | None]:
    """Send until nothing goes out for a while: the longest time (s) and the last refusal."""
    slowest, request, refused = 0.0, 0, None
    went_out = time.monotonic()
    while not enough() and time.monotonic() - went_out < 1.0:
        request += 1
        begin = time.monotonic()
        refused = kept.session.send(Outgoing(request, "x" * 1000, begin + 60))
        slowest = max(slowest, time.monotonic() - begin)
        if refused is None:
            went_out = time.monotonic()
        else:
            time.sleep(0.001)
    return slowest, refused


def end_with(data: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        connection.sendall(data)

    return serve
