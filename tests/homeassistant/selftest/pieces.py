"""Components as the bridge describes them, and the device message around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEVICE = "shellytest01"
CONFIG = f"homeassistant/device/{DEVICE}/config"
BASE = f"shelly/{DEVICE}"


def device(components: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A device discovery message, with root keys added or replaced."""
    message = {
        "dev": {
            "ids": [f"shelly_bridge_{DEVICE}"],
            "name": "Boiler",
            "mf": "Shelly",
            "mdl": "Plus 1PM",
            "mdl_id": "SNSW-001P16EU",
            "sw": "1.7.1",
            "sn": DEVICE,
            "via_device": "shelly_bridge",
        },
        "o": {"name": "shelly-mqtt-bridge", "sw": "0.1.0", "url": "https://example.org/docs"},
        "avty": [{"t": "shelly/bridge/state"}, {"t": f"{BASE}/availability"}],
        "avty_mode": "all",
        "qos": 1,
        "cmps": components,
    }
    return message | changes


def component(platform: str, suffix: str, /, **options: Any) -> dict[str, Any]:
    """One component; `suffix` ends its unique id."""
    return {"p": platform, "uniq_id": f"shelly_bridge_{DEVICE}_{suffix}", **options}


RELAY = component(
    "switch",
    "relay_0",
    name=None,
    dev_cla="outlet",
    stat_t=f"{BASE}/relay/0",
    val_tpl="{{ value_json.state }}",
    cmd_t=f"{BASE}/relay/0/set",
)
POWER = component(
    "sensor",
    "relay_0_power",
    stat_t=f"{BASE}/relay/0",
    val_tpl="{{ value_json.power }}",
    dev_cla="power",
    stat_cla="measurement",
    unit_of_meas="W",
)
ENERGY = component(
    "sensor",
    "relay_0_energy",
    stat_t=f"{BASE}/relay/0",
    val_tpl="{{ value_json.energy }}",
    dev_cla="energy",
    stat_cla="total_increasing",
    unit_of_meas="kWh",
)
LAST_SEEN = component(
    "sensor",
    "last_seen",
    name="Last seen",
    en=False,
    stat_t=f"{BASE}/info",
    val_tpl="{{ value_json.last_seen }}",
    dev_cla="timestamp",
    ent_cat="diagnostic",
    avty=[{"t": "shelly/bridge/state"}],
)
SOURCE = component(
    "sensor",
    "source",
    name="Source",
    stat_t=f"{BASE}/source",
    dev_cla="enum",
    ops=["button", "cloud"],
)
READ_ONLY = component(
    "binary_sensor",
    "relay_1",
    name="Output",
    dev_cla="power",
    stat_t=f"{BASE}/relay/1",
    val_tpl="{{ value_json.state }}",
)
ROLLER = component(
    "cover",
    "roller_0",
    name=None,
    dev_cla="shutter",
    cmd_t=f"{BASE}/roller/0/set",
    stat_t=f"{BASE}/roller/0",
    val_tpl="{{ value_json.state }}",
)
POSITION = {
    "pos_t": f"{BASE}/roller/0",
    "pos_tpl": "{{ value_json.position if value_json.position is not none else '' }}",
    "set_pos_t": f"{BASE}/roller/0/set",
}
LIGHT = component(
    "light",
    "light_0",
    schema="json",
    name=None,
    stat_t=f"{BASE}/light/0",
    cmd_t=f"{BASE}/light/0/set",
    bri_scl=100,
    flsh=False,
    trns=False,
)
DIMMER = LIGHT | {"sup_clrm": ["brightness"]}
COLOR = LIGHT | {
    "sup_clrm": ["color_temp", "rgbw"],
    "clr_temp_k": True,
    "min_k": 2700,
    "max_k": 6500,
    "effect": True,
    "fx_list": ["Off", "Meteor shower"],
}
INPUT = component(
    "event",
    "input_0",
    name="Input 0",
    dev_cla="button",
    stat_t=f"{BASE}/input/0/event",
    evt_typ=["single_push", "double_push"],
)
FIRMWARE = component(
    "update", "firmware", dev_cla="firmware", ent_cat="diagnostic", stat_t=f"{BASE}/update"
)
VALVE = component(
    "valve",
    "valve_0",
    name=None,
    dev_cla="water",
    stat_t=f"{BASE}/valve/0",
    cmd_t=f"{BASE}/valve/0/set",
)
NUMBER = component(
    "number",
    "timer",
    name="Timer",
    ent_cat="config",
    stat_t=f"{BASE}/timer",
    cmd_t=f"{BASE}/timer/set",
    dev_cla="duration",
    unit_of_meas="s",
)
SELECT = component(
    "select",
    "mode",
    name="Mode",
    stat_t=f"{BASE}/mode",
    cmd_t=f"{BASE}/mode/set",
    ops=["auto", "manual"],
)
THERMOSTAT = component(
    "climate",
    "thermostat_0",
    name=None,
    modes=["off", "heat"],
    mode_stat_t=f"{BASE}/thermostat/0",
    mode_stat_tpl="{{ value_json.mode }}",
    mode_cmd_t=f"{BASE}/thermostat/0/set",
    temp_stat_t=f"{BASE}/thermostat/0",
    temp_stat_tpl="{{ value_json.target }}",
    temp_cmd_t=f"{BASE}/thermostat/0/set",
    curr_temp_t=f"{BASE}/thermostat/0",
    curr_temp_tpl="{{ value_json.temperature }}",
)
TRIGGER = {
    "p": "device_automation",
    "automation_type": "trigger",
    "type": "button_short_press",
    "subtype": "button_1",
    "t": f"{BASE}/input/0/event",
    "pl": "single_push",
    "val_tpl": "{{ value_json.event_type }}",
}
METERED = {
    "relay_0": RELAY,
    "relay_0_power": POWER,
    "relay_0_energy": ENERGY,
    "last_seen": LAST_SEEN,
}
POSITIONED = {"roller_0": ROLLER | POSITION}
RELAY_STATE = {"state": "ON", "power": 12.5, "energy": 3.141}
COLOR_STATE = {
    "state": "ON",
    "brightness": 50,
    "color_mode": "rgbw",
    "color": {"r": 1, "g": 2, "b": 3, "w": 4},
    "color_temp": None,
    "effect": "Off",
}
BRIDGE_CONFIG = "homeassistant/device/shelly_bridge/config"
BRIDGE = device(
    {
        "connected": {
            "p": "binary_sensor",
            "uniq_id": "shelly_bridge_connected",
            "name": "Connected",
            "dev_cla": "connectivity",
            "ent_cat": "diagnostic",
            "stat_t": "shelly/bridge/state",
            "pl_on": "online",
            "pl_off": "offline",
        },
        "restart": {
            "p": "button",
            "uniq_id": "shelly_bridge_restart",
            "dev_cla": "restart",
            "ent_cat": "config",
            "cmd_t": "shelly/bridge/request/restart",
        },
    },
    dev={"ids": ["shelly_bridge"], "name": "Shelly bridge"},
)
del BRIDGE["avty"], BRIDGE["avty_mode"]
