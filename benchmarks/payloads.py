"""Statuses of three sizes, each with five components and so with five topics.

Every component holds the event's number, a text of always the same length, so that whoever hears
a publication can tell which event it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIRST_NUMBER = 1_000_000
"""Numbers go from here to 9,999,999: seven digits."""

_MARK = 7_654_321
MARK = str(_MARK).encode()
"""Stands in a frame where the number goes."""

_IDLE = 1_111_111
"""Stands where a component does not change."""

_KINDS = {"switch": "relay", "em": "meter"}
"""Shelly's component types that have another name on MQTT."""


class Number:
    """Stands for the event's number."""


class Word:
    """Stands for a word that holds the event's number."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A kind of event; `components` are Shelly's keys, of which the first can change alone."""

    name: str
    components: Mapping[str, dict[str, Any]]

    def frame(self, device: str, *, whole: bool) -> bytes:
        """The text of an event of `device` with `MARK` where the number goes.

        Every component has the number if `whole`, otherwise only the first one.
        """
        status: dict[str, Any] = {}
        for place, (key, members) in enumerate(self.components.items()):
            number = _MARK if whole or place == 0 else _IDLE
            status[key] = {name: _filled(value, number) for name, value in members.items()}
        status |= {"id": f"{int(device):012x}", "code": "SIMULATED", "serial": _MARK}
        event = {"event": "Shelly:StatusOnChange", "deviceId": device, "status": status}
        return json.dumps(event, separators=(",", ":")).encode()

    def topics(self) -> list[str]:
        """Where the bridge publishes the components, below the device's topic."""
        found = []
        for key in self.components:
            name, _, number = key.partition(":")
            found.append(f"{_KINDS.get(name, name)}/{number or 0}")
        return found


def _filled(value: Any, number: int) -> Any:
    if value is Word:
        return f"net-{number}"
    return number if value is Number else value


def _switch(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "source": "WS_in",
        "output": True,
        "apower": Number,
        "voltage": 231.4,
        "current": 1.873,
        "pf": 0.98,
        "freq": 50.0,
        "aenergy": {
            "total": 482716.512,
            "by_minute": [5131.417, 5122.008, 5140.663],
            "minute_ts": 1795230780,
        },
        "ret_aenergy": {"total": 0.0, "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1795230780},
        "temperature": {"tC": 51.3, "tF": 124.3},
        "timer_started_at": 1795230786.31,
        "timer_duration": 120.0,
    }


def _meter(number: int) -> dict[str, Any]:
    """A three-phase meter."""
    phases = {
        f"{phase}_{name}": value
        for phase in "abc"
        for name, value in (
            ("current", 4.119),
            ("voltage", 229.7),
            ("act_power", 931.4),
            ("aprt_power", 947.4),
            ("pf", 0.95),
            ("freq", 50.0),
            ("total_act_energy", 45236.91),
            ("total_act_ret_energy", 12.04),
        )
    }
    totals = {"total_current": 8.009, "total_act_power": Number, "total_aprt_power": 1842.2}
    return {"id": number, **phases, "n_current": None, **totals, "user_calibrated_phase": []}


_SYSTEM: dict[str, Any] = {
    "mac": "A8032A5B000B",
    "restart_required": False,
    "time": "03:13",
    "unixtime": 1795230786,
    "last_sync_ts": 1795230786,
    "uptime": Number,
    "ram_size": 250596,
    "ram_free": 127644,
    "ram_min_free": 102668,
    "fs_size": 393216,
    "fs_free": 126976,
    "cfg_rev": 27,
    "kvs_rev": 0,
    "schedule_rev": 1,
    "webhook_rev": 0,
    "available_updates": {},
    "reset_reason": 3,
    "utc_offset": 7200,
}
_WIFI: dict[str, Any] = {
    "sta_ip": "192.0.2.18",
    "status": "got ip",
    "ssid": Word,
    "rssi": -61,
}
_INPUT: dict[str, Any] = {"id": 0, "state": False, "xpercent": Number}
_SENSOR: dict[str, Any] = {"id": 100, "voltage": 11.93, "xvoltage": Number}

PAYLOADS = (
    Payload(
        "1 kB",
        {
            "switch:0": _switch(0),
            "input:0": _INPUT,
            "sys": _SYSTEM,
            "wifi": _WIFI,
            "voltmeter:100": _SENSOR,
        },
    ),
    Payload(
        "2 kB", {**{f"switch:{number}": _switch(number) for number in range(4)}, "sys": _SYSTEM}
    ),
    Payload(
        "3 kB",
        {**{f"em:{number}": _meter(number) for number in range(4)}, "sys": _SYSTEM},
    ),
)
"""As a plug, a four-channel relay and a set of three-phase meters report."""
