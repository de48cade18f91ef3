"""What an entity is made of before it has its name: identity, topics, options.

A component's id never serves two platforms, since Home Assistant would keep both entities: the id
without a key belongs to the one platform that its kind has in `CONTROLS`, binary sensors say so at
the end of theirs, and of all other ids a table tells which few are not sensors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Options = dict[str, Any]
"""A component as the message has it, in Home Assistant's abbreviations."""

CONTROLS = {
    "relay": "switch",
    "light": "light",
    "roller": "cover",
    "thermostat": "climate",
    "input": "event",
    "cb": "switch",
    "boolean": "switch",
    "number": "number",
    "text": "text",
    "enum": "select",
    "button": "button",
}
"""Kind → the platform of the entity that is the channel itself."""

_ACTS = {
    ("button", "press"): "event",
    ("bthomedevice", "press"): "event",
    ("smoke", "mute"): "button",
    ("cury", "left_on"): "switch",
    ("cury", "right_on"): "switch",
    ("cury", "away_mode"): "switch",
    ("cury", "set_left_intensity"): "number",
    ("cury", "set_right_intensity"): "number",
    ("cury", "left_boost"): "button",
    ("cury", "right_boost"): "button",
}
"""Kind and key → the platform of an entity that does not show the key's value."""

_END = "_binary_sensor"

_MOST_KEYS = 4_096
"""Keys that are remembered as good or bad."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)

_METHODS = frozenset(name for name in dir(dict) if not name.startswith("_"))
"""Names that Jinja would take for something else than a member."""


def component_id(kind: str, number: int, platform: str, key: str | None = None) -> str:
    """The id of an entity within its device; raises `ValueError` for what has none."""
    if key is None:
        if CONTROLS.get(kind) != platform:
            raise ValueError(f"{kind} is no {platform}")
        return f"{kind}_{number}"
    if not is_key(key):
        raise ValueError(f"no plain key: {key!r}")
    if platform == "binary_sensor":
        return f"{kind}_{number}_{key}{_END}"
    if platform != _ACTS.get((kind, key), "sensor"):
        raise ValueError(f"{key} of {kind} is no {platform}")
    return f"{kind}_{number}_{key}"


@lru_cache(_MOST_KEYS)
def is_key(key: str) -> bool:
    """Whether a key is so plain that it can be in an id and in a template."""
    return _KEY.fullmatch(key) is not None and not key.endswith(_END)


@lru_cache(_MOST_KEYS)
def value_of(key: str) -> str:
    """The Jinja expression for a key of the message; raises `ValueError` for odd keys."""
    if not is_key(key):
        raise ValueError(f"no plain key: {key!r}")
    return f"value_json['{key}']" if key in _METHODS else f"value_json.{key}"


def render(template: str, *, exact: bool = False) -> str:
    """A template that renders nothing for the empty message that clears a topic.

    Home Assistant may still listen then, and would log an error for every entity. What takes only
    certain words (`exact`) becomes unknown.
    """
    otherwise = "{% else %}None" if exact else ""
    return f"{{% if value %}}{template}{otherwise}{{% endif %}}"


def rendered(key: str, *, exact: bool = False) -> str:
    """The template that renders a key as it is."""
    return render(f"{{{{ {value_of(key)} }}}}", exact=exact)


@dataclass(frozen=True, slots=True)
class Place:
    """The channel that entities belong to, or the device as a whole."""

    kind: str
    number: int
    topic: str
    title: str
    commands: frozenset[str] = frozenset()
    is_named: bool = False
    """Its title was given by people."""
    is_main: bool = False
    """The device is all about it."""
    is_apart: bool = False
    """It belongs to a BLE device that this one only hears."""
    index: int = 0
    """Which of several alike of a BLE device it is."""


@dataclass(slots=True)
class Draft:
    """An entity without its name and its unique id."""

    id: str
    platform: str
    place: Place
    options: Options = field(default_factory=dict)
    label: str | None = None
    """What it is called within its channel; None where the class says it."""
    is_channel: bool = False
    """It is the channel itself and bears its name."""

    @property
    def is_diagnostic(self) -> bool:
        """Whether it tells of the device rather than of what it is there for."""
        return self.options.get("ent_cat") == "diagnostic"
