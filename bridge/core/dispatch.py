"""The life of a command between its arrival and its one final result.

    waiting ──release──► sent ──answer──► accepted ──state──► confirmed
       │                  │                  │
       └► expired,        └► error,          └► timeout at stage `confirm`
          superseded,        timeout,
          rate_limited       not sent

Commands to one device keep a distance, wait bounded, and never run late. Knows nothing of
topics or devices beyond what an `Order` carries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bridge.core import rpc
from bridge.core.cloud import HIGHEST_REQUEST
from bridge.core.confirm import covers, is_absolute, shows
from bridge.core.effects import Effect, SendCommand
from bridge.core.events import CommandAnswered, CommandNotSent
from bridge.core.instructions.wanted import RefusedError
from bridge.core.kinds.catalog import ChannelKey
from bridge.core.kinds.fields import Values
from bridge.core.model import DeviceId, LinkId, Now
from bridge.core.results import Order, Route, Stage
from bridge.core.timers import Timers

MOST_PENDING = 256
"""Commands that may be under way or waiting at once."""

MOST_WAITING = 16
"""Commands that may wait for one device."""


_WAY_LOST = frozenset({"host_down", "device_offline"})
"""Results that another way to the device might have spared the sender."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`commands:` of the configuration, in s."""

    timeout: float = 10.0
    confirm_timeout: float = 5.0
    min_interval: float = 0.2


@dataclass(frozen=True, slots=True)
class AnswerDue:
    """A timer's key: the command waits for its answer, or for the state that shows it."""

    request: int


@dataclass(frozen=True, slots=True)
class ReleaseDue:
    """A timer's key: the next command of a device may go."""

    device: DeviceId


class Dispatch:
    """All commands that are not finished."""

    def __init__(self, limits: Limits, timers: Timers) -> None:
        self._limits = limits
        self._timers = timers
        self._last_request = 0
        self._sent: dict[int, Order] = {}
        self._waiting: dict[DeviceId, deque[Order]] = {}
        self._watched: dict[tuple[DeviceId, ChannelKey], list[Order]] = {}
        self._free_at: dict[DeviceId, float] = {}
        self._count = 0
        self.route_again: Callable[[Route], Route] = lambda route: route
        """Finds the way of a command that waited anew; raises `RefusedError` if there is none."""
        self.route_besides: Callable[[Route], Route | None] = lambda _: None
        """Finds another way than this one, if there is one now."""

    def __len__(self) -> int:
        return self._count

    def submit(self, order: Order, now: Now) -> list[Effect]:
        """Take a command that may be sent: at once, or when its device's turn comes."""
        if self._count >= MOST_PENDING:
            return order.result("rate_limited", Stage.REFUSED, now, "too many commands at once")
        if order.deadline <= now.mono:
            return order.result("expired", Stage.REFUSED, now, "came too late")
        device = order.route.device
        if device not in self._waiting and self._is_free(device, now):
            self._count += 1
            return self._send(order, now)
        return self._wait(order, now)

    def _wait(self, order: Order, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        device = order.route.device
        queue = self._waiting.setdefault(device, deque())
        same = [older for older in queue if older.route.channel == order.route.channel]
        for older in same:
            if covers(order.command, older.command):
                queue.remove(older)
                self._count -= 1
                effects += older.result("superseded", Stage.REFUSED, now, "a newer command came")
        if len(queue) >= MOST_WAITING:
            error = "too many commands for this device"
            return effects + order.result("rate_limited", Stage.REFUSED, now, error)
        queue.append(order)
        self._count += 1
        self._timers.set(ReleaseDue(device), self._next_release(device))
        return effects

    def _next_release(self, device: DeviceId) -> float:
        first_expiry = min(order.deadline for order in self._waiting[device])
        return min(self._free_at.get(device, 0.0), first_expiry)

    def _is_free(self, device: DeviceId, now: Now) -> bool:
        return now.mono >= self._free_at.get(device, 0.0)

    def release(self, key: ReleaseDue, now: Now) -> list[Effect]:
        """The timer of a device with waiting commands rang."""
        queue = self._waiting.get(key.device, deque())
        effects: list[Effect] = []
        for order in [order for order in queue if order.deadline <= now.mono]:
            queue.remove(order)
            self._count -= 1
            effects += order.result("expired", Stage.REFUSED, now, "waited too long for its turn")
        while queue and self._is_free(key.device, now):
            effects += self._send_if_allowed(queue.popleft(), now)
        if queue:
            self._timers.set(key, self._next_release(key.device))
        else:
            self._waiting.pop(key.device, None)
        return effects

    def _send_if_allowed(self, order: Order, now: Now) -> list[Effect]:
        """Send a command that waited, unless what it needs has gone meanwhile."""
        try:
            order.route = self.route_again(order.route)
        except RefusedError as error:
            self._count -= 1
            return order.result(error.status, Stage.REFUSED, now, str(error))
        return self._send(order, now)

    def _send(self, order: Order, now: Now) -> list[Effect]:
        route = order.route
        self._last_request = self._last_request % HIGHEST_REQUEST + 1
        order.request = self._last_request
        if route.native:
            order.command = rpc.settled(order.command, route.target, order.before.get("state"))
        self._free_at[route.device] = now.mono + self._limits.min_interval
        self._sent[order.request] = order
        self._watched.setdefault((route.device, route.channel), []).append(order)
        # A command for a device that sleeps may be sent at any time until its deadline.
        latest = order.deadline if order.waits else now.mono
        limit = self._limits.timeout
        if route.native:
            limit = rpc.answer_limit(route.target.component, limit)
        self._timers.set(AnswerDue(order.request), latest + limit)
        return [
            SendCommand(
                route.link,
                route.device,
                route.target,
                order.command,
                order.request,
                order.deadline,
                native=route.native,
            )
        ]

    def answered(self, answer: CommandAnswered, now: Now, values: Values) -> list[Effect]:
        """The cloud or device answered; `values` are the channel's at this moment.

        An answer that nobody waits for, or that comes by another link, is ignored.
        """
        order = self._sent.get(answer.request)
        if order is None or order.route.link != answer.link or order.accepted:
            return []
        if not answer.ok:
            self._finish(order)
            error = answer.text or "refused without a reason"
            return order.result("error", Stage.SENT, now, error)
        order.accepted = True
        effects = order.result("ok", Stage.ACCEPTED, now)
        if order.shown or shows(order.command, order.before, values):
            return effects + self._confirm(order, now)
        self._timers.set(AnswerDue(answer.request), now.mono + self._limits.confirm_timeout)
        return effects

    def sent(self, request: int) -> Order | None:
        """The command that was sent with a number, unless it is finished."""
        return self._sent.get(request)

    def not_sent(self, event: CommandNotSent, now: Now) -> list[Effect]:
        """The source gave the command back; not one that was accepted already.

        As it was never sent, it may go by another way, once.
        """
        order = self._sent.get(event.request)
        if order is None or order.route.link != event.link or order.accepted:
            return []
        self._finish(order)
        other = None
        if event.status in _WAY_LOST and not order.rerouted and now.mono < order.deadline:
            other = self.route_besides(order.route)
        if other is not None:
            order.route, order.rerouted = other, True
            self._count += 1
            return self._send(order, now)
        return order.result(event.status, Stage.REFUSED, now, event.text)

    def timed_out(self, key: AnswerDue, now: Now) -> list[Effect]:
        """The timer of a sent command rang."""
        order = self._sent.get(key.request)
        if order is None:
            return []
        self._finish(order)
        if order.accepted:
            error = "accepted, but no matching state came"
            return order.result("timeout", Stage.CONFIRM, now, error)
        return order.result("timeout", Stage.SENT, now, "no answer")

    def awaits(self, device: DeviceId) -> bool:
        """Whether `seen` may be of use: somebody waits for some device, or for this one."""
        return bool(self._watched) or device in self._waiting

    def seen(self, device: DeviceId, channel: ChannelKey, values: Values, now: Now) -> list[Effect]:
        """A channel's values changed: perhaps a command did that."""
        effects: list[Effect] = []
        for order in self._waiting.get(device, ()):
            if order.route.channel == channel:
                order.before = values
        watching = [order for order in self._watched.get((device, channel), ()) if not order.shown]
        for number, order in enumerate(watching):
            if not shows(order.command, order.before, values):
                continue
            order.shown = True
            if order.accepted:
                effects += self._confirm(order, now)
            if not is_absolute(order.command):
                # One change is the doing of one such command; the next must see another.
                for later in watching[number + 1 :]:
                    later.before = values
                break
        return effects

    def drop_device(self, device: DeviceId, status: str, error: str, now: Now) -> list[Effect]:
        """The device is gone: finish all its commands."""
        waiting = list(self._waiting.pop(device, ()))
        sent = [order for order in self._sent.values() if order.route.device == device]
        self._free_at.pop(device, None)
        self._timers.cancel(ReleaseDue(device))
        return self._end(waiting, sent, status, error, now)

    def drop_link(
        self, device: DeviceId, link: LinkId, status: str, error: str, now: Now
    ) -> list[Effect]:
        """A device does not come by a link any more: finish what was sent by it."""
        ways = ((order, order.route) for order in self._sent.values())
        sent = [order for order, way in ways if (way.device, way.link) == (device, link)]
        return self._end([], sent, status, error, now)

    def stop(self, now: Now) -> list[Effect]:
        """The bridge stops: finish everything."""
        waiting = [order for queue in self._waiting.values() for order in queue]
        self._waiting.clear()
        sent = list(self._sent.values())
        return self._end(waiting, sent, "error", "the bridge is shutting down", now)

    def _end(
        self, waiting: list[Order], sent: list[Order], status: str, error: str, now: Now
    ) -> list[Effect]:
        effects: list[Effect] = []
        for order in waiting:
            self._count -= 1
            effects += order.result(status, Stage.REFUSED, now, error)
        for order in sent:
            self._finish(order)
            stage = Stage.CONFIRM if order.accepted else Stage.SENT
            effects += order.result(status, stage, now, error)
        return effects

    def _confirm(self, order: Order, now: Now) -> list[Effect]:
        self._finish(order)
        return order.result("ok", Stage.CONFIRMED, now)

    def _finish(self, order: Order) -> None:
        route = order.route
        del self._sent[order.request]
        self._count -= 1
        self._timers.cancel(AnswerDue(order.request))
        watched = self._watched[route.device, route.channel]
        watched.remove(order)
        if not watched:
            del self._watched[route.device, route.channel]
