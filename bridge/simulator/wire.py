"""One connection to a simulated server: an HTTP request, after which it may be a WebSocket.

Runs in the world's event loop only. Frames are made by hand on the way out, because a load of
many thousand events a second must leave time for the program under test; everything else is left
to the `websockets` library. Knows nothing of hosts, tokens and devices.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Protocol, cast

from websockets import http11
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from bridge.simulator.exchange import LARGEST, BadRequest, Reply, Request, read_head

LARGEST_MESSAGE = 2**20

MOST_WAITING = 8 * 2**20
"""Bytes that may wait for a peer that does not read; more closes the connection."""

_PAUSE_AT = 256 * 1024

_log = logging.getLogger(__name__)
# Below this level the library writes of every connection, and of tokens too.
_log.setLevel(logging.WARNING)


class Owner(Protocol):
    """Who takes over a connection once it is a WebSocket."""

    def on_message(self, wire: Wire, data: bytes) -> None:
        """A whole message came."""

    def on_close(self, wire: Wire) -> None:
        """The connection ended."""


Serve = Callable[["Wire", Request], None]
"""Called with each request; answers by `reply`, `accept`, or not at all."""


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """One unmasked, unfragmented WebSocket frame (RFC 6455 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x80 | opcode, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


class Wire(asyncio.Protocol):
    """A connection."""

    def __init__(self, serve: Serve, alive: set[Wire]) -> None:
        self._serve = serve
        self._alive = alive
        self._buffer = bytearray()
        self._protocol: ServerProtocol | None = None
        self._owner: Owner | None = None
        self._message = bytearray()
        self._answered = False
        self._transport: asyncio.Transport
        self.frozen = False
        """Neither reads nor writes."""
        self.paused = False
        """The peer reads more slowly than we write."""
        self.no_pong = False
        self.overrun = False
        """Closed because too much waited for the peer."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        # TCP and TLS give one that can do both directions.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_PAUSE_AT)
        self._alive.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._alive.discard(self)
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.on_close(self)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.paused = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.paused = False

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._protocol is not None:
            self._frames(self._protocol, data)
        elif not self._answered:
            self._request(data)

    # HTTP.

    def _request(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(self._buffer) > LARGEST:
                self.reply(Reply(431))
            return
        try:
            request, length = read_head(bytes(self._buffer[:end]))
        except BadRequest:
            self.reply(Reply(400))
            return
        if len(self._buffer) < end + length:
            return
        self._answered = True
        body = bytes(self._buffer[end : end + length])
        self._buffer.clear()
        whole = Request(
            request.method, request.path, request.query, request.headers, body, request.head
        )
        self._serve(self, whole)

    def reply(self, reply: Reply) -> None:
        """Answer the request and close."""
        self._answered = True
        if self.is_closing:
            return
        self._transport.write(reply.encode())
        self._transport.close()

    def write(self, data: bytes) -> None:
        """Send bytes as they are: parts of answers, broken frames."""
        if not self.frozen:
            self._transport.write(data)

    @property
    def peer(self) -> tuple[str, int]:
        """Address and port of the other end."""
        address, port = self._transport.get_extra_info("peername")[:2]
        return address, port

    @property
    def is_closing(self) -> bool:
        """Whether the connection has ended or is about to."""
        return self._transport.is_closing()

    # WebSocket.

    def accept(self, request: Request) -> bool:
        """Check that the request can make a WebSocket; if not, it is answered so."""
        protocol = ServerProtocol(max_size=LARGEST_MESSAGE, logger=_log)
        protocol.receive_data(request.head)
        events = protocol.events_received()
        if not events or not isinstance(events[0], http11.Request):
            self.reply(Reply(400))
            return False
        response = protocol.accept(events[0])
        protocol.send_response(response)
        if protocol.state is not State.OPEN:
            self._flush(protocol)
            self._transport.close()
            return False
        self._protocol = protocol
        return True

    def begin(self, owner: Owner) -> None:
        """Become a WebSocket, after `accept`."""
        if self._protocol is not None:
            self._owner = owner
            self._flush(self._protocol)

    def _frames(self, protocol: ServerProtocol, data: bytes) -> None:
        protocol.receive_data(data)
        events = [event for event in protocol.events_received() if isinstance(event, Frame)]
        if self.no_pong and events and all(event.opcode is Opcode.PING for event in events):
            protocol.data_to_send()
        for event in events:
            self._take(event)
        self._flush(protocol)
        if protocol.close_expected():
            self._linger()

    def _take(self, event: Frame) -> None:
        if event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        self._message += event.data
        if not event.fin:
            return
        message = bytes(self._message)
        self._message.clear()
        if self._owner is not None and not self.frozen:
            self._owner.on_message(self, message)

    def _flush(self, protocol: ServerProtocol) -> None:
        for data in protocol.data_to_send():
            if self.frozen:
                continue
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return (
            self._protocol is not None
            and self._protocol.state is State.OPEN
            and not self.is_closing
        )

    def send(self, message: bytes) -> None:
        """Send one text message, if the connection is open and not frozen."""
        self.send_frames(frame(message))

    def send_frames(self, frames: bytes) -> None:
        """Send frames that were made with `frame`."""
        if self.frozen or not self.is_open:
            return
        self._transport.write(frames)
        if self.paused and self._transport.get_write_buffer_size() > MOST_WAITING:
            self.overrun = True
            self.abort()

    def close(self, code: int, reason: str = "") -> None:
        """Close as RFC 6455 wants it; the peer has a second to agree."""
        if self._protocol is None or not self.is_open:
            self.abort()
            return
        self._protocol.send_close(code, reason)
        self._flush(self._protocol)
        self._linger()

    def _linger(self) -> None:
        asyncio.get_running_loop().call_later(1.0, self.abort)

    def abort(self) -> None:
        """End the TCP connection at once."""
        self._transport.abort()

    def freeze(self) -> None:
        """Stop reading and writing; the peer's TCP sees a window that closes."""
        self.frozen = True
        self._transport.pause_reading()

    def thaw(self) -> None:
        """Go on after `freeze`; what should have been sent meanwhile is lost."""
        self.frozen = False
        self._transport.resume_reading()
