"""One connection of a device: an HTTP request that becomes a WebSocket, within limits.

Runs in the loop of its server only. RFC 6455 is left to the `websockets` library; what waits, and
for how long, is decided here. Knows nothing of devices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

from websockets import http11
from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from bridge.errors import FrameError
from bridge.sources import outbound_door as door
from bridge.sources.outbound_allowance import Allowance, Purse
from bridge.sources.outbound_door import Door, Refusal
from bridge.sources.timing import OutboundTiming

LARGEST_MESSAGE = 65_536
"""Bytes of one message, of however many frames."""

MOST_FRAGMENTS = 1_024
"""Frames of one message."""

MOST_UNREAD = 65_536
"""Bytes that may wait for a peer before we do not read from it any more."""

_BUSY_WAIT = 0.05
"""How long (s) a connection is not read when the engine is behind."""

_SUBPROTOCOL = Subprotocol("json-rpc")
_NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n"
    b"Connection: close\r\n\r\nnot found\n"
)

_log = logging.getLogger(__name__)
# Below this level the library writes every request, and with it the secret.
_log.setLevel(logging.WARNING)


class Keeper(Protocol):
    """Who is told what becomes of a connection."""

    @property
    def is_busy(self) -> bool:
        """Whether nothing more should be read for now."""

    def made(self, wire: Wire) -> None:
        """It is there."""

    def refused(self, wire: Wire, refusal: Refusal) -> None:
        """It was not let in."""

    def opened(self, wire: Wire) -> None:
        """It is a WebSocket now."""

    def message(self, wire: Wire, data: bytes) -> None:
        """A whole text came; a `FrameError` out of here ends the connection."""

    def broken(self, wire: Wire, error: FrameError) -> None:
        """It broke the protocol and is being closed."""

    def closed(self, wire: Wire) -> None:
        """It is gone."""


class Wire(asyncio.Protocol):
    """A connection from `address`."""

    def __init__(
        self, address: str, keeper: Keeper, entrance: Door, timing: OutboundTiming
    ) -> None:
        self.address = address
        self.named = False
        """It has told which device it is."""
        self._keeper = keeper
        self._entrance = entrance
        self._timing = timing
        self._head = bytearray()
        self._protocol: ServerProtocol | None = None
        self._message = bytearray()
        self._fragments = 0
        self._transport: asyncio.Transport
        self._over = False
        self._unread_since: float | None = None
        self._frames_left: deque[Frame] = deque()
        self._resting = False
        """It is not read for now, as it or all together sent too much."""
        self._over_since: float | None = None
        """Since when it has been sending too much."""
        self._born = self._heard = self._pinged = asyncio.get_running_loop().time()
        self._purse = Purse(self._born)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        # TCP and TLS give one that can do both directions.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MOST_UNREAD)
        self._keeper.made(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._over = True
        self._keeper.closed(self)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: who does not read is not read from, or our pongs would pile."""
        self._unread_since = asyncio.get_running_loop().time()
        self._read_or_wait()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._unread_since = None
        self._read_or_wait()

    def _read_or_wait(self) -> None:
        if self._unread_since is not None or self._resting:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._protocol is not None:
            self._heard = asyncio.get_running_loop().time()
            self._purse.take(self._heard, size=len(data))
            self._frames(self._protocol, data)
        elif not self._over:
            self._request(data)

    # The request.

    def _request(self, data: bytes) -> None:
        self._head += data
        if door.begins_tls(self._head):
            self._refuse(door.TLS)
            return
        end = self._head.find(b"\r\n\r\n") + 4
        if end < 4 or end > door.LONGEST_HEAD:
            if len(self._head) > door.LONGEST_HEAD:
                self._refuse(door.TOO_LONG)
            return
        head, rest = bytes(self._head[:end]), bytes(self._head[end:])
        self._head.clear()
        refusal = self._entrance.judge(head)
        if refusal is not None:
            self._refuse(refusal)
            return
        protocol = ServerProtocol(
            subprotocols=[_SUBPROTOCOL],
            select_subprotocol=_subprotocol,
            max_size=LARGEST_MESSAGE,
            logger=_log,
        )
        protocol.receive_data(head)
        events = protocol.events_received()
        if not events or not isinstance(events[0], http11.Request):
            self._refuse(door.HANDSHAKE)
            return
        protocol.send_response(protocol.accept(events[0]))
        if protocol.state is not State.OPEN:
            self._refuse(door.HANDSHAKE)
            return
        self._protocol = protocol
        self._flush(protocol)
        self._keeper.opened(self)
        if rest and not self._over:
            self._frames(protocol, rest)

    def _refuse(self, refusal: Refusal) -> None:
        self._over = True
        self._keeper.refused(self, refusal)
        if refusal is not door.TLS:
            self._transport.write(_NOT_FOUND)
        self._transport.close()

    # Frames.

    def _frames(self, protocol: ServerProtocol, data: bytes) -> None:
        protocol.receive_data(data)
        events = protocol.events_received()
        if not self._over:
            self._frames_left += [event for event in events if isinstance(event, Frame)]
        elif self._purse.wait(self._heard) > 0:
            # It is to agree that the connection ends, not to send on for as long as it may.
            self._transport.pause_reading()
        self._work_off(protocol)

    def _work_off(self, protocol: ServerProtocol) -> None:
        """Take the frames that came, as far as the allowance goes."""
        if not self._over:
            try:
                while not self._must_rest() and self._frames_left:
                    self._take(self._frames_left.popleft())
                self._check(protocol)
            except FrameError as error:
                self._frames_left.clear()
                self._keeper.broken(self, error)
                utf8 = error.kind == "utf8"
                code = CloseCode.INVALID_DATA if utf8 else CloseCode.POLICY_VIOLATION
                self.close(code, "not what the protocol says")
                return
        self._flush(protocol)
        if protocol.close_expected():
            self._linger()

    def _must_rest(self) -> bool:
        """Whether nothing more is taken for now; then it goes on by itself."""
        if self._resting:
            return True
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._purse.own.wait(now) > 0 and self._over_since is None:
            self._over_since = now
        wait = self._purse.wait(now)
        if wait <= 0 and self._keeper.is_busy and not self._purse.is_quiet(now):
            wait = _BUSY_WAIT
        if wait <= 0:
            return False
        self._resting = True
        self._read_or_wait()
        loop.call_later(wait, self._go_on)
        return True

    def _go_on(self) -> None:
        self._resting = False
        # What the peer sent meanwhile, pongs too, was not read.
        self._heard = asyncio.get_running_loop().time()
        if self._over or self._protocol is None:
            return
        self._work_off(self._protocol)
        if not self._over:
            self._read_or_wait()

    def pay_with(self, allowance: Allowance) -> None:
        """Have a device's allowance count, which lasts from one connection to the next."""
        self._purse.own.move_to(allowance, asyncio.get_running_loop().time())
        self._purse.own = allowance

    def pay_along(self, place: Allowance, everybody: Allowance) -> None:
        """Have it count besides with what comes from its place, and from all."""
        self._purse.join(place, everybody)

    def pay_for(self, members: int) -> None:
        """A message had so many members."""
        self._purse.take(asyncio.get_running_loop().time(), members=members)

    def _take(self, event: Frame) -> None:
        if self._over or event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if event.opcode is Opcode.BINARY:
            raise FrameError("binary_frame", "a binary frame came")
        self._message += event.data
        self._fragments += 1
        if self._fragments > MOST_FRAGMENTS:
            raise FrameError("too_large", f"a message has more than {MOST_FRAGMENTS} fragments")
        if event.fin:
            message = bytes(self._message)
            self._message.clear()
            self._fragments = 0
            self._purse.take(asyncio.get_running_loop().time(), messages=1)
            self._keeper.message(self, message)

    def _check(self, protocol: ServerProtocol) -> None:
        """Whether the library had something to object."""
        error = protocol.parser_exc
        if error is None or isinstance(error, EOFError):
            return
        if (
            protocol.close_sent is not None
            and protocol.close_sent.code == CloseCode.MESSAGE_TOO_BIG
        ):
            raise FrameError("too_large", f"a message is larger than {LARGEST_MESSAGE} bytes")
        if isinstance(error, ProtocolError):
            raise FrameError("websocket", "it breaks the WebSocket protocol")

    def _flush(self, protocol: ServerProtocol) -> None:
        for data in protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        protocol = self._protocol
        return not self._over and protocol is not None and protocol.state is State.OPEN

    def send(self, text: str) -> bool:
        """Send a message; False if that is not possible (any more)."""
        protocol = self._protocol
        if protocol is None or not self.is_open:
            return False
        protocol.send_text(text.encode())
        self._flush(protocol)
        return True

    def close(self, code: CloseCode, reason: str) -> None:
        """Close as RFC 6455 wants it; the peer has a second to agree."""
        protocol = self._protocol
        if protocol is None or self._transport.is_closing():
            self.abort()
            return
        self._over = True
        if protocol.state is State.OPEN:
            protocol.send_close(code, reason)
        self._flush(protocol)
        self._linger()

    def _linger(self) -> None:
        asyncio.get_running_loop().call_later(self._timing.close_limit, self.abort)

    def abort(self) -> None:
        """End the connection at once."""
        self._over = True
        self._transport.abort()

    def look(self, now: float) -> None:
        """See whether the peer takes too long with something, and ping it now and then."""
        timing = self._timing
        if self._over:
            return
        if self._floods(now):
            self._keeper.broken(self, FrameError("flood", "it sends more than a device should"))
            self.close(CloseCode.POLICY_VIOLATION, "too much")
        elif self._unread_since is not None and now - self._unread_since > timing.send_limit:
            self._keeper.broken(self, FrameError("unread", "it does not read what is sent to it"))
            self.abort()
        elif self._protocol is None:
            if now - self._born > timing.open_limit:
                self._refuse(door.SLOW)
        elif not self.named and now - self._born > timing.name_limit:
            self._keeper.refused(self, door.NAMELESS)
            self.close(CloseCode.POLICY_VIOLATION, "no device")
        elif now - self._heard > timing.silence_limit:
            self.abort()
        elif now - max(self._heard, self._pinged) > timing.ping_interval:
            self.ping(now)

    def _floods(self, now: float) -> bool:
        """Whether the peer has been sending too much for too long."""
        if self._resting:
            self._heard = now
        if self._over_since is None:
            return False
        if self._purse.own.is_half_full(now):
            self._over_since = None
            return False
        return now - self._over_since > self._timing.flood_limit

    def ping(self, now: float) -> None:
        """Ask the peer to show that it is there."""
        if self._protocol is None or not self.is_open:
            return
        self._pinged = now
        with contextlib.suppress(ProtocolError):
            self._protocol.send_ping(b"")
        self._flush(self._protocol)

    def is_alive(self, since: float) -> bool:
        """Whether anything came from the peer after `since`, or is left unread by us."""
        return self.is_open and (self._heard > since or self._resting)


def _subprotocol(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return _SUBPROTOCOL if _SUBPROTOCOL in offered else None
