"""Gen2+ devices that connect to us: no cloud in between, and all of their RPC.

The link is the listener: it is connected while it listens. (Shelly docs, Gen2 Ws, RPC channels.)
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

from websockets.frames import CloseCode

from bridge.core import rpc, rpc_frames
from bridge.core.effects import CallDevice, SendCommand
from bridge.core.events import BadInput, CommandNotSent, LinkChanged, RefreshAnswered
from bridge.core.model import DeviceId, Json, LinkId, LinkState, SourceKind
from bridge.core.room import Room
from bridge.errors import FrameError
from bridge.sources.base import Sink
from bridge.sources.outbound_allowance import DEVICE, TURNS, Allowance, Bucket
from bridge.sources.outbound_device import Shared, Visit
from bridge.sources.outbound_door import FLOOD, FULL, NEWCOMERS, Refusal
from bridge.sources.outbound_feed import Feed
from bridge.sources.outbound_known import Known, Order
from bridge.sources.outbound_server import DeviceServer
from bridge.sources.outbound_wire import Wire
from bridge.sources.timing import OutboundTiming
from bridge.threads import CrashHook, Deadline

LINK = LinkId("outbound")

MOST_KNOWN = 2_000
"""Devices that are remembered; who knows the secret can invent any number."""

MOST_WAITING = 16
"""Commands that wait for one device to wake."""

MOST_UNHEARD = 16
"""Messages of a connection that waits to be let in."""

LONGEST_DEBT = 5.0
"""Seconds; a device that sent far too much is not let in again before it could send more."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """`outbound:` of the configuration, and the passwords of devices that have one."""

    host: str
    port: int
    secret: str = field(repr=False)
    context: ssl.SSLContext | None = None
    passwords: Mapping[DeviceId, str] = field(default_factory=dict, repr=False)
    timing: OutboundTiming = field(default_factory=OutboundTiming)


class OutboundSource:
    """All devices that dial out to us."""

    def __init__(
        self,
        settings: OutboundSettings,
        sink: Sink,
        on_crash: CrashHook,
        rounds: Callable[[], int] | None = None,
    ) -> None:
        """Bind the listener; raises `StartError` if that fails.

        `rounds` counts those of the engine, which then is never given much at once.
        """
        self._sink = self._feed = Feed(sink, on_crash, rounds)
        self._server = DeviceServer(
            settings.host,
            settings.port,
            settings.secret,
            self,
            on_crash,
            settings.timing,
            settings.context,
        )
        self.port = self._server.port
        self._shared = Shared(
            LINK,
            self._sink,
            settings.timing,
            self._server.run,
            settings.passwords,
            partial(_without, settings.secret),
            Room(),
        )
        self._known: dict[DeviceId, Known] = {}
        """Changed by the server's thread only; others look up single devices."""
        self._visits: dict[Wire, Visit] = {}
        self._contests: dict[Wire, list[bytes]] = {}
        """Connections as a device that is there already, and what they said so far."""

    # Any thread, or the engine's

    def start(self) -> None:
        """Listen."""
        self._feed.start()
        self._server.start()

    def serves(self, link: LinkId) -> bool:
        """Whether the link is the listener."""
        return link == LINK

    def send(self, command: SendCommand) -> CommandNotSent | None:
        """Call the device; one that sleeps is called when it wakes, if that is soon enough."""
        method, parameters = rpc.encode(command)
        order = Order(command.request, method, parameters, command.deadline)
        return self._pass(command.link, command.device, order)

    def call(self, call: CallDevice) -> CommandNotSent | None:
        """Make a call of somebody's own; its answer comes as `CallAnswered`."""
        order = Order(call.request, call.method, call.parameters, call.deadline, plain=True)
        return self._pass(call.link, call.device, order)

    def _pass(self, link: LinkId, device: DeviceId, order: Order) -> CommandNotSent | None:
        known = self._known.get(device) if link == LINK else None
        if known is None or (known.visit is None and not known.sleeps):
            text = "the device is not connected to the bridge"
            return CommandNotSent(link, order.request, "host_down", text)
        if not self._server.soon(partial(self._take_order, known, order)):
            text = "the bridge does not listen for devices any more"
            return CommandNotSent(link, order.request, "host_down", text)
        return None

    def refresh(self, link: LinkId, device: DeviceId) -> RefreshAnswered | None:
        """Ask the device for its settings and whole state."""
        known = self._known.get(device) if link == LINK else None
        if known is None or not self._server.soon(partial(self._refresh, known)):
            return RefreshAnswered(link, device, "failed")
        return None

    def beats(self) -> dict[str, int]:
        """See `Source.beats`."""
        return self._server.beats() | self._feed.beats()

    def reconnect(self, link: LinkId) -> None:
        """Close the connections of all devices; they come back by themselves."""
        if link == LINK:
            self._server.soon(self._close_all)

    def release(self, device: DeviceId) -> None:
        """Tell nothing more of a device until it comes again."""
        self._server.soon(partial(self._mute, device))

    def stop(self, deadline: Deadline) -> list[str]:
        """Close everything."""
        return self._server.stop(deadline) + self._feed.stop(deadline)

    # The server's thread

    @property
    def is_busy(self) -> bool:
        """See `outbound_server.Owner`."""
        return self._feed.is_full

    def listening(self) -> None:
        """See `outbound_server.Owner`."""
        self._sink(LinkChanged(LINK, SourceKind.OUTBOUND, LinkState.CONNECTED, native_rpc=True))

    def refused(self, address: str, refusal: Refusal) -> None:
        """See `outbound_server.Owner`."""
        self._sink(BadInput(f"{LINK}, {address}", f"refused_{refusal.kind}", refusal.text))

    def message(self, wire: Wire, data: bytes) -> None:
        """See `outbound_server.Owner`."""
        visit = self._visits.get(wire)
        try:
            frame = rpc_frames.decode(data)
            wire.pay_for(rpc_frames.members(frame))
            if visit is None:
                visit = self._welcome(frame.device, wire, data)
            if visit is not None:
                visit.take(frame)
        except FrameError as error:
            if error.kind in ("utf8", "impatient"):
                raise
            self.broken(wire, error)

    def _welcome(self, device: DeviceId, wire: Wire, data: bytes) -> Visit | None:
        """A connection told which device it is of; None if it has to wait, or may not come in."""
        now = asyncio.get_running_loop().time()
        known = self._known.get(device)
        if known is not None and (older := _rival(known, wire)) is not None:
            self._contest(known, wire, older, data)
            return None
        if not self._server.name(wire):
            self._turn_away(wire, FULL, "too many connections")
            return None
        if known is None:
            if not self._server.admit(wire):
                self._turn_away(wire, NEWCOMERS, "too many devices")
                return None
            self._make_room()
            known = Known(device, Allowance(now, DEVICE), Bucket(TURNS, now))
        self._note_turns(known, now)
        # Who came last is forgotten last.
        self._known.pop(device, None)
        self._known[device] = known
        wire.pay_with(known.allowance)
        if known.allowance.wait(now) > LONGEST_DEBT:
            self._turn_away(wire, FLOOD, "too much")
            return None
        if known.address not in (None, wire.address):
            text = "%s: the device %s connects from this address now, before from %s"
            _log.warning(text, wire.address, device, known.address)
        known.address = wire.address
        visit = self._visits[wire] = Visit(known, wire, self._shared)
        visit.begin()
        return visit

    def _note_turns(self, known: Known, now: float) -> None:
        """A connection is about to take the place of one; two that go on doing so are told of."""
        if known.visit is None or not known.visit.wire.is_open:
            return
        known.turns.take(now, 1)
        if known.turns.left(now) < 0:
            text = "two connections take turns as this device; is its id used twice?"
            self._sink(BadInput(LINK, "turns", text, known.device))

    def _turn_away(self, wire: Wire, refusal: Refusal, reason: str) -> None:
        self.refused(wire.address, refusal)
        wire.close(CloseCode.TRY_AGAIN_LATER, reason)

    def _contest(self, known: Known, wire: Wire, older: Wire, data: bytes) -> None:
        """Hear first whether the older connection lives; a device may also just have moved."""
        waiting = self._contests.get(wire)
        if waiting is not None:
            waiting.append(data)
            if len(waiting) > MOST_UNHEARD:
                raise FrameError("impatient", "it does not wait to be let in")
            return
        self._contests[wire] = [data]
        loop = asyncio.get_running_loop()
        now = loop.time()
        older.ping(now)
        loop.call_later(self._shared.timing.contest_limit, self._decide, known, wire, older, now)

    def _decide(self, known: Known, wire: Wire, older: Wire, since: float) -> None:
        waiting = self._contests.pop(wire, None)
        if waiting is None or not wire.is_open:
            return
        if older.is_alive(since):
            text = (
                f"somebody connects as the device {known.device}, which is connected "
                f"from {older.address}"
            )
            self._turn_away(wire, Refusal("taken", text), "the device is here already")
            return
        if known.visit is not None and known.visit.wire is older:
            older.abort()
            known.visit.replaced()
        try:
            for data in waiting:
                self.message(wire, data)
        except FrameError as error:
            self.broken(wire, error)
            wire.close(CloseCode.INVALID_DATA, "not what the protocol says")

    def _make_room(self) -> None:
        """Forget the device that was away longest, if there are too many."""
        if len(self._known) < MOST_KNOWN:
            return
        away = (known for known in self._known.values() if not known.visit and not known.waiting)
        if (oldest := next(away, None)) is not None:
            del self._known[oldest.device]
            self._shared.room.leave(oldest.device)

    def broken(self, wire: Wire, error: FrameError) -> None:
        """See `outbound_server.Owner`."""
        visit = self._visits.get(wire)
        device = visit.known.device if visit is not None else None
        self._sink(BadInput(LINK, error.kind, str(error), device))

    def closed(self, wire: Wire) -> None:
        """See `outbound_server.Owner`."""
        self._contests.pop(wire, None)
        visit = self._visits.pop(wire, None)
        if visit is not None:
            visit.closed()

    def _take_order(self, known: Known, order: Order) -> None:
        if known.visit is not None:
            known.visit.carry_out(order)
        elif not known.sleeps:
            self._give_back(order, "host_down", "the connection to the device was lost")
        elif len(known.waiting) >= MOST_WAITING:
            self._give_back(order, "rate_limited", "too many commands wait for it to wake")
        else:
            known.waiting.append(order)
            delay = max(0.0, order.deadline - time.monotonic())
            asyncio.get_running_loop().call_later(delay, self._expire, known, order)

    def _expire(self, known: Known, order: Order) -> None:
        if order in known.waiting:
            known.waiting.remove(order)
            self._give_back(order, "expired", "the device did not wake in time")

    def _give_back(self, order: Order, status: str, text: str) -> None:
        self._sink(CommandNotSent(LINK, order.request, status, text))

    def _refresh(self, known: Known) -> None:
        if known.visit is None:
            self._sink(RefreshAnswered(LINK, known.device, "offline"))
        else:
            known.visit.ask()

    def _mute(self, device: DeviceId) -> None:
        known = self._known.get(device)
        if known is None:
            return
        known.muted = True
        known.dynamic = known.configured = None
        self._shared.room.leave(device)
        if known.visit is None:
            del self._known[device]

    def _close_all(self) -> None:
        for wire in list(self._visits):
            wire.close(CloseCode.SERVICE_RESTART, "it was asked to connect anew")


def _rival(known: Known, wire: Wire) -> Wire | None:
    """The connection by which the device is there already, if it is from another address."""
    older = known.visit.wire if known.visit is not None else None
    contested = older is not None and older.is_open and older.address != wire.address
    return older if contested else None


def _without(secret: str, value: Json) -> Json:
    """The same without a secret, wherever it stands."""
    if isinstance(value, str):
        return value.replace(secret, "***").replace(quote(secret, safe=""), "***")
    if isinstance(value, list):
        return [_without(secret, item) for item in value]
    if isinstance(value, dict):
        return {_without(secret, key): _without(secret, item) for key, item in value.items()}
    return value
