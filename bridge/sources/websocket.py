"""One WebSocket to a cloud host: opened within a time limit, frames within a size limit.

Wraps websocket-client, whose defaults have no limits, follow redirects and put answers' bodies
into exception texts.
"""

from __future__ import annotations

import select
import socket
import ssl
from dataclasses import dataclass
from enum import Enum
from http.cookies import CookieError
from typing import Any

import websocket
from websocket import ABNF
from websocket._abnf import continuous_frame, frame_buffer

from bridge import dial
from bridge.errors import AuthError, ConnectionLost, FrameError, PeerError
from bridge.httpclient import Resolver

LARGEST_MESSAGE = 1_048_576
"""Bytes of one frame, and of one message of several frames."""

MOST_FRAGMENTS = 1_024
"""Frames of one message."""

_LARGEST_HANDSHAKE = 65_536
_PIECE = 4_096
"""Bytes of it that are read at once."""

_READ_SIZE = 16 * 1024
"""Bytes of frames that are read at once; no TLS record is longer."""


class TokenBrokenError(AuthError):
    """The host does not take the token (any more)."""


class NotServedError(ConnectionLost):
    """The host does not know what is asked for."""


class GivenUpError(ConnectionLost):
    """The connection was ended by us."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a cloud host's socket is, and how it is reached."""

    host: str
    port: int
    path: str
    context: ssl.SSLContext
    resolve: Resolver


class Received(Enum):
    """What came: a text, a binary message, or a ping or pong."""

    TEXT = "text"
    BINARY = "binary"
    SIGN = "sign"


class CloudSocket:
    """An open connection; one thread receives, another one sends, any may abort."""

    def __init__(self, client: _CappedWebSocket, secured: ssl.SSLSocket) -> None:
        self._client = client
        self._secured = secured
        self._given_up: str | None = None

    @property
    def is_given_up(self) -> bool:
        """Whether `abort` was called."""
        return self._given_up is not None

    def receive(self) -> tuple[Received, bytes]:
        """The next message, or a sign of life without one.

        Raises `ConnectionLost` (`GivenUpError` after `abort`), `FrameError` for what is no
        WebSocket frame, or `TokenBrokenError` when the host says that of the token.
        """
        try:
            opcode, frame = self._client.recv_data_frame(control_frame=True)
        except (websocket.WebSocketException, OSError, ValueError) as error:
            if self._given_up is not None:
                raise GivenUpError(self._given_up) from None
            raise _problem(error) from None
        if opcode == ABNF.OPCODE_TEXT:
            return Received.TEXT, bytes(frame.data)
        if opcode == ABNF.OPCODE_CLOSE:
            raise _closed(bytes(frame.data))
        return (Received.BINARY if opcode == ABNF.OPCODE_BINARY else Received.SIGN), b""

    def send(self, text: str) -> None:
        """Send a text message; raises `ConnectionLost`."""
        self._send(text.encode(), ABNF.OPCODE_TEXT)

    def ping(self) -> None:
        """Send a ping; raises `ConnectionLost`."""
        self._send(b"", ABNF.OPCODE_PING)

    def _send(self, payload: bytes, opcode: int) -> None:
        try:
            self._client.send(payload, opcode)
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise ConnectionLost(str(_problem(error))) from None

    def abort(self, reason: str) -> None:
        """Wake a thread that waits on the socket, at once; `receive` raises with `reason`."""
        self._given_up = self._given_up or reason
        dial.shut(self._secured)

    def close(self) -> None:
        """Free the socket and what was half read; only when no thread uses it any more."""
        self._client.forget()
        self._secured.close()


def open_socket(
    endpoint: Endpoint, query: str, attempt: dial.Attempt, send_limit: float
) -> CloudSocket:
    """Connect, with TLS and the WebSocket handshake; `attempt` limits the time and can end it.

    `query` holds the token. A send that the peer does not take within `send_limit` s ends the
    connection. Raises `TokenBrokenError` for 401 and 403, `NotServedError` for 404,
    `ConnectionLost` for the rest.
    """
    address = endpoint.resolve(endpoint.host, endpoint.port)
    url = f"wss://{endpoint.host}:{endpoint.port}{endpoint.path}?{query}"
    client = _CappedWebSocket(send_limit)
    with attempt:
        try:
            secured = attempt.connect(address, endpoint.context, endpoint.host)
            client.open(url, secured)
        # The library stores cookies, and fails on those that Python does not like.
        except (websocket.WebSocketException, CookieError, OSError, ValueError) as error:
            if attempt.timed_out:
                raise ConnectionLost("it did not answer in time") from None
            raise _refusal(error, client.getstatus()) from None
    return CloudSocket(client, secured)


def _refusal(error: Exception, status: int | None) -> PeerError:
    """Why there is no connection, without what the peer sent; `status` of a redirect."""
    if status is not None:
        text = f"it redirects elsewhere, which is not followed (HTTP {status})"
        return ConnectionLost(text)
    if not isinstance(error, websocket.WebSocketBadStatusException):
        return ConnectionLost(str(_problem(error)))
    if error.status_code in (401, 403):
        return TokenBrokenError(f"the host refused the token (HTTP {error.status_code})")
    kind = NotServedError if error.status_code == 404 else ConnectionLost
    return kind(f"the host answered HTTP {error.status_code}")


def _closed(data: bytes) -> ConnectionLost | TokenBrokenError:
    """What a close frame means; the reason is the peer's text and is only searched."""
    code = int.from_bytes(data[:2], "big") if len(data) >= 2 else None
    if code == 4401 or b"Token-Broken" in data[2:]:
        return TokenBrokenError("the host closed the connection: the token is no longer good")
    return ConnectionLost(f"the host closed the connection (code {code})")


def _problem(error: Exception) -> PeerError:
    """What went wrong on a connection, without what the peer sent."""
    if isinstance(error, OSError):
        return ConnectionLost(dial.describe(error))
    if isinstance(error, _TooLargeError):
        return FrameError("too_large", str(error))
    if isinstance(error, websocket.WebSocketTimeoutException):
        return ConnectionLost("it does not read what is sent to it")
    if isinstance(error, websocket.WebSocketConnectionClosedException):
        return ConnectionLost("the connection was cut")
    return FrameError("websocket", f"it breaks the WebSocket protocol ({type(error).__name__})")


class _TooLargeError(websocket.WebSocketException):  # type: ignore[misc, unused-ignore]  # untyped base
    """A message is larger than we take."""


class _CappedFrames(frame_buffer):
    def recv_length(self) -> None:
        super().recv_length()
        if self.has_mask():
            raise websocket.WebSocketProtocolException("a server must not mask (RFC 6455 5.1)")
        if self.length is not None and self.length > LARGEST_MESSAGE:
            raise _TooLargeError(f"a frame is larger than {LARGEST_MESSAGE} bytes")


class _CappedMessage(continuous_frame):
    def __init__(self) -> None:
        super().__init__(False, True)
        self._fragments = 0

    def add(self, frame: ABNF) -> None:
        super().add(frame)
        self._fragments += 1
        if self.cont_data is not None and len(self.cont_data[1]) > LARGEST_MESSAGE:
            raise _TooLargeError(f"a message is larger than {LARGEST_MESSAGE} bytes")
        if self._fragments > MOST_FRAGMENTS:
            raise _TooLargeError(f"a message has more than {MOST_FRAGMENTS} fragments")
        if frame.fin:
            self._fragments = 0


class _CappedWebSocket(websocket.WebSocket):
    """Reads and writes without the library's own waiting, closing and re-trying."""

    def __init__(self, send_limit: float) -> None:
        super().__init__(enable_multithread=True, skip_utf8_validation=True)
        self._send_limit = send_limit
        self._ahead = b""
        """What was read and not asked for yet."""
        self.frame_buffer = _CappedFrames(self._recv, True)
        self.cont_frame = _CappedMessage()

    def open(self, url: str, secured: ssl.SSLSocket) -> None:
        """The handshake; a socket that is of no use then is closed."""
        handshake = _HandshakeSocket(secured)
        try:
            self.connect(  # type: ignore[no-untyped-call]  # the library's own
                url, socket=handshake, redirect_limit=0, suppress_origin=True
            )
        except BaseException:
            self.forget()
            secured.close()
            raise
        self.sock, self._ahead = secured, handshake.left()

    def forget(self) -> None:
        """Let go of what was read; nothing can be received any more. Safe twice."""
        # The reader of frames and we know each other, so that a part of a message, which may be
        # large, would stay until the collector of such circles comes by.
        self.frame_buffer, self.cont_frame = _CappedFrames(_ended, True), _CappedMessage()
        self._ahead = b""

    def _recv(self, bufsize: int) -> bytes:
        # The library asks for a frame in three parts, each of which would be a read of its own.
        if not self._ahead:
            # It would close the socket here, while another thread may be writing to it.
            self._ahead = self._connected().recv(_READ_SIZE)
            if not self._ahead:
                raise websocket.WebSocketConnectionClosedException
        data, self._ahead = self._ahead[:bufsize], self._ahead[bufsize:]
        return data

    def _send(self, data: str | bytes) -> int:
        # A write that blocks cannot be given up, and our frames are far smaller than the buffer
        # that is free when the system calls a socket writable.
        connection = self._connected()
        writable = select.poll()
        writable.register(connection, select.POLLOUT)
        if not writable.poll(self._send_limit * 1_000):
            raise websocket.WebSocketTimeoutException
        return connection.send(data.encode() if isinstance(data, str) else data)

    def _connected(self) -> socket.socket:
        if self.sock is None:
            raise websocket.WebSocketConnectionClosedException
        return self.sock


def _ended(_: int) -> bytes:
    raise websocket.WebSocketConnectionClosedException


class _HandshakeSocket:
    """A socket that reads only so much: the answer to a handshake may be endless.

    The library asks for its lines byte by byte, which would be dear, so it gets more at once.
    """

    def __init__(self, secured: ssl.SSLSocket) -> None:
        self._secured = secured
        self._read = b""
        self._at = 0
        self._room = _LARGEST_HANDSHAKE

    def recv(self, size: int) -> bytes:
        if self._at == len(self._read):
            self._read, self._at = self._secured.recv(_PIECE), 0
            self._room -= len(self._read)
        if self._room <= 0:
            raise _TooLargeError("the answer to the handshake is endless")
        if size == 1:
            size = self._to_line_end()
        begin, self._at = self._at, min(self._at + size, len(self._read))
        return self._read[begin : self._at]

    def _to_line_end(self) -> int:
        """Bytes before the line's end, or that end: it joins pieces until it gets one of `\\n`."""
        end = self._read.find(b"\n", self._at)
        return max((len(self._read) if end < 0 else end) - self._at, 1)

    def left(self) -> bytes:
        """What was read beyond the answer."""
        return self._read[self._at :]

    def gettimeout(self) -> float | None:
        return self._secured.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._secured, name)
