"""The channels of Gen2+ devices: how each thing is told as components `<type>:<id>`, in Wh.

(Shelly docs, Gen2 component pages; `v_eve:N` is the cloud's.)
"""

from __future__ import annotations

from bridge.simulator.devices.base import Channel, Status
from bridge.simulator.devices.shutter import CLOSING, OPENING, RESTING, Shutter
from bridge.simulator.devices.things import (
    Climate,
    Input,
    Lamp,
    Outlet,
    Phase,
    Thing,
    fahrenheit,
)

_LAST = {OPENING: "open", CLOSING: "close"}


def _energy(outlet: Outlet | Shutter) -> Status:
    minute = round(outlet.power * 1000 / 60, 3)
    last = [minute, minute, minute]
    return {"total": round(outlet.energy, 3), "by_minute": last, "minute_ts": outlet.minute}


def _measured(outlet: Outlet) -> Status:
    told: Status = {
        "apower": outlet.power,
        "voltage": outlet.voltage,
        "current": outlet.current,
        "aenergy": _energy(outlet),
        "temperature": {"tC": outlet.warmth, "tF": fahrenheit(outlet.warmth)},
    }
    if outlet.timer_started is not None:
        told["timer_started_at"] = round(outlet.timer_started, 2)
        told["timer_duration"] = round(outlet.timer_seconds)
    return told


def switch(number: int, outlet: Outlet, *, both_ways: bool = False) -> Channel:
    """A `switch` that measures, with `both_ways` also what flows back."""
    key = f"switch:{number}"

    def tell() -> Status:
        state = {"id": number, "source": outlet.source, "output": outlet.on, **_measured(outlet)}
        if both_ways:
            state |= {"freq": 50, "pf": 1 if outlet.power else 0}
            state["ret_aenergy"] = {"total": 0, "by_minute": [0, 0, 0], "minute_ts": outlet.minute}
        return {key: state}

    def configure(name: str | None) -> Status:
        return {key: {"id": number, "name": name, "in_mode": "follow", "power_limit": 4480}}

    return Channel(outlet, number, tell, configure, "switch")


def light(kind: str, number: int, lamp: Lamp) -> Channel:
    """A `light`, `rgb`, `rgbw` or `cct`."""
    key = f"{kind}:{number}"

    def tell() -> Status:
        state: Status = {
            "id": number,
            "source": lamp.source,
            "output": lamp.on,
            "brightness": lamp.brightness,
        }
        if kind.startswith("rgb"):
            state["rgb"] = list(lamp.rgb)
        if kind == "rgbw":
            state["white"] = lamp.white
        if kind == "cct":
            state["ct"] = lamp.temp
        return {key: state | _measured(lamp)}

    def configure(name: str | None) -> Status:
        config: Status = {"id": number, "name": name, "initial_state": "restore_last"}
        if kind == "cct":
            config["ct_range"] = [2700, 6500]
        return {key: config}

    return Channel(lamp, number, tell, configure, kind)


def cover(number: int, shutter: Shutter) -> Channel:
    """A `cover`, calibrated or not."""
    key = f"cover:{number}"

    def tell() -> Status:
        state: Status = {
            "id": number,
            "source": shutter.source,
            "state": _cover_state(shutter),
            "apower": shutter.power,
            "voltage": shutter.voltage,
            "current": round(shutter.power / shutter.voltage, 3),
            "pf": 0.97 if shutter.power else 0,
            "freq": 50,
            "aenergy": _energy(shutter),
            "temperature": {"tC": shutter.warmth, "tF": fahrenheit(shutter.warmth)},
            "pos_control": shutter.calibrated,
            "last_direction": _LAST.get(shutter.last_direction or 0),
            "current_pos": shutter.shown if shutter.calibrated else None,
            "target_pos": shutter.target,
        }
        if shutter.slat is not None:
            state["slat_pos"] = shutter.slat
        if shutter.direction:
            state["move_timeout"] = shutter.travel
            state["move_started_at"] = round(shutter.started, 2)
        if shutter.stop_reason == "obstacle":
            state["errors"] = ["obstruction"]
        return {key: state}

    def configure(name: str | None) -> Status:
        longest = shutter.travel
        return {
            key: {
                "id": number,
                "name": name,
                "maxtime_open": longest,
                "maxtime_close": longest,
                "slat": {"enable": shutter.slat is not None},
            }
        }

    return Channel(shutter, number, tell, configure, "cover")


def _cover_state(shutter: Shutter) -> str:
    if shutter.direction != RESTING:
        return "opening" if shutter.direction == OPENING else "closing"
    if shutter.position in (0, 100):
        return "open" if shutter.position else "closed"
    return "stopped"


def input_(number: int, pressed: Input) -> Channel:
    """An `input`; presses of a button are told in the cloud's `v_eve`."""
    key = f"input:{number}"

    def tell() -> Status:
        if pressed.kind == "switch":
            return {key: {"id": number, "state": pressed.on}}
        return {key: {"id": number, "state": None}} | press(number, pressed)

    def configure(name: str | None) -> Status:
        return {key: {"id": number, "name": name, "type": pressed.kind, "enable": True}}

    return Channel(pressed, number, tell, configure)


def press(number: int, pressed: Input) -> Status:
    """The cloud's pseudo component of a button; `ev` is empty when nothing happens."""
    idle = not pressed.event
    return {f"v_eve:{number}": {"id": number, "ev": pressed.event, "ttl": 0 if idle else 1}}


def energy_meter(phases: tuple[Phase, Phase, Phase]) -> list[Channel]:
    """An `em:0` with its `emdata:0`: three phases of one house."""

    def tell_em() -> Status:
        state: Status = {"id": 0}
        for letter, phase in zip("abc", phases, strict=True):
            state |= {
                f"{letter}_current": phase.current,
                f"{letter}_voltage": phase.voltage,
                f"{letter}_act_power": phase.power,
                f"{letter}_aprt_power": phase.apparent,
                f"{letter}_pf": phase.factor,
                f"{letter}_freq": 50,
            }
        return {
            "em:0": state
            | {
                "n_current": None,
                "total_current": round(sum(phase.current for phase in phases), 3),
                "total_act_power": round(sum(phase.power for phase in phases), 1),
                "total_aprt_power": round(sum(phase.apparent for phase in phases), 1),
                "user_calibrated_phase": [],
            }
        }

    def tell_data() -> Status:
        state: Status = {"id": 0}
        for letter, phase in zip("abc", phases, strict=True):
            state[f"{letter}_total_act_energy"] = round(phase.energy, 2)
            state[f"{letter}_total_act_ret_energy"] = round(phase.returned, 2)
        return {
            "emdata:0": state
            | {
                "total_act": round(sum(phase.energy for phase in phases), 2),
                "total_act_ret": round(sum(phase.returned for phase in phases), 2),
            }
        }

    def tell_warmth() -> Status:
        return {"temperature:0": {"id": 0, "tC": 49.6, "tF": 121.3}}

    return [
        *(Channel(phase, number, dict, _nothing) for number, phase in enumerate(phases)),
        Channel(Thing(), 0, tell_em, lambda name: {"em:0": {"id": 0, "name": name}}),
        Channel(Thing(), 0, tell_data, _nothing),
        Channel(Thing(), 0, tell_warmth, _nothing),
    ]


def _nothing(_name: str | None) -> Status:
    return {}


def climate(room: Climate, *, external: bool = True) -> Channel:
    """`temperature:0`, `humidity:0` and `devicepower:0`."""

    def tell() -> Status:
        power: Status = {"id": 0, "battery": {"V": 5.4, "percent": room.battery}}
        if external:
            power["external"] = {"present": False}
        warm = {"id": 0, "tC": room.temperature, "tF": fahrenheit(room.temperature)}
        return {
            "temperature:0": warm,
            "humidity:0": {"id": 0, "rh": room.humidity},
            "devicepower:0": power,
        }

    return Channel(room, 0, tell, lambda name: {"temperature:0": {"id": 0, "name": name}})
