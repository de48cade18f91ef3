"""What a channel can be told, by the ways that its device is reached.

Shelly's cloud has words of its own for relays, lights and rollers of every generation; all else
needs the device's native RPC, which only devices of Gen2+ have, and which the Integrator API
refuses (Shelly docs, Integrator API; Real Time Events).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from bridge.core import rpc
from bridge.core.commands import Command, LightCommand
from bridge.core.confirm import changed_keys
from bridge.core.device import ChannelState, Device, Path
from bridge.core.events import CommandAnswered
from bridge.core.instructions.appliances import CURY_KEYS, thermostat_keys
from bridge.core.instructions.outputs import light_keys, roller_keys
from bridge.core.instructions.virtual import is_writable
from bridge.core.kinds.catalog import Channel
from bridge.core.model import Access, SourceKind
from bridge.core.registry import Registry
from bridge.core.results import Order

_WORDED = frozenset({"relay", "light", "roller"})
"""Kinds that the cloud has words for."""

_PASSING = ("offline", "busy", "timeout", "time out", "timed out", "sleep")
"""Words of a refusal that is only for now."""

_VIRTUAL = frozenset({"boolean", "number", "text", "enum", "button"})

_KEYS: dict[str, Callable[[ChannelState], list[str]]] = {
    "relay": lambda _: ["state", "timer"],
    "light": lambda state: ["state", "timer", *light_keys(state)],
    "roller": lambda state: ["state", "duration", *roller_keys(state)],
    "boolean": lambda _: ["state"],
    "cb": lambda _: ["state"],
    "number": lambda _: ["value"],
    "text": lambda _: ["value"],
    "enum": lambda _: ["value"],
    "button": lambda _: ["event"],
    "thermostat": thermostat_keys,
    "smoke": lambda _: ["mute"],
    "cury": lambda _: list(CURY_KEYS),
}
"""Kind → the keys that its `/set` takes where everything can be told."""


class Way(Enum):
    """How a command is written."""

    WORDS = "words"
    """In the cloud's words."""
    NATIVE = "native"
    """In the device's own RPC."""


def access(device: Device) -> Access:
    """The most that any way to the device allows."""
    ways = {path.access for path in device.paths.values()}
    return next((right for right in Access if right in ways), Access.NONE)


def way(registry: Registry, device: Device, channel: Channel, path: Path) -> Way | None:
    """How a channel is told something by a path; None if that cannot be."""
    native = _has_rpc(device, channel)
    if path.kind is SourceKind.OUTBOUND:
        return Way.NATIVE if native else None
    if channel.kind in _WORDED:
        return Way.WORDS
    link = registry.links.get(path.link)
    return Way.NATIVE if native and link is not None and link.native_rpc else None


def _has_rpc(device: Device, channel: Channel) -> bool:
    """Whether a channel is a numbered component of Gen2+; a BLE device only poses as some."""
    numbered = channel.component in channel.keys and ":" in channel.component
    return numbered and rpc.knows(channel.target.component) and not device.id.startswith("X")


def why_not(device: Device, channel: Channel, path: Path) -> str:
    """Why a channel can be told nothing by a path that has no `way`."""
    if not _has_rpc(device, channel):
        return f"the cloud has no words for a {channel.kind}, and this device has no RPC for it"
    if path.kind is SourceKind.INTEGRATOR:
        return "by the Integrator API only relays, lights and rollers can be told anything"
    return "without native_rpc of the account only relays, lights and rollers can be told anything"


def commands(
    registry: Registry, device: Device, state: ChannelState, *, withdrawn: bool = False
) -> list[str]:
    """The keys that a channel's `/set` takes, by the best of the ways to its device.

    That a connection is down just now does not count, or they would come and go with it. With
    `withdrawn` those count, too, that it took until its access was withdrawn.
    """
    channel = state.channel
    keys = _KEYS.get(channel.kind)
    paths = [
        path
        for path in device.paths.values()
        if _is_controlled(device, path, withdrawn=withdrawn)
        and way(registry, device, channel, path) is not None
    ]
    if keys is None or not paths:
        return []
    if channel.kind in _VIRTUAL and not is_writable(channel.facts):
        return []
    if all(is_limited(state, path) for path in paths):
        return ["state", "timer"]
    return keys(state)


def _is_controlled(device: Device, path: Path, *, withdrawn: bool) -> bool:
    """Whether a path allows control; what is saved of a consent is what was told of it last."""
    if withdrawn and path.access is Access.NONE:
        return device.control_saved is True
    return path.access is Access.CONTROL


def is_limited(state: ChannelState, path: Path) -> bool:
    """Whether a light takes no more than on and off by a path, as the cloud refused more."""
    return state.limited and path.kind is SourceKind.INTEGRATOR


def is_more_than_on_off(command: Command) -> bool:
    """Whether a light is told more than to go on or off."""
    if not isinstance(command, LightCommand):
        return False
    return bool(changed_keys(command) - {"turn"}) or command.transition is not None


def shows_limit(order: Order, answer: CommandAnswered) -> bool:
    """Whether the cloud's refusal means that it cannot dim or colour the light.

    The official words for `light` are only on and off; the others are Gen1's, and may be refused.
    """
    route = order.route
    if answer.ok or order.accepted or route.source is not SourceKind.INTEGRATOR:
        return False
    reason = (answer.text or "").lower().replace("_", " ")
    if any(word in reason for word in _PASSING):
        return False
    return route.link == answer.link and is_more_than_on_off(order.command)
