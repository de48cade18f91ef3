"""A subscriber that costs little: it hears everything at QoS 0, in an asyncio loop.

No library, since it shares a CPU with the broker and must not be what is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_CONNECT = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x00\x00\x06listen"
"""MQTT 3.1.1, clean session, no keepalive."""
_SUBSCRIBE = b"\x82\x06\x00\x01\x00\x01#\x00"

Hear = Callable[[bytes, bytes], None]


class Subscriber(asyncio.Protocol):
    """`hear` gets topic and payload of every message, `flush` is called after each heap of them."""

    def __init__(self, hear: Hear, flush: Callable[[], None], ready: Callable[[], None]) -> None:
        """`ready` is called once the broker has confirmed the subscription."""
        self._hear = hear
        self._flush = flush
        self._ready = ready
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(_CONNECT + _SUBSCRIBE)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        buffer = self._rest + data if self._rest else data
        at, end = 0, len(buffer)
        while end - at >= 2:
            size, start = buffer[at + 1], at + 2
            shift = 7
            while buffer[start - 1] & 0x80 and start < end:
                size = size & ((1 << shift) - 1) | (buffer[start] & 0x7F) << shift
                shift += 7
                start += 1
            stop = start + size
            if buffer[start - 1] & 0x80 or stop > end:
                break
            if buffer[at] & 0xF0 == 0x30:
                body = start + 2 + (buffer[start] << 8 | buffer[start + 1])
                self._hear(buffer[start + 2 : body], buffer[body:stop])
            elif buffer[at] == 0x90:
                self._ready()
            at = stop
        self._rest = buffer[at:]
        self._flush()
