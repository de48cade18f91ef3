"""The discovery message of the bridge itself: its connections, its events, its restart."""

from __future__ import annotations

import re

from bridge.core.homeassistant.devices import Message, origin
from bridge.core.homeassistant.entities import Options, render
from bridge.core.homeassistant.names import clean
from bridge.core.registry import Registry

EVENT_TYPES = (
    "device_added",
    "device_pending",
    "device_removed",
    "consent_granted",
    "consent_revoked",
    "login_required",
    "host_displaced",
    "command_failed",
)
"""All that `bridge/event` tells."""

CLUSTER_EVENT_TYPES = ("host_unowned",)
"""What it tells besides where several instances share the hosts."""

_UNFIT = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)


def message(registry: Registry) -> Message:
    """What Home Assistant is told of the bridge."""
    topics = registry.settings.topics
    frame: Options = {
        "dev": {
            "ids": [topics.hub],
            "name": f"Shelly bridge {topics.instance}" if topics.instance else "Shelly bridge",
            "mdl": "shelly-mqtt-bridge",
            "sw": registry.settings.version,
        },
        "o": origin(registry),
        "qos": 1,
    }
    here = [{"t": topics.state}]
    components: dict[str, Options] = {
        "connected": {
            "p": "binary_sensor",
            "name": "Connected",
            "dev_cla": "connectivity",
            "stat_t": topics.state,
            "pl_on": "online",
            "pl_off": "offline",
        },
        "restart": {
            "p": "button",
            "dev_cla": "restart",
            "ent_cat": "config",
            "cmd_t": topics.request("restart"),
            "avty": here,
        },
        "event": {
            "p": "event",
            "name": "Event",
            "stat_t": topics.bridge("event"),
            "val_tpl": "{{ dict(value_json, event_type=value_json.type) | to_json }}",
            "evt_typ": list(EVENT_TYPES + (CLUSTER_EVENT_TYPES if topics.instance else ())),
            "avty": here,
        },
        **_links(registry, here),
    }
    if not registry.settings.manage:
        del components["restart"]
    identified = {
        component: {"uniq_id": f"{topics.hub}_{component}", **options}
        for component, options in components.items()
    }
    return Message("", frame, identified)


def _links(registry: Registry, here: list[Options]) -> dict[str, Options]:
    topics = registry.settings.topics
    found: dict[str, Options] = {}
    for link in sorted(registry.links):
        plain = component = f"host_{_UNFIT.sub('_', link)}"
        count = 1
        while component in found:
            count += 1
            component = f"{plain}_{count}"
        found[component] = {
            "p": "binary_sensor",
            "name": clean(link) or component,
            "dev_cla": "connectivity",
            "stat_t": topics.host(link),
            "val_tpl": render("{{ 'ON' if value_json.state == 'connected' else 'OFF' }}"),
            "json_attr_t": topics.host(link),
            "json_attr_tpl": "{{ value or '{}' }}",
            "avty": here,
        }
    return found
