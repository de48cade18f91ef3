"""Rules for every discovery message, written by hand (the page on Home Assistant's discovery).

`check` knows the rules and nothing of how messages are made, so it is fit for every test that
sees one. `Guard` also compares messages with earlier ones: no component may change its platform,
and no two devices may share an entity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

TOPIC = re.compile(r"[^+#]+/device/[A-Za-z0-9_-]+/config")

ROOT = {
    "dev": "device",
    "o": "origin",
    "cmps": "components",
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "stat_t": "state_topic",
    "cmd_t": "command_topic",
    "qos": "qos",
    "e": "encoding",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
}
DEVICE = {
    "ids": "identifiers",
    "cns": "connections",
    "name": "name",
    "mf": "manufacturer",
    "mdl": "model",
    "mdl_id": "model_id",
    "hw": "hw_version",
    "sw": "sw_version",
    "sn": "serial_number",
    "sa": "suggested_area",
    "cu": "configuration_url",
    "via_device": "via_device",
}
ORIGIN = {"name": "name", "sw": "sw_version", "url": "support_url"}

_COMMON = {
    "p": "platform",
    "uniq_id": "unique_id",
    "name": "name",
    "def_ent_id": "default_entity_id",
    "dev_cla": "device_class",
    "ent_cat": "entity_category",
    "en": "enabled_by_default",
    "ic": "icon",
    "json_attr_t": "json_attributes_topic",
    "json_attr_tpl": "json_attributes_template",
    "qos": "qos",
    "avty": "availability",
    "avty_mode": "availability_mode",
}
_STATE = {"stat_t": "state_topic", "val_tpl": "value_template"}
_COMMAND = {"cmd_t": "command_topic", "cmd_tpl": "command_template"}

PLATFORMS: dict[str, dict[str, str]] = {
    "switch": {**_STATE, **_COMMAND},
    "light": {
        "schema": "schema",
        "stat_t": "state_topic",
        "cmd_t": "command_topic",
        "sup_clrm": "supported_color_modes",
        "bri_scl": "brightness_scale",
        "clr_temp_k": "color_temp_kelvin",
        "min_k": "min_kelvin",
        "max_k": "max_kelvin",
        "effect": "effect",
        "fx_list": "effect_list",
        "flsh": "flash",
        "trns": "transition",
    },
    "cover": {
        **_STATE,
        "cmd_t": "command_topic",
        "pos_t": "position_topic",
        "pos_tpl": "position_template",
        "set_pos_t": "set_position_topic",
        "tilt_cmd_t": "tilt_command_topic",
        "tilt_status_t": "tilt_status_topic",
        "tilt_status_tpl": "tilt_status_template",
    },
    "sensor": {
        **_STATE,
        "stat_cla": "state_class",
        "unit_of_meas": "unit_of_measurement",
        "ops": "options",
        "sug_dsp_prc": "suggested_display_precision",
    },
    "binary_sensor": {**_STATE, "pl_on": "payload_on", "pl_off": "payload_off"},
    "event": {**_STATE, "evt_typ": "event_types"},
    "update": _STATE,
    "button": {**_COMMAND, "pl_prs": "payload_press"},
    "number": {
        **_STATE,
        **_COMMAND,
        "min": "min",
        "max": "max",
        "step": "step",
        "mode": "mode",
        "unit_of_meas": "unit_of_measurement",
    },
    "text": {**_STATE, **_COMMAND, "min": "min", "max": "max"},
    "select": {**_STATE, **_COMMAND, "ops": "options"},
    "climate": {
        "modes": "modes",
        "mode_cmd_t": "mode_command_topic",
        "mode_stat_t": "mode_state_topic",
        "mode_stat_tpl": "mode_state_template",
        "temp_cmd_t": "temperature_command_topic",
        "temp_stat_t": "temperature_state_topic",
        "temp_stat_tpl": "temperature_state_template",
        "curr_temp_t": "current_temperature_topic",
        "curr_temp_tpl": "current_temperature_template",
        "act_t": "action_topic",
        "act_tpl": "action_template",
        "temp_unit": "temperature_unit",
        "min_temp": "min_temp",
        "max_temp": "max_temp",
        "temp_step": "temp_step",
        "precision": "precision",
    },
}
"""Platform → the options of it that we may use, besides the common ones."""

REQUIRED = {
    "switch": {"state_topic", "command_topic"},
    "light": {"state_topic", "command_topic", "supported_color_modes", "schema"},
    "cover": {"state_topic", "command_topic"},
    "sensor": {"state_topic", "value_template"},
    "binary_sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "update": {"state_topic"},
    "button": {"command_topic"},
    "number": {"state_topic", "command_topic", "min", "max", "step"},
    "text": {"state_topic", "command_topic"},
    "select": {"state_topic", "command_topic", "options"},
    "climate": {"modes", "temperature_command_topic", "temperature_state_topic"},
}

LARGEST = 60_000
FULL = LARGEST - 150
"""Bytes of a message, and of one that has no room for another stub."""

MICRO = "\u03bc"
_MASS = {"kg", "g", "lb", "oz", "mg", f"{MICRO}g"}
_VOLUME = {"L", "mL", "m³", "gal", "ft³"}
_SPEED = {"m/s", "km/h", "mph", "ft/s", "kn"}
_LENGTH = {"km", "m", "cm", "mm", "mi", "yd", "in"}

UNITS: dict[str, set[str | None]] = {
    "apparent_power": {"VA"},
    "atmospheric_pressure": {"hPa", "mbar", "Pa", "kPa"},
    "battery": {"%"},
    "carbon_dioxide": {"ppm"},
    "carbon_monoxide": {"ppm", "mg/m³"},
    "conductivity": {f"{MICRO}S/cm", "mS/cm", "S/cm"},
    "current": {"A", "mA"},
    "distance": set(_LENGTH),
    "duration": {"d", "h", "min", "s", "ms"},
    "energy": {"kWh", "Wh", "MWh"},
    "enum": {None},
    "frequency": {"Hz", "kHz", "MHz", "GHz"},
    "gas": set(_VOLUME),
    "humidity": {"%"},
    "illuminance": {"lx"},
    "moisture": {"%"},
    "pm1": {f"{MICRO}g/m³"},
    "pm10": {f"{MICRO}g/m³"},
    "pm25": {f"{MICRO}g/m³"},
    "power": {"W", "kW"},
    "power_factor": {None, "%"},
    "precipitation": {"mm", "cm", "in"},
    "precipitation_intensity": {"mm/h", "mm/d"},
    "pressure": {"hPa", "mbar", "Pa", "kPa", "bar"},
    "reactive_power": {"var"},
    "signal_strength": {"dBm", "dB"},
    "sound_pressure": {"dB"},
    "speed": set(_SPEED),
    "temperature": {"°C", "°F", "K"},
    "timestamp": {None},
    "volatile_organic_compounds": {f"{MICRO}g/m³", "mg/m³"},
    "voltage": {"V", "mV"},
    "volume": set(_VOLUME),
    "volume_flow_rate": {"m³/h", "L/min"},
    "volume_storage": set(_VOLUME),
    "water": set(_VOLUME),
    "weight": set(_MASS),
    "wind_direction": {"°"},
    "wind_speed": set(_SPEED),
}
"""Device class of a sensor → the units that fit."""

CLASSES: dict[str, set[str]] = {
    "sensor": set(UNITS),
    "binary_sensor": {
        *("battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door"),
        *("garage_door", "gas", "heat", "light", "lock", "moisture", "motion", "moving"),
        *("occupancy", "opening", "plug", "power", "presence", "problem", "running", "safety"),
        *("smoke", "sound", "tamper", "update", "vibration", "window"),
    },
    "switch": {"outlet", "switch"},
    "cover": {"awning", "blind", "curtain", "damper", "shade", "shutter", "window"},
    "event": {"button", "doorbell", "motion"},
    "update": {"firmware"},
    "button": {"identify", "restart", "update"},
    "number": set(UNITS) - {"enum", "timestamp"},
}
_TOTALS = {"energy", "gas", "volume", "water", None}
_MEASURED = set(UNITS) - {"energy", "enum", "gas", "timestamp", "volume", "water"} | {None}
STATE_CLASSES: dict[str, set[str | None]] = {
    "measurement": {*_MEASURED, "precipitation"} - {"wind_direction"},
    "measurement_angle": {"wind_direction", None},
    "total": {*_TOTALS, "precipitation"},
    "total_increasing": {*_TOTALS, "precipitation"},
}
"""State class → the device classes that it suits."""

_COLOR_MODES = {"color_temp", "hs", "xy", "rgb", "rgbw", "rgbww"}
_MODES = {"auto", "off", "cool", "heat", "dry", "heat_cool", "fan_only"}

OUR_KEY = r"value_json(?:\.([a-z][a-z0-9_]*)|\['([a-z][a-z0-9_]*)'\])"
_METHODS = {name for name in dir(dict) if not name.startswith("_")}
_WORDS = re.compile(
    r"\{\{|\}\}|\{%|%\}|(?<=%\})None(?=\{%)|'[A-Za-z_ {}-]*'"
    r"|\b(?:if|else|elif|endif|is|not|in|and|or|none|true|false|get|set)\b"
    r"|\b(?:value|string|to_json|dict|event_type)\b|value_json|==|[-+()\[\]{}|=:.,]|\d+|\s"
)
"""All that a template of ours is made of, once the keys are taken out."""


def check(topic: str, payload: str, canaries: Iterable[str] = ()) -> list[str]:
    """What is wrong with a message; `canaries` are secrets that must not be in it."""
    if not TOPIC.fullmatch(topic):
        return [f"not a topic for devices: {topic!r}"]
    if not payload:
        return []
    found = [f"a secret: {canary[:4]}…" for canary in canaries if canary in payload]
    if len(payload.encode()) > LARGEST:
        found.append("more than a message should hold")
    try:
        message = json.loads(payload)
    except ValueError:
        return [*found, "no JSON"]
    if not isinstance(message, dict):
        return [*found, "no object"]
    message, wrong = _spelt_out(message, ROOT)
    found += [f"root: {text}" for text in wrong]
    found += _device(message.get("device"))
    found += _origin(message.get("origin"))
    found += _availability(message, "root")
    components = message.get("components")
    if not isinstance(components, dict) or not components:
        return [*found, "no components"]
    shared = set(message) & {"state_topic", "command_topic"}
    for name, options in components.items():
        found += [f"{name}: {text}" for text in _component(name, options, shared)]
    found += _names(message, components)
    return found


class Guard:
    """Checks messages in the order in which they are published."""

    def __init__(self, canaries: Iterable[str] = ()) -> None:
        self._canaries = tuple(canaries)
        self._platforms: dict[tuple[str, str], str] = {}
        self._owners: dict[str, str] = {}
        self._held: dict[str, dict[str, str]] = {}

    def check(self, topic: str, payload: str) -> list[str]:
        """What is wrong with a message, by itself or beside the earlier ones."""
        found = check(topic, payload, self._canaries)
        if found:
            return found
        components = json.loads(payload)["cmps"] if payload else {}
        for name, options in components.items():
            found += self._compare(topic, name, options)
        found += self._left_out(topic, components, len(payload.encode()))
        return found

    def _compare(self, topic: str, name: str, options: Mapping[str, Any]) -> Iterator[str]:
        platform = options["p"]
        if self._platforms.setdefault((topic, name), platform) != platform:
            yield f"{name} is a {platform} now and was another platform before"
        identity = options.get("uniq_id")
        if identity is None:
            return
        owner = self._owners.setdefault(identity, topic)
        if owner != topic and identity in self._held.get(owner, {}).values():
            yield f"{identity} belongs to {owner} already"
        self._owners[identity] = topic

    def _left_out(self, topic: str, components: Mapping[str, Any], size: int) -> Iterator[str]:
        """A component that was there must be a stub before it is left out.

        A message that is full has no room for all stubs; then a later one must have it.
        """
        held = self._held.get(topic, {})
        missing = {name: held[name] for name in held.keys() - components.keys()}
        if components and size < FULL:
            yield from (f"{name} is left out without having been a stub" for name in missing)
        self._held[topic] = (missing if components and size >= FULL else {}) | {
            name: options["uniq_id"] for name, options in components.items() if "uniq_id" in options
        }


def _spelt_out(given: dict[str, Any], known: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The keys in full, and what is wrong with them."""
    full: dict[str, Any] = {}
    wrong = []
    for key, value in given.items():
        name = known.get(key, key)
        if name not in known.values():
            wrong.append(f"unknown key {key!r}")
        elif name in full:
            wrong.append(f"{name} twice")
        full[name] = value
    return full, wrong


def _device(device: object) -> Iterator[str]:
    if not isinstance(device, dict):
        yield "device: missing"
        return
    full, wrong = _spelt_out(device, DEVICE)
    yield from (f"device: {text}" for text in wrong)
    if not full.get("identifiers"):
        yield "device: no identifiers"
    for key, value in full.items():
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) and text for text in texts):
            yield f"device: {key} is no text"
    if not full.get("name"):
        yield "device: no name"
    url = full.get("configuration_url", "http://")
    if not str(url).startswith(("http://", "https://", "homeassistant://")):
        yield "device: configuration_url has no scheme"


def _origin(origin: object) -> Iterator[str]:
    if not isinstance(origin, dict):
        yield "origin: missing"
        return
    full, wrong = _spelt_out(origin, ORIGIN)
    yield from (f"origin: {text}" for text in wrong)
    if not full.get("name"):
        yield "origin: no name"
    if not all(isinstance(value, str) and value for value in full.values()):
        yield "origin: a value is no text"


def _availability(options: Mapping[str, Any], where: str) -> Iterator[str]:
    entries = options.get("availability")
    if entries is None:
        return
    if "availability_topic" in options:
        yield f"{where}: availability twice"
    if not isinstance(entries, list) or not entries:
        yield f"{where}: availability is no list"
        return
    topics = [entry.get("t", entry.get("topic")) for entry in entries]
    if len(set(topics)) != len(topics):
        yield f"{where}: one availability topic twice"
    if len(topics) > 1 and options.get("availability_mode") != "all":
        yield f"{where}: several availability topics, but not all of them count"
    for topic in topics:
        yield from (f"{where}: availability: {text}" for text in _topic(topic))


def _topic(topic: object) -> Iterator[str]:
    if not isinstance(topic, str) or not topic:
        yield f"no topic: {topic!r}"
    elif set(topic) & set("+#\x00") or any(ord(char) < 32 for char in topic):
        yield f"a wildcard or control in the topic {topic!r}"


def _component(name: str, options: object, shared: set[str]) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        yield "not an id"
    if not isinstance(options, dict):
        yield "no object"
        return
    platform = options.get("p", options.get("platform"))
    if platform not in PLATFORMS:
        yield f"unknown platform {platform!r}"
        return
    if len(options) == 1:
        return
    full, wrong = _spelt_out(options, {**_COMMON, **PLATFORMS[platform]})
    yield from wrong
    for key in sorted(REQUIRED[platform] - full.keys() - shared):
        yield f"{key} is missing"
    yield from _identity(name, full)
    yield from _availability(full, "component")
    yield from _values(full)
    yield from _class(platform, full)
    special = _SPECIAL.get(platform)
    if special is not None:
        yield from special(full)


def _identity(name: str, full: Mapping[str, Any]) -> Iterator[str]:
    identity = full.get("unique_id")
    if not isinstance(identity, str) or not identity:
        yield "no unique_id"
    elif not identity.endswith(f"_{name}"):
        yield f"unique_id {identity!r} does not end with the component's id"


def _values(full: Mapping[str, Any]) -> Iterator[str]:
    for key, value in full.items():
        if value is None and key != "name":
            yield f"{key} is null"
        if key.endswith("_topic"):
            yield from (f"{key}: {text}" for text in _topic(value))
        if key.endswith("_template"):
            yield from (f"{key}: {text}" for text in _template(value))
    yield from _name(full.get("name", "x"))
    if full.get("entity_category") not in (None, "diagnostic", "config"):
        yield "unknown entity_category"
    if not isinstance(full.get("enabled_by_default", True), bool):
        yield "enabled_by_default is no flag"


def _name(name: object) -> Iterator[str]:
    if name is None:
        return
    if not isinstance(name, str) or not name.strip():
        yield "name is empty"
    elif len(name) > 255 or any(ord(char) < 32 for char in name):
        yield "name is too long or holds a control character"


def _template(text: object) -> Iterator[str]:
    if not isinstance(text, str) or not text:
        yield "no text"
        return
    for dotted, quoted in re.findall(OUR_KEY, text):
        if dotted in _METHODS:
            yield f"{dotted} is a method of the object, not a member"
        if not (dotted or quoted):
            yield "no key"
    rest = _WORDS.sub("", re.sub(OUR_KEY, "", text))
    if rest and text != "heat":
        yield f"something unknown in the template: {rest!r}"


def _class(platform: str, full: Mapping[str, Any]) -> Iterator[str]:
    device_class = full.get("device_class")
    if device_class is not None and device_class not in CLASSES.get(platform, set()):
        yield f"no {platform} has the class {device_class!r}"
    if "name" not in full and device_class is None:
        yield "neither a name nor a class"
    if "name" not in full and device_class == "enum":
        yield "no name, and the class gives none"
    if platform in ("sensor", "binary_sensor", "event", "update") and (
        full.get("entity_category") == "config"
    ):
        yield "config is for what can be written"


def _sensor(full: Mapping[str, Any]) -> Iterator[str]:
    device_class, unit = full.get("device_class"), full.get("unit_of_measurement")
    state_class, options = full.get("state_class"), full.get("options")
    if device_class in UNITS and unit not in UNITS[device_class]:
        yield f"the unit {unit!r} does not fit {device_class}"
    if options is not None or device_class == "enum":
        if device_class != "enum":
            yield "options without the class enum"
        if not options or len(set(options)) != len(options):
            yield "no options, or one twice"
        if unit is not None or state_class is not None:
            yield "an enum has neither unit nor state class"
    if state_class is not None and device_class not in STATE_CLASSES.get(state_class, set()):
        yield f"the state class {state_class!r} does not fit {device_class}"
    if device_class == "timestamp" and state_class is not None:
        yield "a timestamp has no state class"
    if unit is not None and (not isinstance(unit, str) or not unit):
        yield "the unit is empty"


def _light(full: Mapping[str, Any]) -> Iterator[str]:
    modes = set(full.get("supported_color_modes", ()))
    if full.get("schema") != "json":
        yield "not the JSON schema"
    if not modes or (modes & {"onoff", "brightness"} and len(modes) > 1):
        yield f"these modes exclude each other: {sorted(modes)}"
    if not modes <= {"onoff", "brightness", *_COLOR_MODES}:
        yield f"unknown modes: {sorted(modes)}"
    if ("color_temp" in modes) != ("min_kelvin" in full):
        yield "the range of the colour temperature is there without it, or missing"
    if full.get("min_kelvin", 1) >= full.get("max_kelvin", 2):
        yield "the range of the colour temperature is empty"
    if full.get("effect", False) != ("effect_list" in full):
        yield "effect without a list, or a list without effect"
    if full.get("brightness_scale") != 100 or full.get("flash") is not False:
        yield "brightness is in percent, and nothing flashes"


def _cover(full: Mapping[str, Any]) -> Iterator[str]:
    if ("position_topic" in full) != ("set_position_topic" in full):
        yield "a position that can be set must be told, and the other way round"
    if "tilt_command_topic" in full and "tilt_status_topic" not in full:
        yield "the tilt is not told"


def _choices(full: Mapping[str, Any]) -> Iterator[str]:
    options = full.get("options", ())
    if not options or not all(isinstance(each, str) and each for each in options):
        yield "no options, or empty ones"
    if len(set(options)) != len(options):
        yield "one option twice"


def _number(full: Mapping[str, Any]) -> Iterator[str]:
    if not full.get("min", 0) < full.get("max", 100):
        yield "an empty range"
    if full.get("step", 1) < 0.001:
        yield "the step is too small"
    if full.get("mode", "auto") not in ("auto", "box", "slider"):
        yield "unknown mode"


def _event(full: Mapping[str, Any]) -> Iterator[str]:
    types = full.get("event_types", ())
    if not types or len(set(types)) != len(types):
        yield "no event types, or one twice"
    if full.get("state_topic", "").endswith("/set"):
        yield "events come on a topic of their own"


def _climate(full: Mapping[str, Any]) -> Iterator[str]:
    if not set(full.get("modes", ())) <= _MODES:
        yield "unknown modes"
    if len(full.get("modes", ())) > 1 and "mode_command_topic" not in full:
        yield "several modes, and none can be set"
    if not full.get("min_temp", 7) < full.get("max_temp", 35):
        yield "an empty range"


_SPECIAL = {
    "sensor": _sensor,
    "light": _light,
    "cover": _cover,
    "select": _choices,
    "number": _number,
    "event": _event,
    "climate": _climate,
}


def _names(message: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[str]:
    """No entity is called as its device, and no two of a platform the same."""
    device = message.get("device")
    called = device.get("name") if isinstance(device, dict) else None
    seen: set[tuple[Any, ...]] = set()
    identities: set[object] = set()
    for name, options in components.items():
        if not isinstance(options, dict) or len(options) < 2:
            continue
        if called is not None and options.get("name") == called:
            yield f"{name} is called as its device"
        shown = options["name"] if "name" in options else ("class", options.get("dev_cla"))
        if (options.get("p"), shown) in seen:
            yield f"{name} is called as another {options.get('p')}"
        seen.add((options.get("p"), shown))
        identity = options.get("uniq_id", options.get("unique_id"))
        if identity in identities:
            yield f"{name} has the unique_id of another"
        identities.add(identity)
