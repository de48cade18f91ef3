"""The JSON documents about devices and the bridge: `info`, `bridge/devices`, `bridge/info`."""

from __future__ import annotations

from bridge.core.device import ChannelState, Device
from bridge.core.kinds.fields import Values
from bridge.core.model import Access, Json
from bridge.core.registry import Registry
from bridge.core.results import iso

_GENERATIONS = {"SH": 1, "S3": 3, "S4": 4}
"""By the first two characters of Shelly's model code; all others are Gen2."""

_MAIN_KINDS = ("relay", "light", "roller", "input", "emeters", "meter")
"""The kinds that the names of a consent are about: a name for each channel of the first found."""


def device_info(registry: Registry, device: Device) -> Values:
    """What `<dev>/info` says."""
    return {
        **_identity(registry, device),
        "firmware": device.firmware,
        "mode": device.mode,
        "area": registry.override(device.id).area,
        "channels": _channels(registry, device),
        "sources": [
            {"kind": path.kind.value, "link": path.link, "access": path.access.value}
            for path in device.paths.values()
        ],
        "last_seen": _time(device.last_seen),
        "available_since": _time(device.available_since),
        "offline_reason": device.offline_reason,
    }


def device_list(registry: Registry) -> list[Json]:
    """What `bridge/devices` says: enough to subscribe to every channel."""
    return [
        {
            **_identity(registry, device),
            "sources": [path.kind.value for path in device.paths.values()],
            "channels": _channels(registry, device),
        }
        for device in registry.devices.values()
    ]


def bridge_info(registry: Registry, protocol: str) -> Values:
    """What `bridge/info` says; of the configuration only what is no secret."""
    settings = registry.settings
    return {
        "version": settings.version,
        "bridge_id": settings.bridge_id,
        "started": iso(settings.started),
        "mqtt_version": protocol,
        "config": {
            "base_topic": settings.topics.base,
            "retain": settings.retain,
            "values": settings.values,
            "device_state": settings.device_state,
            "raw": settings.raw,
            "availability_grace": settings.grace,
            "command_timeout": settings.limits.timeout,
        },
        "restart_required": False,
    }


def access(device: Device) -> Access:
    """The most that any way to the device allows."""
    ways = {path.access for path in device.paths.values()}
    return next((right for right in Access if right in ways), Access.NONE)


def commands(device: Device, state: ChannelState) -> list[str]:
    """The keys that a channel's `/set` takes."""
    if access(device) is not Access.CONTROL:
        return []
    values = state.values
    match state.channel.kind:
        case "relay":
            return ["state", "timer"]
        case "light":
            optional = ("brightness", "color", "color_temp", "effect", "transition")
            return ["state", "timer", *(key for key in optional if key in values)]
        case "roller":
            position = [] if values.get("calibrated") is False else ["position", "relative"]
            slats = ["slat_position", "slat_relative"] if "slat_position" in values else []
            return ["state", "duration", *position, *slats]
    return []


def _identity(registry: Registry, device: Device) -> Values:
    return {
        "id": device.id,
        "name": registry.name(device),
        "model": device.code or None,
        "gen": _generation(device),
        "access": access(device).value,
        "topic": registry.settings.topics.device(registry.root(device.id), "")[:-1],
    }


def _generation(device: Device) -> int | str | None:
    if device.id.startswith("X"):
        return "ble" if device.id.startswith("XB") else None
    return _GENERATIONS.get(device.code[:2], 2) if device.code else None


def _channels(registry: Registry, device: Device) -> list[Values]:
    root = registry.root(device.id)
    main = next((kind for kind in _MAIN_KINDS if (kind, 0) in device.channels), None)
    found = []
    for (kind, number), state in sorted(device.channels.items()):
        name = device.channel_names.get(state.channel.component)
        if name is None and kind == main and number < len(device.names):
            name = device.names[number]
        found.append(
            {
                "kind": kind,
                "number": number,
                "name": name,
                "component": state.channel.component,
                "topic": registry.settings.topics.channel(root, kind, number),
                "commands": commands(device, state),
            }
        )
    return found


def _time(wall: float | None) -> str | None:
    return None if wall is None else iso(wall)
