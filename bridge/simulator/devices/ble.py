"""How BLU devices appear in the cloud: behind a gateway, with components of the cloud's making."""

from __future__ import annotations

from bridge.simulator.devices import private
from bridge.simulator.devices.base import Channel, Device, Status
from bridge.simulator.devices.gen2 import Gen2Device
from bridge.simulator.devices.gen2_channels import press
from bridge.simulator.devices.readings import Readings, battery
from bridge.simulator.devices.things import Climate, Input, fahrenheit


class BleDevice(Gen2Device):
    """A battery-powered device that a gateway hears."""

    generation = "GBLE"
    native = None

    def heard_by(self, gateway: Device | str, rssi: int = -61) -> None:
        """Another gateway (or its id in decimal) is nearer now; the cloud tells so."""
        with self.world.lock:
            gateway_id = gateway if isinstance(gateway, str) else gateway.id
            self.identity.extra |= {"gateway": gateway_id, "rssi": str(rssi)}
            self.publish()

    def _components(self) -> Status:
        extra = self.identity.extra
        rssi = int(extra.get("rssi", "-61"))
        heard = {"id": extra["gateway"], "rssi": rssi, "inrange": self.online}
        return super()._components() | {"reporter": heard}

    def _surroundings(self) -> Status:
        return self._stamp()

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


def _value(kind: str, number: int, readings: Readings, name: str, member: str = "value") -> Channel:
    """A component of one reading."""
    key = f"{kind}:{number}"

    def tell() -> Status:
        return {key: {"id": number, member: readings.values()[name]}}

    return Channel(readings, number, tell, lambda _name: {})


def motion() -> list[Channel]:
    """A BLU Motion."""
    seen = Readings({"motion": False, "lux": 140}, lux=40)
    return [
        _value("motion", 0, seen, "motion", "motion"),
        _value("illuminance", 0, seen, "lux", "lux"),
        battery(100, None),
    ]


def weather() -> list[Channel]:
    """A weather station."""
    sky = Readings(
        {
            **{"temperature": 14.2, "humidity": 71.0, "pressure": 1012.4, "dewpoint": 9.1},
            **{"lux": 18_400, "uv": 2.1, "rain": 11.4, "wind": 2.6, "gust": 4.9},
            **{"direction": 222.0, "raining": False},
        },
        **{"temperature": 0.3, "humidity": 1.0, "pressure": 0.4, "lux": 900.0, "uv": 0.2},
        **{"wind": 1.5, "gust": 1.0, "direction": 25.0},
    )
    return [
        _value("temperature", 0, sky, "temperature", "tC"),
        _value("humidity", 0, sky, "humidity", "rh"),
        _value("pressure", 0, sky, "pressure"),
        _value("dewpoint", 0, sky, "dewpoint"),
        _value("illuminance", 0, sky, "lux", "lux"),
        _value("UV", 0, sky, "uv"),
        _value("precipitation", 0, sky, "rain"),
        _value("speed", 0, sky, "wind"),
        _value("speed", 1, sky, "gust"),
        _value("direction", 0, sky, "direction"),
        _value("moisture_alarm", 0, sky, "raining"),
        battery(90, None),
    ]
