"""One cloud connection that is kept open: reader, writer, reconnects. Shared by cloud sources.

The reader thread alone opens and closes the socket, so that there can never be two; the writer
thread sends, pings, watches for silence, and gives its owner a turn when that wants one. What
the frames mean is the owner's business.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from dataclasses import dataclass
from random import random
from typing import NoReturn, Protocol
from urllib.parse import quote

from bridge.core.backoff import Backoff
from bridge.core.events import BadInput, CommandNotSent
from bridge.core.model import LinkId, LinkState
from bridge.dial import Attempt
from bridge.errors import FrameError, PeerError
from bridge.sources.base import Sink
from bridge.sources.jwt import Token, TokenUnavailableError
from bridge.sources.timing import Timing
from bridge.sources.websocket import (
    CloudSocket,
    Endpoint,
    GivenUpError,
    NotServedError,
    Received,
    TokenBrokenError,
    open_socket,
)
from bridge.threads import CrashHook, Deadline, spawn

PATH = "/shelly/wss/hk_sock"

MOST_WAITING = 32
"""Commands in line for one connection."""

_PREDECESSOR_LIMIT = 30.0
_LONGEST_WAIT = 10.0
"""The reader comes round at least this often (s) while there is no connection, and the writer."""
_LONGEST_DISPLACED = 5
"""Times the shortest delay."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """What a session needs of its source. Called from the session's threads."""

    displaced: str
    """What it means when the host ends one connection after the other."""

    def turn(self) -> float:
        """How long others go first (s) before it is our turn to connect again."""

    def token(self) -> Token:
        """A good token; raises `TokenUnavailableError`."""

    def endpoint(self, token: Token) -> Endpoint:
        """Where the connection goes to."""

    def token_refused(self, token: Token) -> None:
        """The host did not take it."""

    def unserved(self, token: Token) -> None:
        """The host knows nothing of what is asked for with it."""

    def state_changed(self, state: LinkState, error: str | None, token: Token | None) -> None:
        """The connection's state changed."""

    def opened(self) -> None:
        """The connection is open; frames follow."""

    def frame(self, data: bytes) -> None:
        """A text frame came; a `FrameError` out of here ends the connection."""

    def due(self) -> list[str]:
        """What else to send now; asked for while the connection is open. Never waits."""

    def due_at(self) -> float:
        """When `due` has something the next time (monotonic s), if nobody wakes the session."""

    def closed(self) -> None:
        """The connection is no longer open."""

    def ended(self) -> None:
        """The session was stopped and its reader is about to end."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A command on its way to the socket, worthless after `deadline` (monotonic s)."""

    request: int
    text: str
    deadline: float


@dataclass(frozen=True, slots=True)
class _Pause:
    """The state until the next attempt, what led to it, and how long it lasts (s)."""

    state: LinkState
    error: str
    delay: float


class CloudSession:
    """Keeps one connection open until it is stopped."""

    def __init__(
        self,
        link: LinkId,
        owner: Owner,
        sink: Sink,
        backoff: Backoff,
        on_crash: CrashHook,
        timing: Timing,
        predecessor: CloudSession | None = None,
    ) -> None:
        """`predecessor` is a stopped session of the same host; its end is waited for."""
        self.link = link
        self._owner = owner
        self._sink = sink
        self._backoff = backoff
        self._timing = timing
        self._predecessor = predecessor
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._guard = threading.Lock()
        self._sending = threading.Lock()
        self._attempt: Attempt | None = None
        self._socket: CloudSocket | None = None
        self._apart = threading.Event()
        """There is no connection, and none is being opened."""
        self._apart.set()
        self._last_received = 0.0
        self._last_ping = 0.0
        self._quick_closes = 0
        self._last_error = ""
        self._out: queue.Queue[Outgoing | None] = queue.Queue(MOST_WAITING)
        self._on_crash = on_crash
        self._threads: list[threading.Thread] = []
        self._rounds = [0, 0]
        """Of the reader and of the writer."""

    def start(self) -> None:
        """Begin to connect; once, before anything else."""
        name = f"cloud-{self.link}"
        self._threads = [
            spawn(f"{name}-read", self._read, self._on_crash),
            spawn(f"{name}-write", self._write, self._on_crash),
        ]

    # Called by the engine's thread

    def send(self, outgoing: Outgoing) -> CommandNotSent | None:
        """Put a command in line, or say why not."""
        if self._socket is None:
            return self._not_sent(outgoing, "host_down", "the connection to the cloud is down")
        try:
            self._out.put_nowait(outgoing)
        except queue.Full:
            return self._not_sent(outgoing, "rate_limited", "too many commands for this host")
        return None

    def wake(self) -> None:
        """Give the owner its turn soon; it has one after each command anyway."""
        if self._out.empty():
            with contextlib.suppress(queue.Full):
                self._out.put_nowait(None)

    def reconnect(self) -> None:
        """Close the connection, and do not wait before the next one."""
        self._hurry.set()
        self._break_off("it was asked to connect anew")

    def request_stop(self) -> None:
        """Begin to end; returns at once."""
        self._stopping.set()
        self._hurry.set()
        self._break_off("the bridge does not need it any more")
        self.wake()

    def closed(self, deadline: Deadline) -> bool:
        """Whether, after a stop was requested, the connection is closed for sure; waits for it.

        The peer does not have to be told more; the reader may still be busy with what came.
        """
        if not self._stopping.is_set():
            return False
        with self._guard:
            # A connection that is known here was shut by the stop.
            closed = self._apart.is_set() or self._socket is not None
        return closed or self._apart.wait(deadline.remaining())

    def beats(self) -> dict[str, int]:
        """See `Source.beats`."""
        pairs = zip(self._threads, self._rounds, strict=False)
        return {thread.name: rounds for thread, rounds in pairs if thread.is_alive()}

    def join(self, deadline: Deadline) -> list[str]:
        """Wait for both threads; gives the names of those that still live."""
        for thread in self._threads:
            thread.join(deadline.remaining())
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _break_off(self, reason: str) -> None:
        with self._guard:
            if self._attempt is not None:
                self._attempt.abort()
            if self._socket is not None:
                self._socket.abort(reason)

    # The reader's thread

    def _read(self) -> None:
        if self._predecessor is not None:
            self._predecessor.join(Deadline(_PREDECESSOR_LIMIT))
            self._predecessor = None
        while not self._stopping.is_set():
            self._owner.state_changed(LinkState.CONNECTING, None, None)
            pause = self._try()
            if self._stopping.is_set():
                break
            level = logging.DEBUG if pause.error == self._last_error else logging.WARNING
            self._last_error = pause.error
            # What somebody does about it is noticed at once.
            waits = pause.state is LinkState.AUTH_REQUIRED
            then = "tried again within" if waits else "next attempt in"
            _log.log(level, "%s: %s; %s %.0f s", self.link, pause.error, then, pause.delay)
            self._owner.state_changed(pause.state, pause.error, None)
            if not self._hurried(Deadline(pause.delay)):
                self._hurried(Deadline(self._owner.turn()))
        self.wake()
        self._owner.ended()

    def _hurried(self, pause: Deadline) -> bool:
        """Wait for the next attempt; whether it was hurried before."""
        while not self._hurry.wait(min(pause.remaining(), _LONGEST_WAIT)):
            self._rounds[0] += 1
            if pause.passed:
                return False
        self._hurry.clear()
        return True

    def _try(self) -> _Pause:
        """One connection from start to end."""
        self._rounds[0] += 1
        try:
            token = self._owner.token()
        except TokenUnavailableError as error:
            state = LinkState.AUTH_REQUIRED if error.refused else LinkState.BACKOFF
            delay = error.retry_after + 2 * random()  # noqa: S311 - jitter
            return _Pause(state, f"no access token: {error}", delay)
        self._rounds[0] += 1
        opened_at: float | None = None
        try:
            connection = self._open(token)
            opened_at = time.monotonic()
            self._run(connection, token)
        except PeerError as error:
            self._apart.set()
            if isinstance(error, TokenBrokenError):
                self._owner.token_refused(token)
            elif isinstance(error, NotServedError):
                self._owner.unserved(token)
            elif isinstance(error, FrameError):
                self._sink(BadInput(self.link, error.kind, str(error)))
            return self._judge(opened_at, error)

    def _open(self, token: Token) -> CloudSocket:
        attempt = Attempt(f"cloud-{self.link}-open", self._timing.open_limit)
        with self._guard:
            self._attempt = attempt
            self._apart.clear()
            if self._stopping.is_set():
                attempt.abort()
        try:
            query = f"t={quote(token.text)}"
            endpoint = self._owner.endpoint(token)
            return open_socket(endpoint, query, attempt, self._timing.send_limit)
        finally:
            with self._guard:
                self._attempt = None

    def _judge(self, opened_at: float | None, error: PeerError) -> _Pause:
        """What the end of an attempt tells, and the length of the connection if there was one."""
        if opened_at is not None:
            lived = time.monotonic() - opened_at
            self._backoff.ended(lived)
            ours = isinstance(error, GivenUpError | FrameError | TokenBrokenError)
            self._quick_closes = (
                0 if ours or lived >= self._timing.quick else self._quick_closes + 1
            )
            if self._quick_closes >= 2:
                return self._displaced()
        delay = min(self._backoff.next_delay(random()), self._backoff.longest)  # noqa: S311 - jitter
        return _Pause(LinkState.BACKOFF, str(error), delay)

    def _displaced(self) -> _Pause:
        """Two owners of one place would throw each other out for ever: one must be patient."""
        times = min(2 ** (self._quick_closes - 2), _LONGEST_DISPLACED)
        delay = self._timing.displaced_delay * times * (1 + random() / 2)  # noqa: S311 - jitter
        return _Pause(LinkState.DISPLACED, self._owner.displaced, delay)

    def _run(self, connection: CloudSocket, token: Token) -> NoReturn:
        """Read until the connection ends, which raises `PeerError`."""
        self._last_received = self._last_ping = time.monotonic()
        with self._guard:
            self._socket = connection
            if self._stopping.is_set():
                connection.abort("the bridge does not need it any more")
        try:
            self._hurry.clear()
            self._owner.state_changed(LinkState.CONNECTED, None, token)
            self._owner.opened()
            _log.info("%s: connected", self.link)
            self._last_error = ""
            self.wake()
            while True:
                kind, data = connection.receive()
                self._last_received = time.monotonic()
                self._rounds[0] += 1
                if kind is Received.TEXT:
                    self._owner.frame(data)
                elif kind is Received.BINARY:
                    self._sink(BadInput(self.link, "binary_frame", "a binary frame came"))
        finally:
            with self._guard:
                self._socket = None
            connection.abort("it was ended here")
            # What was shut is closed for the peer, whatever the writer still waits for.
            self._apart.set()
            with self._sending:
                connection.close()
            self._give_back()
            self._owner.closed()

    def _give_back(self) -> None:
        """Commands that were not sent yet will not be."""
        while True:
            try:
                outgoing = self._out.get_nowait()
            except queue.Empty:
                return
            if outgoing is not None:
                self._sink(self._not_sent(outgoing, "host_down", "the connection was lost"))

    def _not_sent(self, outgoing: Outgoing, status: str, text: str) -> CommandNotSent:
        return CommandNotSent(self.link, outgoing.request, status, text)

    # The writer's thread

    def _write(self) -> None:
        while not self._stopping.is_set():
            self._rounds[1] += 1
            try:
                outgoing = self._out.get(timeout=self._rest())
            except queue.Empty:
                outgoing = None
            with self._sending:
                connection = self._socket
                # The reader may not have seen yet that it is over; nothing goes out by it.
                if connection is not None and not connection.is_given_up:
                    try:
                        self._turn(connection, outgoing)
                    except PeerError as error:
                        connection.abort(str(error))
                    continue
            if outgoing is not None:
                self._sink(self._not_sent(outgoing, "host_down", "the connection was lost"))

    def _rest(self) -> float:
        """How long (s) there is nothing to do, unless somebody wakes us."""
        if self._socket is None:
            return _LONGEST_WAIT
        silent = self._last_received + self._timing.silence_limit
        due = min(silent, self._ping_at(), self._owner.due_at()) - time.monotonic()
        return max(self._timing.look, min(due, _LONGEST_WAIT))

    def _ping_at(self) -> float:
        return max(self._last_received, self._last_ping) + self._timing.ping_interval

    def _turn(self, connection: CloudSocket, outgoing: Outgoing | None) -> None:
        now = time.monotonic()
        if outgoing is not None and now >= outgoing.deadline:
            self._sink(self._not_sent(outgoing, "expired", "it could not be sent in time"))
        elif outgoing is not None:
            connection.send(outgoing.text)
        for text in self._owner.due():
            connection.send(text)
        now = time.monotonic()
        if now >= self._last_received + self._timing.silence_limit:
            connection.abort(f"nothing came for {self._timing.silence_limit:.0f} s")
        elif now >= self._ping_at():
            self._last_ping = now
            connection.ping()
