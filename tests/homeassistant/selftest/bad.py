"""Messages with one thing wrong, and what must be found."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from tests.homeassistant.selftest.case import Case, Message, below, discovered, shown
from tests.homeassistant.selftest.pieces import (
    BASE,
    COLOR,
    COLOR_STATE,
    CONFIG,
    DIMMER,
    ENERGY,
    FIRMWARE,
    INPUT,
    LAST_SEEN,
    LIGHT,
    POSITIONED,
    POWER,
    READ_ONLY,
    RELAY,
    ROLLER,
    SOURCE,
    VALVE,
    device,
)

NAMELESS = ("p", "uniq_id", "stat_t")


def _case(name: str, expected: Set[tuple[str, str]], *messages: Message) -> Case:
    return Case(name, messages, expected)


def _refused(name: str, message: dict[str, Any]) -> Case:
    """The whole device is lost."""
    return _case(name, {("device_refused", "")}, Message(CONFIG, message))


def _named(**changes: Any) -> dict[str, Any]:
    """A device message with keys of `dev` replaced."""
    message = device({"relay_0": RELAY})
    return message | {"dev": message["dev"] | changes}


def _part(name: str, kind: str, options: Mapping[str, Any], **changes: Any) -> Case:
    """A relay and a second component `x` with which something is wrong."""
    return _case(name, {(kind, "x")}, discovered({"relay_0": RELAY, "x": {**options, **changes}}))


REFUSED = (
    _refused("unknown root key", device({"relay_0": RELAY}, icon="mdi:fire")),
    _refused("key of a later release at the root", device({}, message_expiry_interval=60)),
    _refused("base topic at the root", device({"relay_0": RELAY}, **{"~": BASE})),
    _refused("unknown origin key", device({"relay_0": RELAY}, o={"name": "x", "mail": "y"})),
    _refused("no origin", {k: v for k, v in device({"relay_0": RELAY}).items() if k != "o"}),
    _refused("unknown device key", _named(colour="white")),
    _refused("null for a device string", _named(mdl_id=None)),
    _refused("no identifier", _named(ids=[])),
    _refused("flat connections", _named(cns=["mac", "02:00:00:00:00:01"])),
    _refused("configuration_url without scheme", _named(cu="192.0.2.1")),
    _refused("availability twice", device({"relay_0": RELAY}, avty_t=f"{BASE}/availability")),
    _refused("unknown platform", device({"relay_0": RELAY | {"p": "relay"}})),
    _refused(
        "a component without unique_id",
        device({"relay_0": {k: v for k, v in RELAY.items() if k != "uniq_id"}}),
    ),
    _case(
        "illegal discovery topic",
        {("device_refused", ""), ("logged", "")},
        Message("homeassistant/device/kitchen.blind/config", device({"relay_0": RELAY})),
    ),
    _case("no JSON", {("device_refused", ""), ("logged", "")}, Message(CONFIG, "{")),
    _part("unit that does not fit the class", "component_refused", POWER, unit_of_meas="kW/h"),
    _part(
        "lux instead of lx", "component_refused", POWER, dev_cla="illuminance", unit_of_meas="lux"
    ),
    _part("unknown device class", "component_refused", POWER, dev_cla="watts"),
    _part("icon without prefix", "component_refused", POWER, ic="fire"),
    _part("wildcard in a command topic", "component_refused", VALVE, cmd_t=f"{BASE}/+/set"),
    _part("position without its topic", "component_refused", ROLLER, set_pos_t=f"{BASE}/set"),
    _part(
        "modes that exclude each other",
        "component_refused",
        LIGHT,
        sup_clrm=["brightness", "color_temp"],
    ),
    _part("options beside a unit", "component_refused", SOURCE, unit_of_meas="W"),
    _part("template that is none", "component_refused", POWER, val_tpl="{{ value_json.power"),
    _part("unknown component key", "key_dropped", POWER, colour="white"),
    _part("option of another platform", "key_dropped", VALVE, bri_scl=100),
)

DESCRIBED = (
    _case(
        "config category on a sensor",
        {("logged", ""), ("not_created", "x")},
        discovered({"relay_0": RELAY, "x": POWER | {"ent_cat": "config"}}),
    ),
    _case("object_id", {("logged", "")}, discovered({"relay_0": RELAY | {"obj_id": "boiler"}})),
    _case(
        "state class that does not fit the class",
        {("logged", "")},
        *shown({"x": ENERGY | {"stat_cla": "measurement"}}, below("relay/0", {"energy": 1})),
    ),
    _case(
        "the same unique_id twice",
        {("logged", "")},
        discovered({"relay_0": RELAY, "relay_1": RELAY}),
    ),
    _case(
        "a component left out",
        {("left_behind", "power")},
        discovered({"relay_0": RELAY, "power": POWER}),
        discovered({"relay_0": RELAY}),
    ),
    _case(
        "another platform under the same id",
        {("left_behind", "relay_0")},
        discovered({"relay_0": RELAY}),
        discovered({"relay_0": READ_ONLY}),
    ),
    _case(
        "no name and no class",
        {("name", "x")},
        discovered({"relay_0": RELAY, "x": {k: v for k, v in SOURCE.items() if k in NAMELESS}}),
    ),
    _case(
        "one name for two",
        {("name", "relay_0"), ("name", "relay_1")},
        discovered({"relay_0": RELAY, "relay_1": RELAY | {"uniq_id": "shelly_bridge_other"}}),
    ),
    _case(
        "discovery that is not retained",
        {("retain", "")},
        Message(CONFIG, device({"relay_0": RELAY}), retain=False),
    ),
)

SHOWN = (
    _case(
        "relay in lower case",
        {("state_ignored", "relay_0")},
        *shown(
            {"relay_0": RELAY}, below("relay/0", {"state": "ON"}), below("relay/0", {"state": "on"})
        ),
    ),
    _case(
        "boolean for a binary sensor",
        {("state_ignored", "relay_1")},
        *shown({"relay_1": READ_ONLY}, below("relay/1", {"state": True})),
    ),
    _case(
        "text for a numeric sensor",
        {("logged", ""), ("state_ignored", "power")},
        *shown({"power": POWER}, below("relay/0", {"power": "12 W"})),
    ),
    _case("a missing key", {("logged", "")}, *shown({"power": POWER}, below("relay/0", {}))),
    _case(
        "time without zone",
        {("logged", ""), ("state_ignored", "last_seen")},
        *shown({"last_seen": LAST_SEEN}, below("info", {"last_seen": "2026-11-20T09:08:00"})),
    ),
    _case(
        "option not in the list",
        {("logged", ""), ("state_ignored", "x")},
        *shown({"x": SOURCE}, below("source", "moon")),
    ),
    _case(
        "light without state",
        {("logged", "")},
        *shown({"light_0": DIMMER}, below("light/0", {"brightness": 50})),
    ),
    _case(
        "light state in lower case",
        {("state_ignored", "light_0")},
        *shown({"light_0": DIMMER}, below("light/0", {"state": "on", "brightness": 50})),
    ),
    _case(
        "colour without colour mode",
        {("state_ignored", "light_0")},
        *shown(
            {"light_0": COLOR}, below("light/0", {"state": "ON", "color": {"r": 1, "g": 2, "b": 3}})
        ),
    ),
    _case(
        "incomplete colour",
        {("logged", ""), ("state_ignored", "light_0")},
        *shown({"light_0": COLOR}, below("light/0", COLOR_STATE | {"color": {"r": 1}})),
    ),
    _case(
        "effect not in the list",
        {("state_ignored", "light_0")},
        *shown({"light_0": COLOR}, below("light/0", COLOR_STATE | {"effect": "Disco"})),
    ),
    _case(
        "roller state in upper case",
        {("logged", ""), ("state_ignored", "roller_0")},
        *shown({"roller_0": ROLLER}, below("roller/0", {"state": "OPEN"})),
    ),
    _case(
        "position that is no number",
        {("logged", "")},
        *shown(POSITIONED, below("roller/0", {"state": "open", "position": "half"})),
    ),
    _case(
        "unknown event",
        {("logged", ""), ("state_ignored", "input_0")},
        *shown({"input_0": INPUT}, below("input/0/event", {"event_type": "kick"})),
    ),
    _case(
        "update with an extra key",
        {("logged", ""), ("state_ignored", "firmware")},
        *shown(
            {"firmware": FIRMWARE},
            below("update", {"installed_version": "1", "latest_version": "2", "beta": "3"}),
        ),
    ),
    _case(
        "availability in upper case",
        {("unavailable", "relay_0")},
        discovered({"relay_0": RELAY}),
        Message("shelly/bridge/state", "online"),
        below("availability", "ONLINE"),
        below("relay/0", {"state": "ON"}),
    ),
    _case(
        "availability that is never published",
        {("never_published", "relay_0")},
        discovered({"relay_0": RELAY}),
        Message("shelly/bridge/state", "online"),
        below("relay/0", {"state": "ON"}),
    ),
    _case(
        "availability that is not retained",
        {("retain", "relay_0")},
        discovered({"relay_0": RELAY}),
        Message("shelly/bridge/state", "online"),
        below("availability", "online", retain=False),
        below("relay/0", {"state": "ON"}),
    ),
    _case(
        "event that is retained",
        {("retain", "input_0")},
        *shown({"input_0": INPUT}, below("input/0/event", {"event_type": "single_push"}, True)),
    ),
    _case(
        "infinite number",
        {("logged", ""), ("state_ignored", "power")},
        *shown({"power": POWER}, below("relay/0", '{"power": "Infinity"}')),
    ),
)

BAD = REFUSED + DESCRIBED + SHOWN
