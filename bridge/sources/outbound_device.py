"""A device that connects to us: what it tells, what it is asked, and commands to it.

After its first frame it is asked who it is, how it is configured, which dynamic components it
has (they are in no status), and for its status; one thing at a time, commands in between. One
that sleeps is asked for little, as it goes again after seconds. Everything here runs in the
server's thread. (Shelly docs, Gen2 RPC protocol, Sleep management.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from websockets.frames import CloseCode

from bridge.core import rpc_frames
from bridge.core.events import (
    BadInput,
    CallAnswered,
    CommandAnswered,
    CommandNotSent,
    DeviceArrived,
    DeviceLeft,
    Event,
    PressReported,
    RefreshAnswered,
    SettingsReported,
    StatusReported,
)
from bridge.core.merge import MOST_STATUS, grows, weight, within_bounds
from bridge.core.model import DeviceId, Json, LinkId
from bridge.core.room import Room, load
from bridge.core.rpc_frames import Answer, Asked, Frame, Happened, Told
from bridge.core.sleep import wake_period
from bridge.errors import FrameError
from bridge.sources.base import Sink
from bridge.sources.outbound_calls import DENIED, Calls, GoneError, RefusedError
from bridge.sources.outbound_known import Known, Order
from bridge.sources.outbound_wire import Wire
from bridge.sources.timing import OutboundTiming

MOST_WAITING = 32
"""Commands in line for one device."""

MOST_PAGES = 64
"""Pages of dynamic components that are asked for."""

MOST_DYNAMIC = 256
"""Dynamic components of one device."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all devices have in common."""

    link: LinkId
    sink: Sink
    timing: OutboundTiming
    run: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    passwords: Mapping[DeviceId, str]
    hide: Callable[[Json], Json]
    """Takes the secret of our address out of what a device answers to a call."""
    room: Room
    """For the dynamic components of all."""


class Visit:
    """One connection of a device."""

    def __init__(self, known: Known, wire: Wire, shared: Shared) -> None:
        self.known = known
        self.wire = wire
        self._shared = shared
        self._link = shared.link
        self._calls = Calls(wire, shared.timing, shared.passwords.get(known.device))
        self._in_line = 0
        self._gone = False
        self._wanted = asyncio.Event()
        self._awaited = True
        """Somebody waits for the outcome of the questions."""
        self._asking = False
        self._interview: asyncio.Task[None] | None = None

    # Coming and going

    def begin(self) -> None:
        """The device has just told who it is."""
        known = self.known
        former, known.visit = known.visit, self
        known.muted = False
        if former is not None:
            former.replaced()
        self._shared.sink(DeviceArrived(self._link, known.device))
        while known.waiting:
            self.carry_out(known.waiting.popleft())
        self._wanted.set()
        self._interview = self._shared.run(self._ask_when_wanted())

    def replaced(self) -> None:
        """The device has another connection now; this one is only in the way."""
        self._end()
        self.wire.close(CloseCode.NORMAL_CLOSURE, "there is a newer connection")

    def closed(self) -> None:
        """The connection is gone."""
        self._end()
        if self.known.visit is self:
            self.known.visit = None
            self._tell(DeviceLeft(self._link, self.known.device))

    def _end(self) -> None:
        if self._gone:
            return
        self._gone = True
        if self._interview is not None:
            self._interview.cancel()
        self._calls.end()
        if self._awaited and self.known.visit in (None, self):
            self._awaited = False
            self._tell(RefreshAnswered(self._link, self.known.device, "failed"))

    # What it tells

    def take(self, frame: Frame) -> None:
        """A frame came; raises `FrameError` if it is none that this device may send."""
        if frame.device != self.known.device:
            raise FrameError("other_device", "a device sends frames in the name of another one")
        match frame:
            case Told():
                self._status(frame)
            case Happened():
                self._events(frame)
            case Answer():
                self._calls.answered(frame)
            case Asked():
                self.wire.send(rpc_frames.not_implemented(frame))

    def _status(self, told: Told) -> None:
        known = self.known
        if told.full:
            self._whole(told.status)
            return
        if known.dynamic is not None:
            self._remember({key: part for key, part in told.status.items() if key in known.dynamic})
        self._tell(StatusReported(self._link, known.device, told.status))

    def _remember(self, news: dict[str, Json]) -> None:
        """Dynamic components told something; what is too much is passed on only."""
        known = self.known
        before = known.dynamic or {}
        after = within_bounds(before, news)
        if not grows(before, news) or self._shared.room.take(known.device, "dynamic", load(after)):
            known.dynamic = after

    def _whole(self, status: dict[str, Json]) -> None:
        """A whole status, in which the dynamic components are missing.

        Before they are known it is only laid over, or what was told of them would be taken away.
        """
        known = self.known
        known.sleeps = wake_period(known.device, status) is not None
        system = status.get("sys")
        known.revision = system.get("cfg_rev") if isinstance(system, dict) else None
        if known.sleeps and known.dynamic is None:
            known.dynamic = {}
        dynamic = known.dynamic
        whole = status if dynamic is None else {**dynamic, **status}
        full = dynamic is not None
        self._tell(StatusReported(self._link, known.device, whole, full=full))

    def _events(self, happened: Happened) -> None:
        for press in happened.presses:
            self._tell(
                PressReported(
                    self._link, self.known.device, press.component, press.event, press.button
                )
            )
        if happened.reconfigured:
            self.known.configured = None
            asyncio.get_running_loop().call_later(self._shared.timing.settle, self._wanted.set)

    def _tell(self, event: Event) -> None:
        if not self.known.muted:
            self._shared.sink(event)

    # Commands

    def carry_out(self, order: Order) -> None:
        """Put a call in line, or give it back."""
        if self._in_line >= MOST_WAITING:
            self.give_back(order, "rate_limited", "too many commands for this device")
            return
        self._in_line += 1
        self._shared.run(self._carry_out(order))

    async def _carry_out(self, order: Order) -> None:
        try:
            async with self._calls.turn(order.method):
                if self._gone:
                    self._pass_on(order)
                elif time.monotonic() >= order.deadline:
                    self.give_back(order, "expired", "it could not be sent in time")
                elif not self.wire.is_open:
                    self.give_back(order, "device_offline", "the connection to it was lost")
                else:
                    await self._carry_out_now(order)
        finally:
            self._in_line -= 1

    async def _carry_out_now(self, order: Order) -> None:
        try:
            result = await self._calls.exchange(order.method, order.parameters)
        except RefusedError as refused:
            if order.plain:
                error = self._shared.hide(refused.error.document)
                self._tell(CallAnswered(self._link, order.request, error=error))
            else:
                text = str(self._shared.hide(str(refused.error)))
                self._tell(CommandAnswered(self._link, order.request, False, text))
        except (GoneError, TimeoutError):
            # Perhaps it was carried out, perhaps not; whoever waits for it has a time limit.
            return
        else:
            if order.plain:
                self._tell(CallAnswered(self._link, order.request, self._shared.hide(result)))
            else:
                self._tell(CommandAnswered(self._link, order.request, True))

    def _pass_on(self, order: Order) -> None:
        """Let the device's newer connection have it, if there is one."""
        visit = self.known.visit
        if visit is not None and visit is not self:
            visit.carry_out(order)
        else:
            self.give_back(order, "device_offline", "the connection to it was lost")

    def give_back(self, order: Order, status: str, text: str) -> None:
        """Tell that a call was not made."""
        self._shared.sink(CommandNotSent(self._link, order.request, status, text))

    # Questions

    def ask(self) -> None:
        """Ask for everything anew; the outcome is told, also of questions under way."""
        self.known.configured = None
        self._awaited = True
        if not self._asking:
            self._wanted.set()

    async def _ask_when_wanted(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._asking = True
            outcome = await self._ask()
            self._asking = False
            if outcome != "ok" and not self.known.sleeps:
                again = self._shared.timing.ask_again
                asyncio.get_running_loop().call_later(again, self._wanted.set)
            if self._awaited:
                self._awaited = False
                self._tell(RefreshAnswered(self._link, self.known.device, outcome))

    async def _ask(self) -> str:
        """Ask for everything that is to be known; gives the outcome."""
        try:
            known = self.known
            if known.sleeps and known.is_configured:
                return "ok"
            info = await self._calls.ask("Shelly.GetDeviceInfo")
            settings = _object(await self._calls.ask("Shelly.GetConfig"), "Shelly.GetConfig")
            settings["DeviceInfo"] = _object(info, "Shelly.GetDeviceInfo")
            if not known.sleeps:
                settings |= await self._ask_for_components()
            self._tell(SettingsReported(self._link, known.device, settings))
            known.configured = known.revision
            if not known.sleeps:
                self._whole(_object(await self._calls.ask("Shelly.GetStatus"), "Shelly.GetStatus"))
        except TimeoutError:
            return "timeout"
        except FrameError as error:
            self._complain(error.kind, str(error))
            return "failed"
        except RefusedError as refused:
            text = str(self._shared.hide(f"it does not answer questions: {refused.error}"))
            self._complain("refused_question", text)
            return "not_authorized" if refused.error.code == DENIED else "failed"
        except GoneError:
            return "failed"
        return "ok"

    async def _ask_for_components(self) -> dict[str, Json]:
        """Learn which dynamic components there are; gives their part of the settings."""
        listed: dict[str, Mapping[str, Json]] = {}
        heavy = 0
        for _ in range(MOST_PAGES):
            question = {
                "offset": len(listed),
                "dynamic_only": True,
                "include": ["status", "config"],
            }
            try:
                page, total = rpc_frames.components(
                    await self._calls.ask("Shelly.GetComponents", question)
                )
            except RefusedError as refused:
                if refused.error.code == DENIED:
                    raise
                # Firmware before 1.3, and displays, have neither the method nor such components.
                break
            news = {key: _known_parts(item) for key, item in page.items() if key not in listed}
            heavy += weight(news)
            if heavy > MOST_STATUS:
                self._complain("too_large", "it has more dynamic components than any device")
                break
            listed |= news
            if not news or len(listed) >= min(total, MOST_DYNAMIC):
                break
        dynamic = {
            key: item["status"] if isinstance(item.get("status"), dict) else {}
            for key, item in listed.items()
        }
        if not self._shared.room.take(self.known.device, "dynamic", load(dynamic)):
            self._complain("no_room", "all devices together have too many dynamic components")
            dynamic, listed = {}, {}
        self.known.dynamic = dynamic
        return {key: _configuration(item) for key, item in listed.items()}

    def _complain(self, kind: str, text: str) -> None:
        self._tell(BadInput(self._link, kind, text, self.known.device))


def _known_parts(item: Mapping[str, Json]) -> dict[str, Json]:
    return {part: item[part] for part in ("status", "config", "attrs") if part in item}


def _configuration(item: Mapping[str, Json]) -> Json:
    config, attributes = item.get("config"), item.get("attrs")
    found = dict(config) if isinstance(config, dict) else {}
    if isinstance(attributes, dict):
        found["attrs"] = attributes
    return found


def _object(result: Json, method: str) -> dict[str, Json]:
    if not isinstance(result, dict):
        raise FrameError("bad_answer", f"an answer to {method} is not an object")
    return dict(result)
