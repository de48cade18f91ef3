"""Thermostats: a room that is heated towards a wish, and how each generation tells of it."""

from __future__ import annotations

from random import Random
from typing import Any

from bridge.simulator.devices.base import Channel, Status
from bridge.simulator.devices.orders import Refused
from bridge.simulator.devices.readings import nothing
from bridge.simulator.devices.things import Thing, fahrenheit

Json = Any


class Thermostat(Thing):
    """A thermostat with its room; `limits` (°C) are those of the wish."""

    def __init__(self, target: float = 21.0, limits: tuple[float, float] = (5.0, 35.0)) -> None:
        self.target = target
        self.limits = limits
        self.current = target - 1.5
        self.enabled = True
        self.window = False
        self.battery = 87

    @property
    def heating(self) -> bool:
        """Whether it asks for heat."""
        return self.enabled and not self.window and self.current < self.target

    @property
    def valve(self) -> int:
        """How far a valve is open (%)."""
        return round(min(100.0, (self.target - self.current) * 40)) if self.heating else 0

    def wish(self, target: float | None, enabled: bool | None) -> None:
        """Set what is not None; raises `Refused`."""
        low, high = self.limits
        if target is not None and not low <= target <= high:
            raise Refused(f"target_C is not from {low:g} to {high:g}")
        self.target = self.target if target is None else target
        self.enabled = self.enabled if enabled is None else enabled

    def measure(self, dice: Random) -> None:
        way = 0.4 if self.heating else -0.2
        self.current = round(self.current + way + dice.uniform(-0.1, 0.1), 1)


def wall_display(number: int, thermostat: Thermostat) -> Channel:
    """A `thermostat` (Wall Display)."""
    key = f"thermostat:{number}"

    def tell() -> Status:
        return {
            key: {
                "id": number,
                "enable": thermostat.enabled,
                "target_C": thermostat.target,
                "target_F": fahrenheit(thermostat.target),
                "current_C": thermostat.current,
                "current_F": fahrenheit(thermostat.current),
                "output": thermostat.heating,
                "errors": [],
                "schedules": {"enable": False},
            }
        }

    def configure(name: str | None) -> Status:
        config = {"id": number, "name": name, "type": "heating", "hysteresis": 0.5}
        return {key: config | {"enable": thermostat.enabled, "target_C": thermostat.target}}

    return Channel(thermostat, number, tell, configure, "thermostat")


def blu_trv(number: int, thermostat: Thermostat) -> Channel:
    """A `blutrv`: a BLU TRV as its gateway knows it."""
    key = f"blutrv:{number}"

    def tell() -> Status:
        return {
            key: {
                "id": number,
                "target_C": thermostat.target,
                "current_C": thermostat.current,
                "pos": thermostat.valve,
                "rssi": -64,
                "battery": thermostat.battery,
                "packet_id": 41,
                "last_updated_ts": 1_800_000_000,
                "paired": True,
                "rpc": True,
                "rsv": 7,
                "errors": [],
            }
        }

    def configure(_name: str | None) -> Status:
        address = "7c:c6:b6:00:02:01"
        return {key: {"id": number, "addr": address, "name": "TRV", "key": None, "trv": "bthome"}}

    return Channel(thermostat, number, tell, configure, "blutrv")


def valve(thermostat: Thermostat) -> Channel:
    """A Gen1 TRV."""

    def tell() -> Status:
        wish = {"enabled": thermostat.enabled, "value": thermostat.target, "units": "C"}
        reading = {"value": thermostat.current, "units": "C", "is_valid": True}
        state = {
            "pos": thermostat.valve,
            "target_t": wish | {"value_op": 8},
            "tmp": reading,
            "schedule": False,
            "schedule_profile": 1,
            "boost_minutes": 0,
            "window_open": thermostat.window,
        }
        cell = {"value": thermostat.battery, "voltage": 3.7}
        return {"thermostats": [state], "calibrated": True, "bat": cell, "charger": False}

    return Channel(thermostat, 0, tell, nothing)
