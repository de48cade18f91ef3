"""Messages that Home Assistant takes as they are meant."""

from __future__ import annotations

from tests.homeassistant.selftest.case import Case, Message, below, discovered, shown
from tests.homeassistant.selftest.pieces import (
    BRIDGE,
    BRIDGE_CONFIG,
    COLOR,
    COLOR_STATE,
    CONFIG,
    DIMMER,
    FIRMWARE,
    INPUT,
    LIGHT,
    METERED,
    NUMBER,
    POSITIONED,
    POWER,
    READ_ONLY,
    RELAY,
    RELAY_STATE,
    ROLLER,
    SELECT,
    SOURCE,
    THERMOSTAT,
    TRIGGER,
    VALVE,
)


def case(name: str, *messages: Message) -> Case:
    """Nothing must be found."""
    return Case(name, messages, frozenset())


GOOD = (
    case(
        "relay with metering",
        *shown(
            METERED,
            below("relay/0", RELAY_STATE),
            below("relay/0", {"state": "OFF", "power": None, "energy": None}),
            below("info", {"last_seen": "2026-11-20T09:08:00Z"}),
        ),
        below("availability", "offline"),
    ),
    case(
        "read-only relay",
        *shown(
            {"relay_1": READ_ONLY},
            below("relay/1", {"state": "ON"}),
            below("relay/1", {"state": None}),
        ),
    ),
    case(
        "roller with position",
        *shown(
            POSITIONED,
            below("roller/0", {"state": "opening", "position": 40}),
            below("roller/0", {"state": "stopped", "position": None}),
        ),
    ),
    case(
        "roller without position",
        *shown({"roller_0": ROLLER}, below("roller/0", {"state": "closed", "position": None})),
    ),
    case(
        "dimmer",
        *shown(
            {"light_0": DIMMER},
            below("light/0", {"state": "ON", "brightness": 50}),
            below("light/0", {"state": None, "brightness": None}),
        ),
    ),
    case(
        "on/off light",
        *shown({"light_0": LIGHT | {"sup_clrm": ["onoff"]}}, below("light/0", {"state": "OFF"})),
    ),
    case(
        "colour light",
        *shown(
            {"light_0": COLOR},
            below("light/0", COLOR_STATE),
            below("light/0", COLOR_STATE | {"color_mode": "color_temp", "color_temp": 3000}),
        ),
    ),
    case(
        "input, firmware, source",
        *shown(
            {"input_0": INPUT, "firmware": FIRMWARE, "source": SOURCE},
            below("input/0/event", {"event_type": "single_push", "id": 1}),
            below("update", {"installed_version": "1.0", "latest_version": "1.1"}),
            below("source", "cloud"),
        ),
    ),
    case(
        "valve, number, select, thermostat, trigger",
        *shown(
            {
                "valve_0": VALVE,
                "timer": NUMBER,
                "mode": SELECT,
                "thermostat_0": THERMOSTAT,
                "trigger_0": TRIGGER,
            },
            below("valve/0", "open"),
            below("timer", "30"),
            below("mode", "auto"),
            below("thermostat/0", {"mode": "heat", "target": 21.5, "temperature": 20}),
        ),
    ),
    case(
        "the bridge itself",
        Message(BRIDGE_CONFIG, BRIDGE),
        Message("shelly/bridge/state", "online"),
        Message("shelly/bridge/state", "offline"),
    ),
    case(
        "states before discovery",
        *reversed(shown({"relay_0": RELAY}, below("relay/0", RELAY_STATE))),
    ),
    case(
        "a component removed, then the device",
        *shown({"relay_0": RELAY, "power": POWER}, below("relay/0", RELAY_STATE)),
        discovered({"relay_0": RELAY, "power": {"p": "sensor"}}),
        below("availability", "offline"),
        Message(CONFIG, ""),
        below("relay/0", ""),
        below("availability", ""),
    ),
)
