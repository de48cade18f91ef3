"""Discovery messages against Home Assistant's schemas, without creating anything.

Owns the steps of `homeassistant.components.mqtt.discovery`, done one by one so that every step can
say what it does not like, and which keys get lost on the way.
"""

# Home Assistant is not installed where mypy runs.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from homeassistant.components.mqtt import discovery, schemas
from homeassistant.util.json import json_loads_object

from .findings import Finding, Kind

PREFIX = "homeassistant/"


@dataclass(frozen=True, slots=True)
class Component:
    """One entity that a discovery message describes, as Home Assistant understands it."""

    component_id: str
    platform: str
    config: dict[str, Any]

    @property
    def unique_id(self) -> str | None:
        """None for what is not an entity: a device trigger."""
        return self.config.get("unique_id")

    def topics(self, *, retained: bool = False) -> set[str]:
        """The topics that it listens to; with `retained`, only those that must be retained."""
        listening = {
            value
            for key, value in self.config.items()
            if key.endswith("_topic")
            and isinstance(value, str)
            and "command" not in key
            and not key.startswith("set_")
        }
        listening.update(entry["topic"] for entry in self.config.get("availability", ()))
        if retained and self.platform == "event":
            listening.discard(self.config["state_topic"])
        return listening


@dataclass(slots=True)
class Description:
    """What a discovery message amounts to."""

    components: list[Component] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def is_discovery(topic: str) -> bool:
    """Whether the topic is one of those where Home Assistant looks for devices."""
    return topic.startswith(f"{PREFIX}device/") and topic.endswith("/config")


def describe(topic: str, payload: str) -> Description:
    """Take a device discovery message apart; call it inside Home Assistant's event loop."""
    description = Description()

    def refused(reason: object, kind: Kind = Kind.DEVICE_REFUSED, component: str = "") -> None:
        description.findings.append(Finding(kind, topic, component, str(reason)))

    if discovery.TOPIC_MATCHER.match(topic.removeprefix(PREFIX)) is None:
        refused("the topic may hold only letters, digits, `_` and `-`")
        return description
    if not payload:
        return description
    try:
        device = json_loads_object(payload)
        discovery._replace_all_abbreviations(device)
        schemas.DEVICE_DISCOVERY_SCHEMA(device)
    except Exception as error:  # noqa: BLE001 - whatever it is, Home Assistant has no device
        refused(error)
        return description

    for component_id, options in device["components"].items():
        platform = options.pop("platform")
        if not options:
            continue  # a stub that removes the component
        try:
            config = _validate(platform, options, device)
        except Exception as error:  # noqa: BLE001 - not every validator raises what it should
            refused(error, Kind.COMPONENT_REFUSED, component_id)
            continue
        description.components.append(Component(component_id, platform, config))
        for key in sorted(options.keys() - config.keys()):
            value = json.dumps(options[key])
            refused(f"{platform} has no option `{key}` ({value})", Kind.KEY_DROPPED, component_id)
    return description


def _validate(platform: str, options: dict[str, Any], device: dict[str, Any]) -> dict[str, Any]:
    """Merge what the components share and return the validated configuration."""
    if discovery.TOPIC_BASE in options:
        discovery._replace_topic_base(options)
    merged = {**options, "device": device["device"], "origin": device["origin"]}
    discovery._merge_common_device_options(merged, device)
    if platform == "device_automation":
        module, schema = "device_trigger", "TRIGGER_DISCOVERY_SCHEMA"
    else:
        module, schema = platform, "DISCOVERY_SCHEMA"
    validator = getattr(import_module(f"homeassistant.components.mqtt.{module}"), schema)
    config: dict[str, Any] = validator(merged)
    return config
