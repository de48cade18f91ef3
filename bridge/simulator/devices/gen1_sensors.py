"""Gen1 devices that only tell: alarms and motion, as members of the flat status.

(Shelly docs, Gen1 `/status` of Smoke, Flood, Gas, Motion.)
"""

from __future__ import annotations

from bridge.simulator.devices.base import Channel, Status
from bridge.simulator.devices.readings import Readings, nothing, plain
from bridge.simulator.devices.things import fahrenheit


def _kept(warmth: Readings, volts: float) -> Status:
    """What every battery-powered sensor tells besides."""
    values = warmth.values()
    celsius = values["temperature"]
    reading = {"tC": celsius, "tF": fahrenheit(celsius), "is_valid": True}
    return {
        "is_valid": True,
        "tmp": {"value": celsius, "units": "C", **reading},
        "bat": {"value": values["percent"], "voltage": volts},
        "act_reasons": ["sensor"],
        "connect_retries": 0,
        "sensor_error": 0,
    }


def _sensor(alarm: Channel) -> list[Channel]:
    warmth = Readings({"temperature": 21.4, "percent": 93}, temperature=0.4)
    return [alarm, Channel(warmth, 0, lambda: _kept(warmth, 2.9), nothing)]


def smoke() -> list[Channel]:
    """A Smoke."""
    return _sensor(plain(Readings({"smoke": False})))


def flood() -> list[Channel]:
    """A Flood."""
    return _sensor(plain(Readings({"flood": False}), rain_sensor=False))


def gas() -> list[Channel]:
    """A Gas with a valve."""
    sensed = Readings({"alarm": "none", "ppm": 12, "valve": "opened"}, ppm=4)

    def tell() -> Status:
        now = sensed.values()
        word = {"sensor_state": "normal", "self_test_state": "not_completed"}
        return {
            "gas_sensor": word | {"alarm_state": now["alarm"]},
            "concentration": {"ppm": now["ppm"], "is_valid": True},
            "valves": [{"state": now["valve"]}],
        }

    return [Channel(sensed, 0, tell, nothing)]


def motion() -> list[Channel]:
    """A Motion, which does not sleep."""
    seen = Readings({"motion": False, "vibration": False, "lux": 150, "percent": 77}, lux=60)

    def tell() -> Status:
        now = seen.values()
        word = "dark" if now["lux"] < 50 else "twilight" if now["lux"] < 250 else "bright"
        noticed = {key: now[key] for key in ("motion", "vibration")}
        return {
            "lux": {"value": now["lux"], "illumination": word, "is_valid": True},
            "sensor": {**noticed, "timestamp": 1_800_000_000, "active": True, "is_valid": True},
            "bat": {"value": now["percent"], "voltage": 3.9},
            "charger": False,
        }

    return [Channel(seen, 0, tell, nothing)]
