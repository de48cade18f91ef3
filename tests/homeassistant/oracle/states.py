"""State messages that Home Assistant ignores without a word.

What it logs itself is not looked for here. Values are compared with the entity's own attributes,
after Home Assistant has dealt with the message.
"""

# Home Assistant is not installed where mypy runs.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
from typing import Any

from homeassistant.components.mqtt.models import MqttValueTemplate, PayloadSentinel

from .schemas import Component

_ON_OFF = ("binary_sensor", "light", "switch")
_COLORS = ("hs_color", "rgb_color", "rgbw_color", "rgbww_color", "xy_color")
_FORGOTTEN = ("is_on", "brightness", "color_temp_kelvin", *_COLORS)


def forget(component: Component, entity: Any) -> None:
    """Clear what the next message must set, so that an old value cannot be taken for a new one."""
    if component.platform not in _ON_OFF:
        return
    for attribute in _FORGOTTEN:
        if hasattr(entity, f"_attr_{attribute}"):
            setattr(entity, f"_attr_{attribute}", None)


def ignored(component: Component, entity: Any, shown: str | None, payload: str) -> list[str]:
    """Say what of a message on the component's state topic has had no effect.

    `shown` is the entity's state in Home Assistant. An empty list means that all is well.
    """
    value = _value(component, entity, payload)
    if value in (None, "", "None"):
        return []
    if component.platform in _ON_OFF and entity.is_on is None:
        return [f"{value!r} is neither on nor off"]
    if shown == "unknown":
        return [f"{value!r} leaves the state unknown"]
    if _is_json_light(component) and entity.is_on:
        return _ignored_by_light(entity, json.loads(payload))
    return []


def _value(component: Component, entity: Any, payload: str) -> Any:
    """What the message says the state is."""
    if _is_json_light(component):
        try:
            return json.loads(payload).get("state")
        except (ValueError, AttributeError):
            return None  # Home Assistant logs it
    template = MqttValueTemplate(component.config.get("value_template"), entity=entity)
    value = template.async_render_with_possible_json_value(payload, PayloadSentinel.DEFAULT)
    return None if value is PayloadSentinel.DEFAULT else value


def _is_json_light(component: Component) -> bool:
    return component.platform == "light" and component.config["schema"] == "json"


def _ignored_by_light(entity: Any, said: dict[str, Any]) -> list[str]:
    modes = {str(mode) for mode in entity.supported_color_modes or ()}
    mode = said.get("color_mode")
    problems = []
    if said.get("brightness") and modes != {"onoff"} and entity.brightness is None:
        problems.append(f"brightness {said['brightness']!r} is not taken over")
    if mode is None and any(said.get(key) is not None for key in ("color", "color_temp")):
        problems.append("without color_mode the colour is not taken over")
    if mode is not None and entity.color_mode != mode:
        problems.append(f"color_mode {mode!r} is not taken over")
    effect = said.get("effect")
    if effect is not None and effect not in (entity.effect_list or ()):
        problems.append(f"effect {effect!r} is not in the list of effects")
    return problems
