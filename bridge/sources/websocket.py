"""One WebSocket to a cloud host: opened within a time limit, frames within a size limit.

Wraps websocket-client, whose defaults have no limits, follow redirects and put answers' bodies
into exception texts.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import websocket
from websocket import ABNF
from websocket._abnf import continuous_frame, frame_buffer

from bridge.errors import AuthError, ConnectionLost
from bridge.httpclient import Resolver

LARGEST_MESSAGE = 1_048_576
"""Bytes of one frame, and of one message of several frames."""

_LARGEST_HANDSHAKE = 65_536
_OPEN_TIMEOUT = 10.0
_OPEN_DEADLINE = 15.0
_SEND_TIMEOUT = 10


class TokenBrokenError(AuthError):
    """The host does not take the token (any more)."""


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

    def receive(self) -> tuple[Received, bytes]:
        """The next message, or a sign of life without one.

        Raises `ConnectionLost`, or `TokenBrokenError` when the host says that of the token.
        """
        try:
            opcode, frame = self._client.recv_data_frame(control_frame=True)
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise ConnectionLost(describe(error)) from None
        if opcode == ABNF.OPCODE_TEXT:
            return Received.TEXT, bytes(frame.data)
        if opcode == ABNF.OPCODE_CLOSE:
            raise _closed(bytes(frame.data))
        return (Received.BINARY if opcode == ABNF.OPCODE_BINARY else Received.SIGN), b""

    def send(self, text: str) -> None:
        """Send a text message; raises `ConnectionLost`."""
        try:
            self._client.send(text)
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(describe(error)) from None

    def ping(self) -> None:
        """Send a ping; raises `ConnectionLost`."""
        try:
            self._client.ping()
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(describe(error)) from None

    def abort(self) -> None:
        """Wake a thread that waits on the socket, at once."""
        shut(self._secured)

    def close(self) -> None:
        """Free the socket; only when no thread uses it any more."""
        self._secured.close()


def open_socket(
    endpoint: Endpoint, query: str, opening: Callable[[socket.socket | None], None]
) -> CloudSocket:
    """Connect, with TLS and the WebSocket handshake, within 15 s once the name is resolved.

    `query` holds the token. `opening` is told of the bare socket, so that a stop can shut it.
    Raises `TokenBrokenError` for 401 and 403, `ConnectionLost` for the rest.
    """
    address = endpoint.resolve(endpoint.host, endpoint.port)
    try:
        plain = socket.create_connection(address, _OPEN_TIMEOUT)
    except OSError as error:
        raise ConnectionLost(describe(error)) from None
    _prepare(plain)
    secured = endpoint.context.wrap_socket(
        plain, server_hostname=endpoint.host, do_handshake_on_connect=False
    )
    opening(secured)
    guard = threading.Timer(_OPEN_DEADLINE, shut, (secured,))
    guard.name = f"cloud-{endpoint.host}-handshake"
    guard.daemon = True
    guard.start()
    client = _CappedWebSocket(enable_multithread=True, skip_utf8_validation=True)
    try:
        secured.do_handshake()
        handshake = _HandshakeSocket(secured)
        url = f"wss://{endpoint.host}:{endpoint.port}{endpoint.path}?{query}"
        client.connect(  # type: ignore[no-untyped-call]  # the library's own
            url, socket=handshake, redirect_limit=0, suppress_origin=True
        )
    except websocket.WebSocketBadStatusException as error:
        secured.close()
        if error.status_code in (401, 403):
            text = f"the host refused the token (HTTP {error.status_code})"
            raise TokenBrokenError(text) from None
        raise ConnectionLost(f"the host answered HTTP {error.status_code}") from None
    except (websocket.WebSocketException, OSError, ValueError) as error:
        secured.close()
        if not guard.is_alive():
            raise ConnectionLost("the handshake took too long") from None
        raise ConnectionLost(describe(error)) from None
    finally:
        guard.cancel()
        opening(None)
    # A timeout left on a TLS socket loses connections when two threads use it.
    secured.settimeout(None)
    client.sock = secured
    return CloudSocket(client, secured)


def _prepare(plain: socket.socket) -> None:
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # The kernel gives a send up after this time, so that a peer that never reads holds no thread.
    limit = struct.pack("ll", _SEND_TIMEOUT, 0)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def shut(secured: socket.socket) -> None:
    """Make every read and write on the socket end, in any thread.

    Past `SSLSocket.shutdown`, which would take the TLS state from under a thread that reads.
    """
    try:
        socket.socket.shutdown(secured, socket.SHUT_RDWR)
    except OSError:
        return


def _closed(data: bytes) -> ConnectionLost | TokenBrokenError:
    """What a close frame means; the reason is the peer's text and is only searched."""
    code = int.from_bytes(data[:2], "big") if len(data) >= 2 else None
    if code == 4401 or b"Token-Broken" in data[2:]:
        return TokenBrokenError("the host closed the connection: the token is no longer good")
    return ConnectionLost(f"the host closed the connection (code {code})")


def describe(error: Exception) -> str:
    """Why a connection failed, without what the peer sent and without the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError | websocket.WebSocketTimeoutException):
        return "it did not answer in time"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, _TooLargeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, websocket.WebSocketConnectionClosedException):
        return "the connection was cut"
    return f"protocol error ({type(error).__name__})"


class _TooLargeError(websocket.WebSocketException):  # type: ignore[misc, unused-ignore]  # untyped base
    """A message is larger than we take."""


class _CappedFrames(frame_buffer):
    def recv_length(self) -> None:
        super().recv_length()
        if self.length is not None and self.length > LARGEST_MESSAGE:
            raise _TooLargeError(f"a frame is larger than {LARGEST_MESSAGE} bytes")


class _CappedMessage(continuous_frame):
    def add(self, frame: ABNF) -> None:
        super().add(frame)
        if self.cont_data is not None and len(self.cont_data[1]) > LARGEST_MESSAGE:
            raise _TooLargeError(f"a message is larger than {LARGEST_MESSAGE} bytes")


class _CappedWebSocket(websocket.WebSocket):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        skip = bool(options["skip_utf8_validation"])
        self.frame_buffer = _CappedFrames(self._recv, skip)
        self.cont_frame = _CappedMessage(False, skip)


class _HandshakeSocket:
    """A socket that reads only so much: the answer to a handshake may be endless."""

    def __init__(self, secured: ssl.SSLSocket) -> None:
        self._secured = secured
        self._left = _LARGEST_HANDSHAKE

    def recv(self, size: int) -> bytes:
        data = self._secured.recv(min(size, self._left))
        self._left -= len(data)
        if self._left <= 0:
            raise _TooLargeError("the answer to the handshake is endless")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._secured, name)
