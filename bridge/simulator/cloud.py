"""The simulated cloud hosts: who is connected where, and what goes wrong there.

A host passes frames; what they say is the business of a `Viewer`, of which there is one kind for
each of Shelly's APIs. Hosts live in the world's event loop; counters may be read by any thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from bridge.simulator.devices.base import Device
from bridge.simulator.exchange import Reply, Request
from bridge.simulator.faults import HostFaults, Second
from bridge.simulator.wire import Wire, frame

Json = Any

SOCKET_PATH = "/shelly/wss/hk_sock"

_HEADERS = b"X-More: of them\r\n" * 1_000
_KEPT = 100_000
"""Times and records that a host remembers."""


class Viewer(Protocol):
    """Somebody a connection belongs to, by its token."""

    name: str
    exclusive: bool
    """Whether a host keeps only one connection of this viewer."""

    def sees(self, device: Device) -> bool:
        """Whether the events of a device are for this viewer."""

    def status_frame(self, device: Device, status: Json) -> bytes:
        """The message that tells a status."""

    def settings_frame(self, device: Device) -> bytes | None:
        """The message that tells the settings; None if this viewer is not told."""

    def online_frame(self, device: Device, online: bool) -> bytes:
        """The message that tells that a device came or went."""

    def opened(self, wire: Wire, /) -> None:
        """The viewer opened a connection."""

    def on_message(self, host: Host, wire: Wire, data: bytes) -> None:
        """The viewer said something; answers go out by `host.answer`."""


@dataclass(slots=True)
class Session:
    """A WebSocket as its host knows it; times are monotonic s."""

    viewer: str
    peer: tuple[str, int]
    """Address and port of the other end."""
    opened: float
    closed: float | None = None
    """When the end of its TCP connection was seen; None as long as it was not."""


@dataclass(slots=True)
class HostCounters:
    """What happened at a host; times are monotonic s, oldest first, the oldest dropped."""

    opened: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """When WebSockets were opened."""
    sessions: deque[Session] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """The WebSockets themselves."""
    refused: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """When handshakes were refused, for whatever reason."""
    unanswered: int = 0
    """Connections and handshakes that were never answered."""
    open_now: int = 0
    most_open: int = 0
    """Most connections that were open at once, counted when one had displaced the other."""
    overlaps: int = 0
    """How often a viewer opened a connection while it had one already."""
    overruns: int = 0
    """Connections closed because the viewer did not read."""
    verifies: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """`DeviceVerify` requests with the device's id as sent."""
    settings_asked: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    actions_answered: int = 0
    """Of these two, those that were answered."""
    commands: int = 0
    rpcs: int = 0
    events: int = 0
    """Messages about devices that were sent."""
    bad_messages: int = 0
    """Messages of a viewer that are not as documented."""


class Host:
    """One cloud host."""

    def __init__(
        self,
        name: str,
        viewer_of: Callable[[str, str], Viewer | None],
        changed: Callable[[], None],
        soon: Callable[[Callable[[], None]], None],
    ) -> None:
        """`viewer_of` gives the viewer of a token at a host.

        `changed` is called after every change; `soon` has the event loop call something.
        """
        self.name = name
        self.faults = HostFaults()
        self.counters = HostCounters()
        self._viewer_of = viewer_of
        self._changed = changed
        self._soon = soon
        self._wires: dict[Wire, Viewer] = {}
        self._sessions: dict[Wire, Session] = {}

    # Connections come and go.

    def upgrade(self, wire: Wire, request: Request) -> None:
        """A WebSocket is asked for."""
        if self.faults.no_handshake:
            self.counters.unanswered += 1
            self._changed()
            return
        if self.faults.endless:
            self.counters.unanswered += 1
            wire.write(b"HTTP/1.1 101 Switching Protocols\r\n")
            self._talk_on(wire)
            self._changed()
            return
        if self.faults.refuse is not None:
            location = self.faults.refuse_location
            self._refuse(wire, self.faults.refuse, {"Location": location} if location else {})
            return
        viewer = None
        if request.path == SOCKET_PATH:
            viewer = self._viewer_of(request.query.get("t", ""), self.name)
            if viewer is None:
                self._refuse(wire, self.faults.refused_status)
                return
        if viewer is None:
            self._refuse(wire, 404)
            return
        self._open(wire, request, viewer)

    def _talk_on(self, wire: Wire) -> None:
        """Write headers, as fast as they are taken, for as long as there is a connection."""
        if wire.is_closing:
            return
        if not wire.paused:
            wire.write(_HEADERS)
        asyncio.get_running_loop().call_later(0.001, self._talk_on, wire)

    def _refuse(self, wire: Wire, status: int, headers: dict[str, str] | None = None) -> None:
        self.counters.refused.append(time.monotonic())
        wire.reply(Reply(status, b"refused\n", "text/plain", headers or {}))
        self._changed()

    def _open(self, wire: Wire, request: Request, viewer: Viewer) -> None:
        older = [other for other, owner in self._wires.items() if owner.name == viewer.name]
        if older and viewer.exclusive:
            self.counters.overlaps += 1
            if self.faults.second is Second.REFUSE_NEWER:
                self._refuse(wire, 409)
                return
        if not wire.accept(request):
            self.counters.refused.append(time.monotonic())
            self._changed()
            return
        if viewer.exclusive and self.faults.second is Second.DROP_OLDER:
            for other in older:
                self._forget(other)
                other.close(*self.faults.second_close)
        self._wires[wire] = viewer
        wire.no_pong = self.faults.no_pong
        counters = self.counters
        counters.opened.append(time.monotonic())
        session = Session(viewer.name, wire.peer, counters.opened[-1])
        counters.sessions.append(session)
        self._sessions[wire] = session
        counters.open_now = len(self._wires)
        counters.most_open = max(counters.most_open, counters.open_now)
        wire.begin(self)
        viewer.opened(wire)
        if self.faults.displace is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self.faults.displace_after, wire.close, *self.faults.displace)
        self._changed()

    def on_close(self, wire: Wire) -> None:
        """See `wire.Owner`."""
        if wire.overrun:
            self.counters.overruns += 1
        self._sessions.pop(wire).closed = time.monotonic()
        self._forget(wire)
        self._changed()

    def _forget(self, wire: Wire) -> None:
        self._wires.pop(wire, None)
        self.counters.open_now = len(self._wires)

    # Messages.

    def on_message(self, wire: Wire, data: bytes) -> None:
        """See `wire.Owner`."""
        viewer = self._wires.get(wire)
        if viewer is not None:
            viewer.on_message(self, wire, data)
            self._changed()

    def answer(self, send: Callable[[], None]) -> None:
        """Call `send` now, or as late as the host's faults want answers to be."""
        if self.faults.answer_delay > 0:
            asyncio.get_running_loop().call_later(self.faults.answer_delay, send)
        else:
            send()

    def tell(self, device: Device, message: Callable[[Viewer], bytes | None]) -> None:
        """Send a message about a device to everybody who sees it and is told such things."""
        for wire, viewer in list(self._wires.items()):
            told = message(viewer) if viewer.sees(device) else None
            if told is not None:
                self.counters.events += 1
                wire.send(told)

    def audience(self, device: Device) -> Iterator[tuple[Wire, Viewer]]:
        """The connections that see a device."""
        for wire, viewer in self._wires.items():
            if viewer.sees(device):
                yield wire, viewer

    # What goes wrong; all of this may be called by any thread, and happens soon after.

    def close(self, code: int, reason: str = "", *, viewer: str | None = None) -> None:
        """Close every connection politely, or those of one viewer."""
        self._each(lambda wire: wire.close(code, reason), viewer)

    def drop(self) -> None:
        """Cut every connection."""
        self._each(Wire.abort)

    def freeze(self) -> None:
        """Hang: open connections are neither read nor written, new ones never spoken to."""
        self.faults.mute = True
        self._each(Wire.freeze)

    def thaw(self) -> None:
        """Go on after `freeze`; what happened meanwhile is never told."""
        self.faults.mute = False
        self._each(Wire.thaw)

    def write(self, data: bytes) -> None:
        """Send bytes as they are, such as a broken frame, on every connection."""
        self._each(lambda wire: wire.write(data))

    def half_frame(self) -> None:
        """Begin a message on every connection, and fall silent in the middle of it."""

        def half(wire: Wire) -> None:
            wire.write(frame(b'{"event":"Shelly:StatusOnChange"' + b" " * 200)[:100])
            wire.freeze()

        self._each(half)

    def _each(self, act: Callable[[Wire], None], viewer: str | None = None) -> None:
        def run() -> None:
            for wire, owner in list(self._wires.items()):
                if viewer in (None, owner.name):
                    act(wire)
            self._changed()

        self._soon(run)
