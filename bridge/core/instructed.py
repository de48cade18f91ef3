"""`/set` and `get` messages: from an MQTT message to an order, or to the result that refuses it."""

from __future__ import annotations

import logging
from collections import OrderedDict

from bridge.core import instructions, jsontext, topics
from bridge.core.device import ChannelState, Device, Path
from bridge.core.dispatch import Dispatch
from bridge.core.instructions import Instruction, RefusedError
from bridge.core.model import Access, Effect, Log, MessageArrived, Now, Refresh
from bridge.core.registry import Registry
from bridge.core.results import Order, Route, Sender, Stage, result

REPEATED_WITHIN = 5.0
"""A redelivery (DUP) of the same command within this time (s) is dropped."""


class Instructed:
    """Decides about every message to a device."""

    def __init__(self, registry: Registry, dispatch: Dispatch) -> None:
        self._registry = registry
        self._dispatch = dispatch
        self._recent: OrderedDict[tuple[str, str], float] = OrderedDict()

    def route_again(self, route: Route) -> Route:
        """The way of a command that waited, as things are now; raises `RefusedError`."""
        device = self._registry.devices.get(route.device)
        state = device.channels.get(route.channel) if device is not None else None
        if device is None or state is None or state.channel.target != route.target:
            raise RefusedError("unknown", "what the command was for is no more")
        return self._route(device, state)

    def get(self, parsed: topics.Parsed, message: MessageArrived) -> list[Effect]:
        """Ask the source for the device's whole state."""
        device = self._registry.find(parsed.name)
        if device is None or message.retain:
            return []
        return self.refresh(device)

    def refresh(self, device: Device) -> list[Effect]:
        """Ask by every connected way to the device."""
        return [
            Refresh(path.link, device.id)
            for path in device.paths.values()
            if path.link in self._registry.links and self._registry.links[path.link].connected
        ]

    def set(self, parsed: topics.Parsed, message: MessageArrived, now: Now) -> list[Effect]:
        """Run the command, or answer why not; an empty payload is nothing."""
        if not message.payload:
            return []
        instruction = instructions.read(message.payload, parsed.key, parsed.kind)
        sender = self._sender(parsed, message, instruction)
        try:
            self._check_message(message, instruction)
            if self._is_repeated(message, instruction, now):
                return []
            order = self._order(parsed, sender, instruction)
        except RefusedError as error:
            return result(sender, error.status, Stage.REFUSED, now, str(error))
        effects: list[Effect] = []
        if message.retain:
            effects.append(
                Log(
                    logging.WARNING,
                    f"{message.topic}: a command was published with the retain flag; "
                    "it runs once and never again, publish commands without it",
                )
            )
        return effects + self._dispatch.submit(order, now)

    def overloaded(self, message: MessageArrived, now: Now) -> list[Effect]:
        """Answer a command that came while the engine had no room for it."""
        parsed = self._registry.settings.topics.parse(message.topic)
        if parsed is None or parsed.about is not topics.Inbound.SET:
            return []
        sender = self._sender(parsed, message, Instruction({}))
        return result(sender, "rate_limited", Stage.REFUSED, now, "too many messages at once")

    def _sender(
        self, parsed: topics.Parsed, message: MessageArrived, instruction: Instruction
    ) -> Sender:
        """Who is to be told; a topic that we or Home Assistant own is nobody's answer box."""
        asked = message.response_topic
        if asked is not None and not self._registry.settings.topics.is_answer_box(asked):
            asked = None
        return Sender(
            topic=self._registry.settings.topics.channel(parsed.name, parsed.kind, parsed.number),
            arrived=message.at,
            wanted=instruction.wanted,
            id=instruction.id,
            qos=message.qos,
            response_topic=asked,
            correlation=message.correlation,
            failures=self._registry.settings.topics.bridge("event"),
        )

    def _check_message(self, message: MessageArrived, instruction: Instruction) -> None:
        if message.stored:
            raise RefusedError("retained", "a stored command never runs; clear the topic")
        if instruction.problem is not None:
            raise RefusedError("invalid", instruction.problem)

    def _is_repeated(self, message: MessageArrived, instruction: Instruction, now: Now) -> bool:
        if instruction.id is None:
            return False
        key = (message.topic, jsontext.dump(instruction.id))
        last = self._recent.pop(key, None)
        self._recent[key] = now.mono
        while len(self._recent) > 1_000:
            self._recent.popitem(last=False)
        return message.duplicate and last is not None and now.mono - last < REPEATED_WITHIN

    def _order(self, parsed: topics.Parsed, sender: Sender, instruction: Instruction) -> Order:
        device = self._registry.find(parsed.name)
        if device is None:
            raise RefusedError("unknown", "there is no such device")
        state = device.channels.get((parsed.kind, parsed.number))
        if state is None:
            if not device.channels:
                self._path(device)
            raise RefusedError("unknown", f"the device has no {parsed.kind}/{parsed.number}")
        command = instructions.to_command(instruction.wanted, state)
        route = self._route(device, state)
        limit = self._registry.settings.limits.timeout
        ttl = limit if instruction.ttl is None else min(instruction.ttl, limit)
        return Order(sender, route, command, sender.arrived + ttl, before=state.values)

    def _route(self, device: Device, state: ChannelState) -> Route:
        path = self._path(device)
        channel = state.channel
        key = (channel.kind, channel.number)
        return Route(device.id, key, channel.target, path.link, path.kind)

    def _path(self, device: Device) -> Path:
        """The way that a command would go; refuses if there is none now."""
        path = self._registry.best_path(device)
        link = self._registry.links.get(path.link) if path is not None else None
        if path is None or link is None or not link.connected:
            raise RefusedError("host_down", "the connection to Shelly's cloud is down")
        if path.access is Access.NONE:
            raise RefusedError("read_only", "the owner has withdrawn access to the device")
        if path.access is not Access.CONTROL:
            raise RefusedError("read_only", "the owner allows reading only")
        if device.online is False or path.online is False:
            raise RefusedError("device_offline", "the device is offline")
        return path
