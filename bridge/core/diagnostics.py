"""What helps others to find out what is wrong: all about the bridge, and nothing about people.

Names are left out, ids of devices are cut, so that the document can be posted.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core import documents, jsontext
from bridge.core.device import Device
from bridge.core.kinds.fields import Values
from bridge.core.model import Json
from bridge.core.registry import Registry

_SHOWN = 4
"""Characters of an id that are told."""


def diagnostics(
    registry: Registry, protocol: str, health: Mapping[str, Json], bad_input: Mapping[str, int]
) -> Values:
    """The whole document; devices that do not fit into a message are left out."""
    body: Values = {
        "bridge": documents.bridge_info(registry, protocol),
        "environment": dict(registry.settings.environment),
        "health": dict(health),
        "bad_input": dict(bad_input),
        "connections": [
            {**link.document(sum(1 for _ in registry.on_link(link.id))), "id": f"{number}"}
            for number, link in enumerate(registry.links.values(), 1)
        ],
        "waiting": len(registry.pending),
        "devices_in_all": len(registry.devices),
        "devices": [],
    }
    left = documents.LONGEST - jsontext.size(body)
    return {**body, "devices": jsontext.first(map(_device, registry.devices.values()), left)}


def _device(device: Device) -> Values:
    return {
        "id": f"…{device.id[-_SHOWN:]}",
        "model": device.code or None,
        "gen": documents.generation(device),
        "firmware": device.firmware,
        "mode": device.mode,
        "online": device.online,
        "offline_reason": device.offline_reason,
        "sleeper": device.wake_period is not None,
        "sources": [
            {"kind": path.kind.value, "access": path.access.value, "online": path.online}
            for path in device.paths.values()
        ],
        "channels": [
            f"{kind}/{number} from {state.channel.component}"
            for (kind, number), state in sorted(device.channels.items())
        ],
    }
