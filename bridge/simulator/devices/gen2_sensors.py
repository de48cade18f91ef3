"""Gen2+ devices that tell more than they switch: alarms, meters, gateways, services.

(Shelly docs, Gen2 component pages.)
"""

from __future__ import annotations

from bridge.simulator.devices import virtual
from bridge.simulator.devices.base import Channel, Status
from bridge.simulator.devices.gen2_channels import input_, switch
from bridge.simulator.devices.heating import Thermostat, blu_trv, wall_display
from bridge.simulator.devices.readings import Readings, battery, component, nothing
from bridge.simulator.devices.things import Input, Outlet, Phase, Thing, fahrenheit

_ADDRESS = "7c:c6:b6:00:01:0b"
_HEARD = 1_800_000_000
"""When BLE devices were heard last (unix s)."""


def smoke() -> list[Channel]:
    """A smoke detector."""
    alarm = Readings({"alarm": False, "mute": False})
    return [component("smoke", 0, alarm), battery(100, 2.98)]


def flood() -> list[Channel]:
    """A flood sensor with a cable."""
    alarm = Readings({"alarm": False, "mute": False, "errors": []})
    return [component("flood", 0, alarm), battery(81, 2.95)]


def presence() -> list[Channel]:
    """A presence sensor with one zone."""
    return [
        component("illuminance", 0, Readings({"lux": 210, "illumination": "twilight"}, lux=60)),
        component("presencezone", 200, Readings({"value": False, "num_objects": 0})),
    ]


def power_meter() -> list[Channel]:
    """A `pm1`."""
    values = {
        **{"voltage": 231.4, "current": 1.52, "apower": 344.1, "aprtpower": 351.7},
        **{"pf": 0.98, "freq": 50.0},
    }
    meter = Readings(values, voltage=3.0, current=0.1, apower=20.0)
    counted = {"total": 18_322.4, "by_minute": [5_735.0, 5_711.2, 5_702.9], "minute_ts": _HEARD}
    back = {"total": 0.0, "by_minute": [0.0, 0.0, 0.0], "minute_ts": _HEARD}

    def tell() -> Status:
        energy = {"aenergy": counted, "ret_aenergy": back}
        return {"pm1:0": {"id": 0, **meter.values(), **energy}}

    return [Channel(meter, 0, tell, lambda name: {"pm1:0": {"id": 0, "name": name}})]


def two_clamps() -> list[Channel]:
    """Two `em1` with their `em1data`, and a contactor."""
    clamps = [
        channel
        for number, phase in enumerate((Phase(510.0, 9_321.4), Phase(-320.0, 12.5)))
        for channel in _clamp(number, phase)
    ]
    return [*clamps, switch(0, Outlet(0.0))]


def _clamp(number: int, phase: Phase) -> list[Channel]:
    def tell() -> Status:
        return {
            f"em1:{number}": {
                "id": number,
                "voltage": phase.voltage,
                "current": phase.current,
                "act_power": phase.power,
                "aprt_power": phase.apparent,
                "pf": phase.factor,
                "freq": 50,
                "calibration": "factory",
            }
        }

    def tell_data() -> Status:
        total = round(phase.energy, 2), round(phase.returned, 2)
        counted = {"total_act_energy": total[0], "total_act_ret_energy": total[1]}
        return {f"em1data:{number}": {"id": number, **counted}}

    return [
        Channel(phase, number, tell, lambda name: {f"em1:{number}": {"id": number, "name": name}}),
        Channel(Thing(), number, tell_data, nothing),
    ]


def breaker() -> list[Channel]:
    """A circuit breaker."""
    state = Readings({"output": True, "source": "local", "safety": False, "total_cycles": 11})

    def tell() -> Status:
        warm = {"tC": 41.2, "tF": fahrenheit(41.2)}
        return {"cb:0": {"id": 0, **state.values(), "temperature": warm}}

    return [
        Channel(state, 0, tell, lambda name: {"cb:0": {"id": 0, "name": name}}),
        component("voltmeter", 0, Readings({"voltage": 232.9}, voltage=2.0)),
    ]


def scent() -> list[Channel]:
    """A scent diffuser."""
    levels = Readings({"left": 74, "right": 12, "on": False})

    def slot(side: str) -> Status:
        vial = {"level": levels.values()[side], "name": "Example", "serial": "0000"}
        lit = levels.values()["on"] and side == "left"
        return {"on": lit, "intensity": 50, "boost": None, "timer": None, "vial": vial}

    def tell() -> Status:
        slots = {side: slot(side) for side in ("left", "right")}
        return {"cury:0": {"id": 0, "mode": None, "away_mode": False, "slots": slots}}

    return [Channel(levels, 0, tell, lambda name: {"cury:0": {"id": 0, "name": name}})]


def universal() -> list[Channel]:
    """Two outputs without meters, two inputs, a counter, and an add-on's probes."""
    pulses = Readings({"total": 417_350, "freq": 13.0}, freq=2.0)

    def count() -> Status:
        counts = {"total": pulses.values()["total"], "by_minute": [19, 27, 18]}
        counter = {"counts": counts | {"minute_ts": _HEARD}, "freq": pulses.values()["freq"]}
        return {"input:2": {"id": 2, **counter}}

    def configure(name: str | None) -> Status:
        return {"input:2": {"id": 2, "name": name, "type": "count", "enable": True}}

    warmth = Readings({"tC": 31.2, "tF": 88.2})
    return [
        switch(0, Outlet(0.0)),
        switch(1, Outlet(0.0)),
        input_(0, Input("switch")),
        input_(1, Input("button", fades=True)),
        Channel(pulses, 2, count, configure),
        component("temperature", 100, warmth),
        component("humidity", 100, Readings({"rh": 55.0}, rh=2.0)),
        component("voltmeter", 100, Readings({"voltage": 4.91, "xvoltage": None}, voltage=0.1)),
        component("input", 100, Readings({"percent": 47.2}, percent=3.0), type="analog"),
    ]


def wall_panel() -> list[Channel]:
    """A Wall Display that heats by its own relay."""
    room = Readings({"tC": 21.6, "tF": 70.9})
    return [
        switch(0, Outlet(0.0)),
        input_(0, Input("switch")),
        wall_display(0, Thermostat()),
        component("temperature", 0, room),
        component("humidity", 0, Readings({"rh": 44.0}, rh=2.0)),
        component("illuminance", 0, Readings({"lux": 180, "illumination": "twilight"}, lux=60)),
    ]


def with_virtual() -> list[Channel]:
    """A relay with a virtual component of every kind."""
    outlet = Outlet(1200.0)
    modes = {"eco": "Economy", "comfort": "Comfort", "away": "Nobody at home"}
    return [
        switch(0, outlet),
        input_(0, Input("switch", follower=outlet)),
        virtual.boolean(200, "Holiday", False, ("no", "yes")),
        virtual.boolean(201, "Window", True, ("shut", "open"), view="label", access="cr"),
        virtual.number(200, "Setpoint", 40, (0, 100), "%"),
        virtual.measured(201, "Pressure", 1.4, (0, 6), "bar", None, 0.1),
        virtual.text(200, "Note", "hello"),
        virtual.enum(200, "Mode", "eco", modes),
        virtual.button(200, "Refill"),
        virtual.group(200, "Boiler", "boolean:200", "number:200", "enum:200"),
    ]


def service_thermostat() -> list[Channel]:
    """A room thermostat made of virtual components that a service owns."""
    span = (15, 40)
    return [
        virtual.measured(201, "Current temperature", 22.3, span, "°C", "current_temperature", 0.4),
        virtual.measured(200, "Current humidity", 41, (0, 100), "%", "current_humidity", 2.0),
        virtual.number(
            *(202, "Target temperature", 23.5, span, "°C"), step=0.5, role="target_temperature"
        ),
        virtual.boolean(202, "Enable thermostat", True, role="enable"),
        virtual.service(),
    ]


def gateway() -> list[Channel]:
    """A gateway with a BLU H&T as BTHome objects, and a BLU TRV."""
    heard = {"packet_id": 71, "last_updated_ts": _HEARD, "paired": True, "rpc": False, "rsv": -1}
    device = Readings({"rssi": -58, "battery": 97, **heard, "fw_ver": None}, rssi=4)
    return [
        blu_trv(200, Thermostat(20.0, (4.0, 30.0))),
        component("bthomedevice", 200, device, addr=_ADDRESS, key=None, meta=None),
        _object(200, 1, 97, 0.0),
        _object(201, 46, 47.0, 2.0),
        _object(202, 69, 23.4, 0.4),
    ]


def _object(number: int, object_id: int, value: float, swing: float) -> Channel:
    sensed = Readings({"value": value, "last_updated_ts": _HEARD}, value=swing)
    config = {"addr": _ADDRESS, "obj_id": object_id, "idx": 0, "meta": None}
    return component("bthomesensor", number, sensed, **config)
