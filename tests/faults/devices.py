"""Devices that know the secret of the address and behave as no device does, on plain sockets."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import suppress
from typing import Any, Self

Json = Any

_KEY = b"AAAAAAAAAAAAAAAAAAAAAA=="


def frame(value: Json) -> bytes:
    """A text frame as a client sends it, its mask being zeros; `value` is JSON or bytes of it."""
    body = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    length = len(body)
    if length < 126:
        head = struct.pack("!BB", 0x81, 0x80 | length)
    else:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, length)
    return head + bytes(4) + body


def notification(hex_id: str, method: str, **params: Json) -> bytes:
    """The frame of a notification of a device."""
    source = f"shellyplus1pm-{hex_id}"
    return frame({"src": source, "dst": "ws", "method": method, "params": {"ts": 1.0, **params}})


class Stranger:
    """One connection with the right secret; a context manager."""

    def __init__(self, port: int, secret: str, address: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(
            ("127.0.0.1", port), 10, source_address=(address, 0)
        )
        self.left = memoryview(b"")
        """What is being sent."""
        self._socket.sendall(
            f"GET /shelly/{secret} HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {_KEY.decode()}\r\n\r\n".encode()
        )
        self.answer = self._socket.recv(4_096)
        self._socket.setblocking(False)
        self.is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to send."""
        return not self.left

    def push(self, data: bytes = b"") -> bool:
        """Send as much of what is left, else of `data`, as goes at once; tells whether any went."""
        if self.is_done:
            self.left = memoryview(data)
        try:
            sent = self._socket.send(self.left)
        except BlockingIOError:
            return False
        except OSError:
            self.is_open = False
            return False
        self.left = self.left[sent:]
        return True

    def read(self) -> bytes:
        """What came, and throw nothing else away; empty if nothing did."""
        with suppress(BlockingIOError):
            try:
                data = self._socket.recv(65_536)
            except ConnectionError:
                data = b""
            self.is_open = self.is_open and bool(data)
            return data
        return b""

    def close(self) -> None:
        """Cut the connection."""
        self.is_open = False
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
