"""One cloud connection that is kept open: reader, writer, reconnects. Shared by cloud sources.

The reader thread alone opens and closes the socket, so that there can never be two; the writer
thread sends, pings, watches for silence, and gives its owner a turn every second. What the
frames mean is the owner's business.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from dataclasses import dataclass
from random import random
from typing import Protocol
from urllib.parse import quote

from bridge.core.backoff import Backoff
from bridge.core.model import BadInput, CommandNotSent, LinkId, LinkState
from bridge.errors import FrameError, PeerError
from bridge.sources.base import Sink
from bridge.sources.token import Token, TokenUnavailableError
from bridge.sources.websocket import (
    CloudSocket,
    Endpoint,
    Received,
    TokenBrokenError,
    open_socket,
    shut,
)
from bridge.threads import CrashHook, Deadline, spawn

PATH = "/shelly/wss/hk_sock"
PING_INTERVAL = 30.0
SILENCE_LIMIT = 40.0
"""A connection from which nothing came for so long (s), pongs included, is dead."""

QUICK = 10.0
"""A connection that the host closes within this time (s) was probably taken by somebody else."""

DISPLACED_DELAY = 60.0
"""The least time (s) before our place is claimed again."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """What a session needs of its source. Called from the session's threads."""

    def token(self) -> Token:
        """A good token; raises `TokenUnavailableError`."""

    def token_refused(self, token: Token) -> None:
        """The host did not take it."""

    def state_changed(self, state: LinkState, error: str | None, token: Token | None) -> None:
        """The connection's state changed."""

    def opened(self) -> None:
        """The connection is open; frames follow."""

    def frame(self, data: bytes) -> None:
        """A text frame came; a `FrameError` out of here ends the connection."""

    def due(self) -> list[str]:
        """What else to send now; asked for often while the connection is open."""

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


class CloudSession:
    """Keeps one connection open until it is stopped."""

    def __init__(
        self,
        link: LinkId,
        endpoint: Endpoint,
        owner: Owner,
        sink: Sink,
        backoff: Backoff,
        on_crash: CrashHook,
        predecessor: CloudSession | None = None,
    ) -> None:
        self.link = link
        self._endpoint = endpoint
        self._owner = owner
        self._sink = sink
        self._backoff = backoff
        self._predecessor = predecessor
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._guard = threading.Lock()
        self._sending = threading.Lock()
        self._opening: socket.socket | None = None
        self._socket: CloudSocket | None = None
        self._last_received = 0.0
        self._last_ping = 0.0
        self._quick_closes = 0
        self._last_error = ""
        self._out: queue.Queue[Outgoing | None] = queue.Queue(32)
        self._on_crash = on_crash
        self._threads: list[threading.Thread] = []

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
        """Give the owner its turn soon."""
        try:
            self._out.put_nowait(None)
        except queue.Full:
            return

    def reconnect(self) -> None:
        """Close the connection, and do not wait before the next one."""
        self._hurry.set()
        self._abort()

    def request_stop(self) -> None:
        """Begin to end; returns at once."""
        self._stopping.set()
        self._hurry.set()
        self._abort()
        self.wake()

    def join(self, deadline: Deadline) -> list[str]:
        """Wait for both threads; gives the names of those that still live."""
        for thread in self._threads:
            thread.join(deadline.remaining())
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _abort(self) -> None:
        with self._guard:
            if self._opening is not None:
                shut(self._opening)
            if self._socket is not None:
                self._socket.abort()

    # The reader's thread

    def _read(self) -> None:
        if self._predecessor is not None:
            self._predecessor.join(Deadline(30))
            self._predecessor = None
        while not self._stopping.is_set():
            self._owner.state_changed(LinkState.CONNECTING, None, None)
            state, error, delay = self._attempt()
            if self._stopping.is_set():
                break
            level = logging.DEBUG if error == self._last_error else logging.WARNING
            self._last_error = error
            _log.log(level, "%s: %s; next attempt in %.0f s", self.link, error, delay)
            self._owner.state_changed(state, error, None)
            self._hurry.wait(delay)
            self._hurry.clear()
        self._owner.ended()

    def _attempt(self) -> tuple[LinkState, str, float]:
        """One connection from start to end: the state after it, why it ended, how long to wait."""
        try:
            token = self._owner.token()
        except TokenUnavailableError as error:
            state = LinkState.AUTH_REQUIRED if error.refused else LinkState.BACKOFF
            return state, f"no access token: {error}", error.retry_after + 2 * random()  # noqa: S311 - jitter
        opened_at: float | None = None
        try:
            connection = open_socket(self._endpoint, f"t={quote(token.text)}", self._set_opening)
            opened_at = time.monotonic()
            self._run(connection, token)
            error_text = "the connection was ended"
        except TokenBrokenError as error:
            self._owner.token_refused(token)
            self._backoff.ended(0.0)
            return LinkState.BACKOFF, str(error), self._delay()
        except FrameError as error:
            return LinkState.BACKOFF, f"protocol error: {error}", self._delay()
        except PeerError as error:
            error_text = str(error)
        return self._judge(opened_at, error_text)

    def _judge(self, opened_at: float | None, error: str) -> tuple[LinkState, str, float]:
        """What the length of a connection that the host ended tells."""
        if opened_at is None or self._hurry.is_set():
            return LinkState.BACKOFF, error, self._delay()
        lived = time.monotonic() - opened_at
        self._backoff.ended(lived)
        self._quick_closes = self._quick_closes + 1 if lived < QUICK else 0
        if self._quick_closes < 2:
            return LinkState.BACKOFF, error, self._delay()
        text = "somebody else seems to use this integrator's only connection to the host"
        return LinkState.DISPLACED, text, DISPLACED_DELAY * (1 + random() / 2)  # noqa: S311 - jitter

    def _delay(self) -> float:
        return self._backoff.next_delay(random())  # noqa: S311 - jitter

    def _set_opening(self, opening: socket.socket | None) -> None:
        with self._guard:
            self._opening = opening
            if opening is not None and self._stopping.is_set():
                shut(opening)

    def _run(self, connection: CloudSocket, token: Token) -> None:
        """Read until the connection ends, which raises `PeerError`."""
        self._last_received = self._last_ping = time.monotonic()
        with self._guard:
            self._socket = connection
        try:
            self._owner.state_changed(LinkState.CONNECTED, None, token)
            self._owner.opened()
            _log.info("%s: connected", self.link)
            self._last_error = ""
            self.wake()
            while not self._stopping.is_set():
                kind, data = connection.receive()
                self._last_received = time.monotonic()
                if kind is Received.TEXT:
                    self._owner.frame(data)
                elif kind is Received.BINARY:
                    self._sink(BadInput(self.link, "binary_frame", "a binary frame came"))
        finally:
            with self._guard:
                self._socket = None
            connection.abort()
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
            try:
                outgoing = self._out.get(timeout=1.0)
            except queue.Empty:
                outgoing = None
            with self._sending:
                connection = self._socket
                if connection is not None:
                    try:
                        self._turn(connection, outgoing)
                    except PeerError:
                        connection.abort()
                    continue
            if outgoing is not None:
                self._sink(self._not_sent(outgoing, "host_down", "the connection was lost"))

    def _turn(self, connection: CloudSocket, outgoing: Outgoing | None) -> None:
        now = time.monotonic()
        if outgoing is not None and now >= outgoing.deadline:
            self._sink(self._not_sent(outgoing, "expired", "it could not be sent in time"))
        elif outgoing is not None:
            connection.send(outgoing.text)
        for text in self._owner.due():
            connection.send(text)
        if now - self._last_received > SILENCE_LIMIT:
            _log.warning("%s: nothing came for %.0f s", self.link, SILENCE_LIMIT)
            connection.abort()
        elif now - max(self._last_received, self._last_ping) > PING_INTERVAL:
            self._last_ping = now
            connection.ping()
