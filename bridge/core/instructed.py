"""`/set` and `get` messages: from an MQTT message to an order, or to the result that refuses it."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict

from bridge.core import abilities, jsontext, topics
from bridge.core.abilities import Way
from bridge.core.device import ChannelState, Device, Path
from bridge.core.dispatch import Dispatch
from bridge.core.effects import Effect, Log, Refresh
from bridge.core.events import MessageArrived
from bridge.core.instructions.builders import to_command
from bridge.core.instructions.payload import Instruction, read
from bridge.core.instructions.wanted import RefusedError
from bridge.core.model import Access, LinkId, Now
from bridge.core.registry import Registry
from bridge.core.results import Order, Route, Sender, Stage, result

REPEATED_WITHIN = 5.0
"""A redelivery (DUP) of the same command within this time (s) is dropped."""


class Instructed:
    """Decides about every message to a device."""

    def __init__(self, registry: Registry, dispatch: Dispatch) -> None:
        self._registry = registry
        self._dispatch = dispatch
        self.results: Counter[str] = Counter()
        """Final results since the start, by their status."""
        self._recent: OrderedDict[tuple[str, str], float] = OrderedDict()

    def route_again(self, route: Route) -> Route:
        """The way of a command that waited, as things are now; raises `RefusedError`."""
        device = self._registry.devices.get(route.device)
        state = device.channels.get(route.channel) if device is not None else None
        if device is None or state is None or state.channel.target != route.target:
            raise RefusedError("unknown", "what the command was for is no more")
        return self._route(device, state)

    def route_besides(self, route: Route) -> Route | None:
        """Another way for a command that could not be sent by this one, if there is one now."""
        device = self._registry.devices.get(route.device)
        state = device.channels.get(route.channel) if device is not None else None
        if device is None or state is None or state.channel.target != route.target:
            return None
        try:
            return self._route(device, state, besides=route.link)
        except RefusedError:
            return None

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
            if path.link in self._registry.links
            and self._registry.links[path.link].connected
            and not path.away
        ]

    def set(self, parsed: topics.Parsed, message: MessageArrived, now: Now) -> list[Effect]:
        """Run the command, or answer why not; an empty payload is nothing."""
        if not message.payload or self._is_of_others(parsed, message):
            return []
        instruction = read(message.payload, parsed.key, parsed.kind)
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
        if self._is_of_others(parsed, message):
            return []
        sender = self._sender(parsed, message, Instruction({}))
        return result(sender, "rate_limited", Stage.REFUSED, now, "too many messages at once")

    def _is_of_others(self, parsed: topics.Parsed, message: MessageArrived) -> bool:
        """Whether another instance may have the device, and answers then."""
        shared = self._registry.settings.cluster is not None and message.asker is None
        return shared and self._registry.find(parsed.name) is None

    def _sender(
        self, parsed: topics.Parsed, message: MessageArrived, instruction: Instruction
    ) -> Sender:
        """Who is to be told; a topic that we or Home Assistant own is nobody's answer box."""
        asked = message.response_topic
        if asked is not None and not self._registry.settings.topics.is_answer_box(asked):
            asked = None
        device = self._registry.find(parsed.name)
        return Sender(
            topic=self._registry.settings.topics.channel(parsed.name, parsed.kind, parsed.number),
            arrived=message.at,
            wanted=instruction.wanted,
            id=instruction.id,
            qos=message.qos,
            response_topic=asked,
            correlation=message.correlation,
            device=device.id if device is not None else None,
            failures=self._registry.settings.topics.bridge("event"),
            asker=message.asker,
            counts=self.results,
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
        number = parsed.number
        state = device.channels.get((parsed.kind, number)) if isinstance(number, int) else None
        if state is None:
            if not device.channels:
                self._usable(device, self._registry.best_path(device))
            raise RefusedError("unknown", f"the device has no {parsed.kind}/{number}")
        command = to_command(instruction.wanted, state)
        route = self._route(device, state)
        waits = device.paths[route.link].away
        limit = self._registry.settings.limits.timeout
        if waits and instruction.ttl is None:
            text = "the device sleeps; a command waits for it only as long as its ttl (s) says"
            raise RefusedError("device_offline", text)
        ttl = limit if instruction.ttl is None else instruction.ttl
        end = sender.arrived + (ttl if waits else min(ttl, limit))
        order = Order(sender, route, command, end, before=state.values, waits=waits)
        limited = abilities.is_limited(state, device.paths[route.link])
        if limited and abilities.is_more_than_on_off(command):
            text = "on and off are all that the cloud takes for this light; it refused more"
            raise RefusedError("unsupported", text)
        return order

    def _route(self, device: Device, state: ChannelState, besides: LinkId | None = None) -> Route:
        """The best of the ways by which the channel can be told something, `besides` one."""
        channel = state.channel
        ways = {
            path.link: way
            for path in device.paths.values()
            if path.link != besides
            and (way := abilities.way(self._registry, device, channel, path)) is not None
        }
        best = self._registry.best_path(device)
        if best is not None and not ways:
            raise RefusedError("unsupported", abilities.why_not(device, channel, best))
        path = self._usable(device, self._registry.best_path(device, ways))
        return Route(
            device.id,
            (channel.kind, channel.number),
            channel.target,
            path.link,
            path.kind,
            native=ways[path.link] is Way.NATIVE,
        )

    def _usable(self, device: Device, path: Path | None) -> Path:
        """The path, if a command can go by it now; refuses otherwise."""
        link = self._registry.links.get(path.link) if path is not None else None
        if path is None or link is None or not link.connected:
            raise RefusedError("host_down", "the connection to Shelly's cloud is down")
        if path.access is Access.NONE:
            raise RefusedError("read_only", "the owner has withdrawn access to the device")
        if path.access is not Access.CONTROL:
            raise RefusedError("read_only", "the owner allows reading only")
        if path.away and device.wake_period is None:
            raise RefusedError("device_offline", "the device is not connected to the bridge")
        if device.online is False or path.online is False:
            raise RefusedError("device_offline", "the device is offline")
        return path
