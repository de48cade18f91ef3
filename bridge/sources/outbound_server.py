"""The listener that devices connect to, and its limits; one thread serves all connections.

The library's own threaded server takes three threads a device, which is more than a 32-bit Pi has
addresses for with a few hundred of them, and starts them before any limit can be looked at; one
that never reads would hold a lock of its connection for ever. Here it keeps some bytes waiting.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Network
from typing import Any, Protocol

from websockets.frames import CloseCode

from bridge.errors import FrameError, StartError
from bridge.sources import outbound_door as door
from bridge.sources.outbound_allowance import Places
from bridge.sources.outbound_door import Door, Refusal
from bridge.sources.outbound_wire import Wire
from bridge.sources.timing import OutboundTiming
from bridge.threads import CrashHook, Deadline, spawn

MOST_CONNECTIONS = 512
"""Connections in all that have named a device."""

MOST_NAMELESS = 320
"""Connections in all that have not yet; those that have not even shown the secret count apart."""

MOST_NAMELESS_EACH = 256
"""Those without the secret from one place: a house full of devices may come back at once."""

THREAD = "outbound"

_BACKLOG = 512
_FILES = 4_096
"""Open files that the process asks for; the usual limit is 1,024."""
_PATIENCE = 0.1
_UNREAD = 32_768
"""Bytes that a connection may have in the kernel, and so at most come at once; it takes double."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Who takes what comes. Called by the server's thread."""

    @property
    def is_busy(self) -> bool:
        """Whether nothing more should be read for now."""

    def listening(self) -> None:
        """Devices can connect from now on."""

    def refused(self, address: str, refusal: Refusal) -> None:
        """Somebody was not let in."""

    def message(self, wire: Wire, data: bytes) -> None:
        """A text came; a `FrameError` out of here ends the connection."""

    def broken(self, wire: Wire, error: FrameError) -> None:
        """A connection broke the protocol and is being closed."""

    def closed(self, wire: Wire) -> None:
        """A connection that was a WebSocket is gone."""


@dataclass(slots=True, eq=False)
class _Guest:
    """A connection that has not shown the secret yet."""

    address: str
    place: str
    wire: Wire | None = None
    task: asyncio.Task[None] | None = None


class DeviceServer:
    """Bound when made; serves from `start` to `stop`."""

    def __init__(
        self,
        host: str,
        port: int,
        secret: str,
        owner: Owner,
        on_crash: CrashHook,
        timing: OutboundTiming,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Bind to `host` and `port` (0: any free one); raises `StartError` if that fails."""
        self._socket = bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._door = Door(secret)
        self._owner = owner
        self._on_crash = on_crash
        self._timing = timing
        self._context = context
        self._lock = threading.Lock()
        """Guards what follows."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ending: asyncio.Event | None = None
        self._stopped = False
        self._rounds = 0
        # From here on only the thread's own.
        self._wires: set[Wire] = set()
        self._guests: dict[Wire, _Guest] = {}
        self._outside: dict[_Guest, None] = {}
        """Connections that have not shown the secret, the oldest first."""
        self._at_door: Counter[str] = Counter()
        """How many of them there are from one place."""
        self._nameless: set[Wire] = set()
        """Connections that have, and have not named a device."""
        self._places = Places()
        self._tasks: set[asyncio.Task[None]] = set()
        self._crash: BaseException | None = None

    # Any thread

    def start(self) -> None:
        """Serve; nothing when it was started or stopped before."""
        with self._lock:
            if self._thread is None and not self._stopped:
                self._thread = spawn(THREAD, lambda: asyncio.run(self._serve()), self._on_crash)

    def soon(self, act: Callable[[], None]) -> bool:
        """Have the server's thread call something; False when it does not run (any more)."""
        with self._lock:
            if self._loop is None:
                return False
            self._loop.call_soon_threadsafe(act)
            return True

    def beats(self) -> dict[str, int]:
        """See `Source.beats`."""
        thread = self._thread
        return {THREAD: self._rounds} if thread is not None and thread.is_alive() else {}

    def stop(self, deadline: Deadline) -> list[str]:
        """Close everything; names the thread if it still lives. Safe to call twice."""
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._ending is not None:
                self._loop.call_soon_threadsafe(self._ending.set)
        if self._thread is None:
            self._socket.close()
            return []
        self._thread.join(deadline.remaining())
        return [THREAD] if self._thread.is_alive() else []

    # The server's thread

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        ending = asyncio.Event()
        loop.set_exception_handler(self._failed)
        _raise_limit()
        with self._lock:
            self._loop, self._ending = loop, ending
            if self._stopped:
                ending.set()
        self._accept_again()
        self._owner.listening()
        try:
            while not ending.is_set():
                self._rounds += 1
                with suppress(TimeoutError):
                    await asyncio.wait_for(ending.wait(), self._timing.look)
                now = loop.time()
                for wire in list(self._wires):
                    wire.look(now)
        finally:
            with self._lock:
                self._loop = None
            await self._close()
        if self._crash is not None:
            raise self._crash

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A bug of ours in something that the loop called: the process must not go on without."""
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
            return
        self._crash = self._crash or error
        if self._ending is not None:
            self._ending.set()

    def run(self, task: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something besides, in the server's thread; it ends with the server."""
        made = asyncio.get_running_loop().create_task(task)
        self._tasks.add(made)
        made.add_done_callback(self._done)
        return made

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(task.get_loop(), {"exception": error})

    async def _close(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        self._socket.close()
        for task in list(self._tasks):
            task.cancel()
        for wire in list(self._wires):
            wire.close(CloseCode.GOING_AWAY, "the bridge stops")
        end = loop.time() + self._timing.close_limit
        while self._wires and loop.time() < end:
            await asyncio.sleep(0.01)
        for wire in list(self._wires):
            wire.abort()
        await asyncio.sleep(0)

    def _accept_again(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_BACKLOG):
            try:
                connection, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:
                # No descriptors left, or the peer is gone already.
                loop.remove_reader(self._socket)
                loop.call_later(_PATIENCE, self._accept_again)
                return
            connection.setblocking(False)
            self._welcome(connection, _plain_address(address[0]))

    def _welcome(self, connection: socket.socket, address: str) -> None:
        """Take a connection; where there are too many at the door, the oldest makes room."""
        place = neighbourhood(address)
        guest = _Guest(address, place)
        if self._at_door[place] >= MOST_NAMELESS_EACH:
            self._show_out(next(each for each in self._outside if each.place == place))
        elif self._at_door.total() >= MOST_NAMELESS:
            self._show_out(next(iter(self._outside)))
        self._outside[guest] = None
        self._at_door[place] += 1
        guest.task = self.run(self._begin(connection, guest))
        # A task that is cancelled before it began closes nothing.
        guest.task.add_done_callback(lambda task: connection.close() if task.cancelled() else None)

    def _show_out(self, guest: _Guest) -> None:
        self._leave_door(guest)
        self._owner.refused(guest.address, door.CROWD)
        if guest.wire is not None and guest.wire in self._wires:
            guest.wire.abort()
        elif guest.task is not None:
            guest.task.cancel()

    def _leave_door(self, guest: _Guest) -> None:
        if guest.wire is not None:
            self._guests.pop(guest.wire, None)
        if guest not in self._outside:
            return
        del self._outside[guest]
        self._at_door[guest.place] -= 1
        if self._at_door[guest.place] <= 0:
            del self._at_door[guest.place]

    async def _begin(self, connection: socket.socket, guest: _Guest) -> None:
        """Take a connection over, after its TLS handshake if there is one."""
        limits: dict[str, float] = {}
        if self._context is not None:
            limits["ssl_handshake_timeout"] = self._timing.open_limit
            limits["ssl_shutdown_timeout"] = self._timing.close_limit
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._wire(guest),
                connection,
                ssl=self._context,
                **limits,
            )
        except OSError as error:
            # The handshake failed: then there never was a wire.
            self._leave_door(guest)
            connection.close()
            self._owner.refused(guest.address, _unsecured(error))

    def _wire(self, guest: _Guest) -> Wire:
        guest.wire = Wire(guest.address, self, self._door, self._timing)
        self._guests[guest.wire] = guest
        return guest.wire

    def _forget(self, wire: Wire) -> None:
        self._wires.discard(wire)
        self._nameless.discard(wire)
        guest = self._guests.get(wire)
        if guest is not None:
            self._leave_door(guest)

    def name(self, wire: Wire) -> bool:
        """A connection has named its device; False if there are too many already."""
        if not wire.named:
            if self._named >= MOST_CONNECTIONS:
                return False
            wire.named = True
            self._nameless.discard(wire)
        return True

    def admit(self, wire: Wire) -> bool:
        """A connection is of a device never seen before; False if its place has had too many."""
        now = asyncio.get_running_loop().time()
        newcomers = self._places.at(neighbourhood(wire.address), now).newcomers
        if newcomers.left(now) < 1:
            return False
        newcomers.take(now, 1)
        return True

    @property
    def _named(self) -> int:
        return sum(1 for wire in self._wires if wire.named)

    # What wires tell

    @property
    def is_busy(self) -> bool:
        """See `outbound_wire.Keeper`."""
        return self._owner.is_busy

    def made(self, wire: Wire) -> None:
        """See `outbound_wire.Keeper`."""
        self._wires.add(wire)

    def refused(self, wire: Wire, refusal: Refusal) -> None:
        """See `outbound_wire.Keeper`."""
        self._owner.refused(wire.address, refusal)

    def opened(self, wire: Wire) -> None:
        """See `outbound_wire.Keeper`."""
        guest = self._guests.get(wire)
        if guest is not None:
            self._leave_door(guest)
        if len(self._nameless) >= MOST_NAMELESS:
            self._owner.refused(wire.address, door.FULL)
            wire.close(CloseCode.TRY_AGAIN_LATER, "too many connections")
            return
        self._nameless.add(wire)
        now = asyncio.get_running_loop().time()
        place = self._places.at(neighbourhood(wire.address), now)
        wire.pay_along(place.allowance, self._places.everybody(now))
        _log.debug("%s: a device connected", wire.address)

    def message(self, wire: Wire, data: bytes) -> None:
        """See `outbound_wire.Keeper`."""
        self._owner.message(wire, data)

    def broken(self, wire: Wire, error: FrameError) -> None:
        """See `outbound_wire.Keeper`."""
        self._owner.broken(wire, error)

    def closed(self, wire: Wire) -> None:
        """See `outbound_wire.Keeper`."""
        self._forget(wire)
        self._owner.closed(wire)


def _unsecured(error: Exception) -> Refusal:
    if isinstance(error, ssl.SSLError) and error.reason == "HTTP_REQUEST":
        return door.PLAIN
    return door.SLOW if isinstance(error, TimeoutError) else door.UNSECURED


def _plain_address(text: str) -> str:
    """IPv4 addresses that come by a listener of both kinds, without their prefix."""
    return text.removeprefix("::ffff:")


def neighbourhood(address: str) -> str:
    """What one household or one attacker has at the least: an IPv4 address, 64 bits of IPv6."""
    if ":" not in address:
        return address
    return str(IPv6Network((address.partition("%")[0], 64), strict=False))


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; raises `StartError`, from the `OSError`, if that fails."""
    address = host.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    both = address == "::" and socket.has_dualstack_ipv6()
    try:
        made = socket.create_server(
            (address, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise StartError(f"outbound: cannot listen on {host}:{port}: {reason}") from error
    made.setblocking(False)
    # Those that are accepted have it too.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UNREAD)
    return made


def _raise_limit() -> None:
    """Have room for all connections among the process's open files, as far as that is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
