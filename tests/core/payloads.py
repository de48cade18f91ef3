"""Statuses as Shelly's devices send them, made up for the tests; each call gives a fresh one."""

from __future__ import annotations

from bridge.core.model import Json

Status = dict[str, Json]


def switch(number: int = 0, **members: Json) -> Status:
    """A metered Gen2+ `switch`."""
    return {
        "id": number,
        "source": "init",
        "output": False,
        "apower": 0.0,
        "voltage": 231.4,
        "freq": 50.0,
        "current": 0.0,
        "pf": 0.0,
        "aenergy": {"total": 1234.567, "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1790000000},
        "temperature": {"tC": 41.2, "tF": 106.2},
        **members,
    }


def cover(**members: Json) -> Status:
    """A calibrated Gen2+ `cover`."""
    return {
        "id": 0,
        "source": "limit_switch",
        "state": "stopped",
        "apower": 0.0,
        "voltage": 229.9,
        "current": 0.0,
        "pf": 0.0,
        "freq": 50.0,
        "aenergy": {"total": 88.2, "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1790000000},
        "temperature": {"tC": 39.0, "tF": 102.2},
        "pos_control": True,
        "current_pos": 40,
        "target_pos": None,
        "last_direction": "open",
        **members,
    }


def rgbw(**members: Json) -> Status:
    """A Gen2+ `rgbw` strip."""
    return {
        "id": 0,
        "source": "init",
        "output": True,
        "rgb": [255, 120, 0],
        "brightness": 60,
        "white": 10,
        **members,
    }


def two_switches() -> Status:
    """The whole status of a Gen2 device with two outputs, as the cloud passes it on."""
    return {
        "switch:0": switch(0),
        "switch:1": switch(1),
        "input:0": {"id": 0, "state": False},
        "input:1": {"id": 1, "state": None},
        "sys": {"mac": "A8032ABE54DC", "restart_required": False, "available_updates": []},
        "wifi": {"sta_ip": "192.0.2.7", "status": "got ip", "ssid": "attic", "rssi": -61},
        "cloud": {"connected": True},
        "mqtt": {"connected": False},
        "ble": [],
        "v_eve:1": {"id": 1, "ev": "", "ttl": 1},
        "id": "a8032abe54dc",
        "code": "SNSW-002P16EU",
        "ts": 1790000000.1,
        "serial": 1790000000.1,
    }


def shutter() -> Status:
    """The whole status of the same device in its other profile."""
    status = two_switches()
    del status["switch:0"], status["switch:1"]
    status["cover:0"] = cover()
    return status


def strip() -> Status:
    """The whole status of an LED controller."""
    return {"rgbw:0": rgbw(), "sys": {"uptime": 5}, "serial": 3, "code": "SNDC-0D4P10WW"}


def gen1_relay(**members: Json) -> Status:
    """A Gen1 plug with its meter."""
    return {
        "relays": [{"ison": False, "has_timer": False, "overpower": False, "source": "http"}],
        "meters": [
            {
                "power": 12.5,
                "overpower": 0.0,
                "is_valid": True,
                "timestamp": 1790003600,
                "counters": [12.1, 11.9, 12.4],
                "total": 90059,
            }
        ],
        "inputs": [{"input": 0, "event": "", "event_cnt": 3}],
        "temperature": 31.5,
        "overtemperature": False,
        "wifi_sta": {"connected": True, "ssid": "attic", "ip": "192.0.2.8", "rssi": -70},
        "update": {"status": "idle", "has_update": False, "old_version": "20230913-113610/v1.14.0"},
        "mac": "A8032ABE54DC",
        "serial": 12,
        **members,
    }


def gen1_roller(**members: Json) -> Status:
    """A Gen1 Shelly 2.5 in roller mode; its relays mean nothing then."""
    return {
        "rollers": [
            {
                "state": "stop",
                "source": "http",
                "power": 0.0,
                "is_valid": True,
                "safety_switch": False,
                "overtemperature": False,
                "stop_reason": "normal",
                "last_direction": "open",
                "current_pos": 100,
                "calibrating": False,
                "positioning": True,
                **members,
            }
        ],
        "relays": [{"ison": False}, {"ison": False}],
        "meters": [
            {"power": 0.0, "is_valid": True, "total": 600},
            {"power": 0.0, "is_valid": True, "total": 0},
        ],
        "serial": 5,
    }


def gen1_bulb(**members: Json) -> Status:
    """A Gen1 colour bulb."""
    return {
        "lights": [
            {
                "ison": True,
                "source": "cloud",
                "has_timer": False,
                "mode": "color",
                "red": 10,
                "green": 20,
                "blue": 30,
                "white": 40,
                "gain": 55,
                "temp": 4000,
                "brightness": 80,
                "effect": 2,
                "transition": 500,
                **members,
            }
        ],
        "meters": [{"power": 4.2, "is_valid": "true", "total": 120}],
        "serial": 8,
    }


def gen1_addon() -> Status:
    """A Gen1 relay with two thermometers on its add-on."""
    return gen1_relay(
        ext_temperature={
            "0": {"hwID": "28aa", "tC": 20.5, "tF": 68.9},
            "1": {"hwID": "28bb", "tC": 55.0, "tF": 131.0},
        },
        ext_humidity={},
    )


def thermometer() -> Status:
    """A BLE thermometer behind a gateway."""
    return {
        "temperature:0": {"id": 0, "tC": 21.4, "tF": 70.5},
        "humidity:0": {"id": 0, "rh": 48},
        "devicepower:0": {"id": 0, "battery": {"V": None, "percent": 92}},
        "reporter": {"id": "187723572702975", "rssi": -63, "inrange": True},
        "serial": 1790000001,
        "_updated": "2026-09-21 13:33:20",
        "_dev_info": {"id": "XB11", "gen": "GBLE", "code": "SBHT-003C", "online": True},
    }


def meter() -> Status:
    """A three-phase meter with a virtual number, as far as a test needs it."""
    return {
        "em:0": {
            "id": 0,
            "a_act_power": 120.5,
            "b_act_power": -3.0,
            "c_act_power": None,
            "total_act_power": 117.5,
            "user_calibrated_phase": [],
            "n_current": None,
        },
        "emdata:0": {"id": 0, "total_act": 991822.14, "total_act_ret": 12.0},
        "number:200": {"value": 3.5, "source": "sys", "last_update_ts": 1790000000},
        "bthomedevice:200": {"id": 200, "rssi": None, "battery": None, "paired": False},
        "script:1": {"id": 1, "running": True, "mem_used": 900},
        "eth": {"ip": None, "ip6": None},
        "serial": 44,
    }


def every() -> list[Status]:
    """One of each."""
    return [
        two_switches(),
        shutter(),
        strip(),
        gen1_relay(),
        gen1_roller(),
        gen1_bulb(),
        gen1_addon(),
        thermometer(),
        meter(),
    ]
