"""The channels of Gen1 devices: how each thing is told in the flat arrays of a Gen1 status.

(Shelly docs, Gen1 `/status`.)
"""

from __future__ import annotations

from bridge.simulator.devices.base import Channel, Status
from bridge.simulator.devices.shutter import CLOSING, OPENING, Shutter
from bridge.simulator.devices.things import (
    Climate,
    Input,
    Lamp,
    Outlet,
    Phase,
    Thing,
    fahrenheit,
)

_MOVES = {OPENING: "open", CLOSING: "close"}
_UNKNOWN_POSITION = 101


def _named(name: str | None) -> Status:
    return {"name": name, "appliance_type": "General"}


def _timer(outlet: Outlet) -> Status:
    return {
        "has_timer": outlet.timer_started is not None,
        "timer_started": int(outlet.timer_started or 0),
        "timer_duration": int(outlet.timer_seconds),
        "timer_remaining": round(outlet.timer_left),
    }


def _meter(outlet: Outlet, *, valid: object = True) -> Status:
    minute = round(outlet.power, 3)
    return {
        "power": outlet.power,
        "overpower": 0,
        "is_valid": valid,
        "timestamp": outlet.minute,
        "counters": [minute, minute, minute],
        "total": int(outlet.energy * 60),
    }


def relay(number: int, outlet: Outlet, *, metered: bool = True) -> Channel:
    """A member of `relays` and one of `meters`; without a real meter that one says 0."""

    def tell() -> Status:
        return {
            "relays": [_relay(outlet)],
            "meters": [_meter(outlet if metered else Outlet(0.0))],
        }

    return Channel(outlet, number, tell, lambda name: {"relays": [_named(name)]})


def contactor(outlet: Outlet) -> Channel:
    """The relay of an energy meter, which has no meter of its own."""

    def tell() -> Status:
        return {"relays": [_relay(outlet)]}

    return Channel(outlet, 0, tell, lambda name: {"relays": [_named(name)]})


def _relay(outlet: Outlet) -> Status:
    return {
        "ison": outlet.on,
        **_timer(outlet),
        "overpower": False,
        "is_valid": True,
        "source": outlet.source,
    }


def inside(thing: Outlet | Shutter, *, voltage: bool = False) -> Channel:
    """The temperature inside the device, and the voltage where it measures that."""

    def tell() -> Status:
        warmth = thing.warmth
        told: Status = {
            "temperature": warmth,
            "overtemperature": False,
            "tmp": {"tC": warmth, "tF": fahrenheit(warmth), "is_valid": True},
            "temperature_status": "Normal",
        }
        return told | ({"voltage": thing.voltage} if voltage else {})

    return Channel(Thing(), 0, tell, _nothing)


def roller(number: int, shutter: Shutter) -> Channel:
    """A member of `rollers`, with the two meters of the motor's two relays."""

    def tell() -> Status:
        state = {
            "state": _MOVES.get(shutter.direction, "stop"),
            "source": shutter.source,
            "power": shutter.power,
            "is_valid": True,
            "safety_switch": False,
            "overtemperature": False,
            "stop_reason": shutter.stop_reason,
            "last_direction": _MOVES.get(shutter.last_direction or 0, "stop"),
            "current_pos": shutter.shown if shutter.calibrated else _UNKNOWN_POSITION,
            "calibrating": False,
            "positioning": shutter.calibrated,
        }
        idle = _meter(Outlet(0.0))
        meter = idle | {"power": shutter.power, "total": int(shutter.energy * 60)}
        return {"rollers": [state], "meters": [meter, idle]}

    def configure(name: str | None) -> Status:
        longest = int(shutter.travel)
        return {"rollers": [{"name": name, "maxtime": longest, "positioning": shutter.calibrated}]}

    return Channel(shutter, number, tell, configure)


def color_light(number: int, lamp: Lamp) -> Channel:
    """An RGBW2 in mode `color`."""

    def tell() -> Status:
        red, green, blue = lamp.rgb
        state = {
            "ison": lamp.on,
            "source": lamp.source,
            **_timer(lamp),
            "mode": lamp.mode,
            "red": red,
            "green": green,
            "blue": blue,
            "white": lamp.white,
            "gain": lamp.gain,
            "effect": lamp.effect,
            "transition": lamp.transition,
            "power": lamp.power,
            "overpower": False,
        }
        return {"lights": [state], "meters": [_meter(lamp)]}

    return Channel(lamp, number, tell, lambda name: {"lights": [{"name": name}]})


def white_light(number: int, lamp: Lamp) -> Channel:
    """One of the four channels of an RGBW2 in mode `white`, or a dimmer."""

    def tell() -> Status:
        state = {
            "ison": lamp.on,
            "source": lamp.source,
            **_timer(lamp),
            "mode": lamp.mode,
            "brightness": lamp.brightness,
            "transition": lamp.transition,
            "power": lamp.power,
            "overpower": False,
        }
        # The string is no slip: devices in this mode send it.
        return {"lights": [state], "meters": [_meter(lamp, valid="true")]}

    return Channel(lamp, number, tell, lambda name: {"lights": [{"name": name}]})


def duo(number: int, lamp: Lamp) -> Channel:
    """A bulb with two sorts of white."""

    def tell() -> Status:
        cold = round((lamp.temp - 2700) * 100 / 3800)
        state = {
            "ison": lamp.on,
            "source": lamp.source,
            **_timer(lamp),
            "brightness": lamp.brightness,
            "white": min(100, max(0, cold)),
            "temp": lamp.temp,
            "transition": lamp.transition,
        }
        return {"lights": [state], "meters": [_meter(lamp)]}

    return Channel(lamp, number, tell, lambda name: {"lights": [{"name": name}]})


def emeter(number: int, phase: Phase) -> Channel:
    """A member of `emeters`; its energy is in Wh, unlike that of `meters`."""

    def tell() -> Status:
        state = {
            "power": phase.power,
            "pf": phase.factor,
            "current": phase.current,
            "voltage": phase.voltage,
            "is_valid": True,
            "total": round(phase.energy, 1),
            "total_returned": round(phase.returned, 1),
        }
        return {"emeters": [state]}

    return Channel(phase, number, tell, lambda name: {"emeters": [{"name": name}]})


def total(phases: list[Phase]) -> Channel:
    """What all phases together draw."""

    def tell() -> Status:
        neutral = {"current": 0, "ixsum": 0, "mismatch": False, "is_valid": False}
        power = round(sum(phase.power for phase in phases), 2)
        return {"total_power": power, "emeter_n": neutral}

    return Channel(Thing(), 0, tell, _nothing)


def button(number: int, pressed: Input, *, sequences: bool = False) -> Channel:
    """A member of `inputs`; with `sequences` as an i3 has them."""

    def tell() -> Status:
        state = {"input": int(pressed.on), "event": pressed.event, "event_cnt": pressed.count}
        return {"inputs": [state | ({"last_sequence": pressed.event} if sequences else {})]}

    kind = "toggle" if pressed.kind == "switch" else "momentary"
    return Channel(
        pressed, number, tell, lambda name: {"inputs": [{"name": name, "btn_type": kind}]}
    )


def climate(room: Climate) -> Channel:
    """The readings of an H&T."""

    def tell() -> Status:
        return {
            "is_valid": True,
            "tmp": _reading(room),
            "hum": {"value": room.humidity, "is_valid": True},
            "bat": {"value": room.battery, "voltage": 2.9},
            "act_reasons": ["sensor"],
            "connect_retries": 0,
            "sensor_error": 0,
        }

    return Channel(room, 0, tell, _nothing)


def door(room: Climate) -> Channel:
    """The readings of a Door/Window 2."""

    def tell() -> Status:
        word = "dark" if room.lux < 50 else "twilight" if room.lux < 250 else "bright"
        return {
            "is_valid": True,
            "tmp": _reading(room),
            "lux": {"value": room.lux, "illumination": word, "is_valid": True},
            "accel": {"tilt": -1, "vibration": 0},
            "sensor": {"state": "open" if room.open else "close", "is_valid": True},
            "bat": {"value": room.battery, "voltage": 5.9},
            "act_reasons": ["sensor"],
            "sensor_error": 0,
        }

    return Channel(room, 0, tell, _nothing)


def _nothing(_name: str | None) -> Status:
    return {}


def _reading(room: Climate) -> Status:
    return {
        "value": room.temperature,
        "units": "C",
        "tC": room.temperature,
        "tF": fahrenheit(room.temperature),
        "is_valid": True,
    }
