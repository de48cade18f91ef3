"""A TCP proxy on loopback that does to connections what networks do; it knows nothing of the bytes.

Between the bridge and the cloud: `write_config(world, broker_port, directory,
integrator__wss_port=str(proxy.port))` with `Proxy(world.port)`; between the bridge and a broker:
the proxy's port in place of the broker's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Self

_CHUNK = 16_384
_CHUNKS = 16
_RESET = struct.pack("ii", 1, 0)
_LIMIT = 5.0


class Towards(Enum):
    """Which way bytes go; the client is who connects to the proxy."""

    CLIENT = "client"
    SERVER = "server"


BOTH = (Towards.CLIENT, Towards.SERVER)


class Proxy:
    """Passes bytes between whoever connects to `port` on `address` and `target` on 127.0.0.1.

    A context manager with a thread of its own. Every method may be called from any thread, holds
    for the connections there are and for those that come, and has taken effect when it returns. At
    most 256 KiB wait in each direction; then the sender has to wait.
    """

    def __init__(self, target: int, address: str = "127.0.0.1") -> None:
        self._target = target
        self._address = address
        # Bound but never listening: the port stays ours while connections are refused.
        self._holder = _bound(address, 0)
        self.port: int = self._holder.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._rules = {towards: _Rule() for towards in BOTH}
        self.opened: deque[float] = deque(maxlen=100_000)
        """When each connection came, in the time of `time.monotonic`."""

    def __enter__(self) -> Self:
        self._thread.start()
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_LIMIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT)
        assert not self._thread.is_alive(), "the proxy's thread ends"
        self._loop.close()
        self._holder.close()

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._links)

    def refuse(self) -> None:
        """Refuse connections that come; those there are stay."""
        self._do(self._unlisten)

    def accept(self) -> None:
        """Accept connections again."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_LIMIT)

    def freeze(self, towards: Iterable[Towards] = BOTH) -> None:
        """Hold all bytes as a network that is gone does; new connections are taken and held."""
        self._set(towards, lambda rule: rule.gate.clear())

    def swallow(self, towards: Iterable[Towards] = BOTH) -> None:
        """Take bytes and throw them away, until the connection ends."""
        self._set(towards, lambda rule: setattr(rule, "swallow", True))

    def trickle(self, pause: float = 1.0, towards: Iterable[Towards] = BOTH) -> None:
        """Pass on one byte in so many seconds."""
        self._set(towards, lambda rule: setattr(rule, "pause", pause))

    def heal(self) -> None:
        """Pass bytes on as they come, those first that were held; accept connections."""
        self._set(BOTH, _Rule.heal)
        self.accept()

    def cut(self) -> None:
        """Reset all connections, on both sides (RST)."""
        self._each(_Link.reset)

    def half_close(self, towards: Towards) -> None:
        """Tell one side that the other has nothing more to say; the other way goes on."""
        self._each(lambda link: link.finish(towards))

    # In the loop's thread

    def _do(self, function: Callable[[], object]) -> None:
        async def call() -> None:
            function()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(_LIMIT)

    def _each(self, function: Callable[[_Link], None]) -> None:
        def call() -> None:
            for link in tuple(self._links):
                function(link)

        self._do(call)

    def _set(self, towards: Iterable[Towards], change: Callable[[_Rule], object]) -> None:
        wanted = tuple(towards)
        self._do(lambda: [change(self._rules[way]) for way in wanted])

    async def _listen(self) -> None:
        if self._server is None:
            listener = _bound(self._address, self.port)
            listener.listen(1024)
            self._server = await asyncio.start_server(self._serve, sock=listener, limit=_CHUNK)

    def _unlisten(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened.append(time.monotonic())
        link = _Link(reader, writer)
        self._links.add(link)
        link.task = asyncio.current_task()
        try:
            await self._rules[Towards.SERVER].gate.wait()
            await link.connect(self._target)
            await asyncio.gather(*(self._pass_on(link, towards) for towards in BOTH))
        except (OSError, asyncio.CancelledError):
            link.reset()
        finally:
            self._links.discard(link)
            link.close()

    async def _pass_on(self, link: _Link, towards: Towards) -> None:
        waiting: asyncio.Queue[bytes] = asyncio.Queue(_CHUNKS)
        source = asyncio.create_task(_read(link.reader(towards), waiting))
        rule = self._rules[towards]
        try:
            while True:
                data = await waiting.get()
                for piece in rule.pieces(data):
                    await rule.gate.wait()
                    await link.send(towards, piece, rule)
                if not data:
                    await rule.gate.wait()
                    link.finish(towards)
                    return
        finally:
            source.cancel()
            await asyncio.gather(source, return_exceptions=True)

    async def _end(self) -> None:
        self._unlisten()
        tasks = [link.task for link in self._links if link.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Transports close in the next round of the loop.
        await asyncio.sleep(0)


class _Rule:
    """What happens to the bytes of one direction."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.heal()

    def heal(self) -> None:
        self.gate.set()
        self.swallow = False
        self.pause = 0.0

    def pieces(self, data: bytes) -> Iterable[bytes]:
        """The data, or single bytes while it trickles."""
        at = 0
        while at < len(data):
            end = at + 1 if self.pause else len(data)
            yield data[at:end]
            at = end


class _Link:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._readers = {Towards.SERVER: reader}
        self._writers = {Towards.CLIENT: writer}
        self._finished: set[Towards] = set()
        self.task: asyncio.Task[None] | None = None

    async def connect(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_CHUNK)
        self._readers[Towards.CLIENT] = reader
        self._writers[Towards.SERVER] = writer

    def reader(self, towards: Towards) -> asyncio.StreamReader:
        return self._readers[towards]

    async def send(self, towards: Towards, data: bytes, rule: _Rule) -> None:
        """Send bytes unless that way is closed or swallowed."""
        if rule.swallow or towards in self._finished:
            return
        self._writers[towards].write(data)
        await self._writers[towards].drain()
        if rule.pause:
            await asyncio.sleep(rule.pause)

    def finish(self, towards: Towards) -> None:
        """Send nothing more that way."""
        if towards not in self._finished and towards in self._writers:
            self._finished.add(towards)
            with contextlib.suppress(OSError, RuntimeError):
                self._writers[towards].write_eof()

    def reset(self) -> None:
        """End both sides by RST."""
        for writer in self._writers.values():
            ours: socket.socket | None = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                if ours is not None:
                    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


async def _read(reader: asyncio.StreamReader, waiting: asyncio.Queue[bytes]) -> None:
    """Put what comes into a queue; no bytes at its end."""
    data = b"-"
    while data:
        try:
            data = await reader.read(_CHUNK)
        except OSError:
            data = b""
        await waiting.put(data)


def _bound(address: str, port: int) -> socket.socket:
    ours = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    ours.bind((address, port))
    return ours
