"""A socket that reads ahead and gathers what is written, for a library that asks bit by bit.

paho-mqtt reads an acknowledgement in three calls and writes every publication by itself. Each of
them would be a system call and a chance for other threads to take the interpreter.
"""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress

READ_SIZE = 16 * 1024
"""Bytes that are read at once; no TLS record is longer."""

_NO_LINGER = struct.pack("ii", 1, 0)
"""Closing throws away what waits, and the peer is told so (socket(7), SO_LINGER)."""

MOST_GATHERED = 256 * 1024
"""Bytes that wait to be written; beyond them the writer is told to wait."""


class BufferedSocket:
    """Around a socket that does not block: `recv` and `send` as there, but for when.

    `recv` goes to the socket once after each `readable`; `send` only gathers, until `flush`.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._read = b""
        self._position = 0
        self._readable = False
        self._gathered = bytearray()

    @property
    def holds_more(self) -> bool:
        """Whether there is something to read for which the socket will not wake anybody."""
        if self._position < len(self._read):
            return True
        sock = self._sock
        return isinstance(sock, ssl.SSLSocket) and sock.fileno() >= 0 and sock.pending() > 0

    @property
    def gathers(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._gathered)

    def readable(self) -> None:
        """There is something to read on the socket."""
        self._readable = True

    def recv(self, buffer_size: int) -> bytes:
        """Up to `buffer_size` bytes, none at the end; raises as a socket that does not block."""
        if self._position == len(self._read):
            if not (self._readable or self.holds_more):
                raise BlockingIOError
            self._readable = False
            self._read, self._position = self._sock.recv(READ_SIZE), 0
        data = self._read[self._position : self._position + buffer_size]
        self._position += len(data)
        return data

    def send(self, buffer: bytes | bytearray) -> int:
        """Gather bytes; raises `BlockingIOError` when there are too many that wait."""
        if len(self._gathered) >= MOST_GATHERED:
            self.flush()
        if len(self._gathered) >= MOST_GATHERED:
            raise BlockingIOError
        self._gathered += buffer
        return len(buffer)

    def flush(self) -> None:
        """Write what was gathered, as far as the socket takes it; raises `OSError`."""
        while self._gathered:
            try:
                written = self._sock.send(self._gathered)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self._gathered[:written]

    def fileno(self) -> int:
        """The socket's number."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """See `socket.socket.setblocking`."""
        self._sock.setblocking(flag)

    def abort(self) -> None:
        """Close the socket, and let nothing of what was written go out any more."""
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._sock.close()

    def close(self) -> None:
        """Close the socket, after what it still takes: paho closes it with its last packet."""
        with suppress(OSError):
            self.flush()
        self._sock.close()
