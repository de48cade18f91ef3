"""The listening socket of the simulated servers: all host names share it, over TLS.

Runs in the world's event loop only.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from bridge.errors import StartError
from bridge.simulator.wire import Serve, Wire

_HANDSHAKE_TIME = 10.0
_HELLO_SIZE = 16_384
_BACKLOG = 512
_CLOSING_TIME = 1.0
_PATIENCE = 0.05


class Listener:
    """Accepts connections; `mute` tells by the name asked for who is never spoken to.

    `mute` is asked with None first: whether anybody is mute at all.
    """

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        serve: Serve,
        mute: Callable[[str | None], bool],
        address: str = "127.0.0.1",
    ) -> None:
        """Listen at `address`, port 0 is any free one. Raises `StartError` when it is taken."""
        try:
            self._socket = socket.create_server((address, port), backlog=_BACKLOG)
        except OSError as error:
            text = f"cannot listen on {address}:{port}: {error.strerror}"
            raise StartError(f"{text}; choose another port") from None
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.alive: set[Wire] = set()
        self._context = context
        self._serve = serve
        self._mute = mute
        self._tasks: set[asyncio.Task[None]] = set()
        self._fresh: set[socket.socket] = set()
        self._silent: set[socket.socket] = set()

    def begin(self) -> None:
        """Accept connections from now on."""
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_BACKLOG):
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:
                # No descriptors left, or the peer is gone already.
                loop.remove_reader(self._socket)
                loop.call_later(_PATIENCE, self._resume)
                return
            connection.setblocking(False)
            self._fresh.add(connection)
            task = loop.create_task(self._welcome(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self.begin()

    async def _welcome(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._fresh.discard(connection)
        if self._mute(None):
            self._silent.add(connection)
            if self._mute(await self._asked_for(connection)):
                return
            self._silent.discard(connection)
        # What a peer does wrong in its TLS handshake, down to leaving, is its own affair.
        with suppress(OSError, asyncio.TimeoutError):
            await loop.connect_accepted_socket(
                lambda: Wire(self._serve, self.alive),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=_HANDSHAKE_TIME,
            )

    async def _asked_for(self, connection: socket.socket) -> str:
        """The host name in the peer's TLS hello, which stays unread."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(connection, readable.set)
        try:
            await asyncio.wait_for(readable.wait(), _HANDSHAKE_TIME)
        except TimeoutError:
            return ""
        finally:
            loop.remove_reader(connection)
        with suppress(OSError):
            return _server_name(connection.recv(_HELLO_SIZE, socket.MSG_PEEK))
        return ""

    async def close(self) -> None:
        """End everything at once."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        self._socket.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self._silent | self._fresh:
            connection.close()
        for wire in list(self.alive):
            wire.abort()
        end = loop.time() + _CLOSING_TIME
        while self.alive and loop.time() < end:
            await asyncio.sleep(0.01)


def _server_name(hello: bytes) -> str:
    """The name in a TLS hello: OpenSSL reads it, and the handshake goes no further."""
    names: list[str] = []

    def note(_connection: object, name: str | None, _context: object) -> None:
        names.append(name or "")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = note
    incoming = ssl.MemoryBIO()
    incoming.write(hello)
    reader = context.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    with suppress(ssl.SSLError):
        reader.do_handshake()
    return names[0] if names else ""
