"""How BLU devices appear in the cloud: behind a gateway, with components of the cloud's making."""

from __future__ import annotations

from bridge.simulator.devices import private
from bridge.simulator.devices.base import Channel, Status
from bridge.simulator.devices.gen2 import Gen2Device
from bridge.simulator.devices.gen2_channels import press
from bridge.simulator.devices.things import Climate, Input, fahrenheit


class BleDevice(Gen2Device):
    """A battery-powered device that a gateway hears."""

    generation = "GBLE"

    def _surroundings(self) -> Status:
        gateway = self.identity.extra["gateway"]
        return {
            "reporter": {"id": gateway, "rssi": -61, "inrange": self.online},
            "serial": round(self.world.now(), 2),
        }

    def _stamp(self) -> Status:
        return {"serial": round(self.world.now(), 2)}

    def settings(self) -> Status:
        """What the cloud stores of it, the key for its encrypted packets included."""
        name = self.identity.names[0] if self.identity.names else None
        return {"name": name, "key": private.BLE_KEY}


def _battery(percent: int) -> Status:
    return {"devicepower:0": {"id": 0, "battery": {"percent": percent, "V": None}}}


def climate(room: Climate) -> Channel:
    """A BLU H&T."""

    def tell() -> Status:
        warm = {"id": 0, "tC": room.temperature, "tF": fahrenheit(room.temperature)}
        return {
            "temperature:0": warm,
            "humidity:0": {"id": 0, "rh": room.humidity},
            **_battery(room.battery),
        }

    return Channel(room, 0, tell, lambda _name: {})


def door(room: Climate) -> Channel:
    """A BLU Door/Window."""

    def tell() -> Status:
        return {
            "window:0": {"id": 0, "open": int(room.open)},
            "tilt:0": {"id": 0, "angle": 0},
            "illuminance:0": {"id": 0, "lux": room.lux},
            **_battery(room.battery),
        }

    return Channel(room, 0, tell, lambda _name: {})


def button(number: int, pressed: Input) -> Channel:
    """A button of a BLU Button; it has no `input`."""

    def tell() -> Status:
        return press(number, pressed) | (_battery(91) if number == 0 else {})

    return Channel(pressed, number, tell, lambda _name: {})
