"""Native calls (RPC) to Gen2+ devices, as far as simulated devices have what is called.

(Shelly docs, Gen2 component pages; error codes as the firmware gives them.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bridge.simulator.devices.base import Device, Status
from bridge.simulator.devices.heating import Thermostat
from bridge.simulator.devices.orders import (
    TURNS,
    LightOrder,
    PositionOrder,
    Reader,
    Refused,
    RelayOrder,
    RollerOrder,
    RpcError,
)
from bridge.simulator.devices.readings import Readings
from bridge.simulator.devices.shutter import Shutter
from bridge.simulator.devices.things import Lamp, Outlet, Thing
from bridge.simulator.devices.virtual import PUSHES, Button, Virtual

Json = Any

FIRST_DYNAMIC = 200
"""Ids from here on are of components that can be added and removed."""

PAGE = 5
"""Components of one answer of `Shelly.GetComponents`."""

_INVALID, _NOT_FOUND, _NO_HANDLER = -103, -105, 404


def call(device: Device, method: str, params: Json, pretend: bool) -> Json:
    """The result of a call; raises `RpcError`. With `pretend` nothing is done."""
    if params is not None and not isinstance(params, Mapping):
        raise _error(_INVALID, "params is not an object")
    reader = Reader(params or {})
    name = method.lower()
    try:
        if name in _DEVICE:
            result = _DEVICE[name](device, reader)
            reader.finish()
            return result
        if name not in _COMPONENTS:
            raise _error(_NO_HANDLER, f"No handler for {method}")
        return _COMPONENTS[name](_Call(device, name, reader, pretend))
    except Refused as error:
        raise _error(_INVALID, str(error)) from None


def _error(code: int, message: str) -> RpcError:
    return RpcError({"code": code, "message": message})


_Kind = TypeVar("_Kind", bound=Thing)


class _Call:
    """One call of one component."""

    def __init__(self, device: Device, name: str, reader: Reader, pretend: bool) -> None:
        self.device = device
        self.component, _, self.verb = name.partition(".")
        self.reader = reader
        self.pretend = pretend
        self.now = device.world.now()
        self.source = device.source

    def thing(self, kind: type[_Kind], number: int | None = None) -> _Kind:
        """What is called; `id` is read here unless a number is given."""
        wanted = self.reader.whole("id", 0, 65_535) if number is None else number
        if wanted is None:
            raise Refused("Missing required argument 'id'!")
        for channel in self.device.channels:
            thing = channel.thing
            named = channel.component == self.component and channel.number == wanted
            if named and isinstance(thing, kind):
                return thing
        raise _error(_NOT_FOUND, f"Argument 'id', value {wanted} not found!")

    def do(self, act: Callable[[], object]) -> None:
        """Carry it out, unless it is only pretended or holds what nobody knows."""
        self.reader.finish()
        if not self.pretend:
            act()


# The device as a whole.


def _status(device: Device, _reader: Reader) -> Json:
    return {key: value for key, value in device.status().items() if not _is_dynamic(key)}


def _config(device: Device, _reader: Reader) -> Json:
    return {key: value for key, value in _settings(device).items() if not _is_dynamic(key)}


def _settings(device: Device) -> Status:
    return {key: value for key, value in device.settings().items() if key != "DeviceInfo"}


def _info(device: Device, _reader: Reader) -> Json:
    return device.settings()["DeviceInfo"]


def _all_components(device: Device, reader: Reader) -> Json:
    """One page of components, with `include` of their status and config."""
    offset = reader.whole("offset", 0, 65_535) or 0
    include = reader.take("include") or []
    dynamic = reader.flag("dynamic_only") or False
    status, config = device.status(), _settings(device)
    keys = sorted(
        key
        for key in status.keys() | config.keys()
        if (":" in key or isinstance(config.get(key), dict)) and (_is_dynamic(key) or not dynamic)
    )
    attributes = {
        f"{channel.component}:{channel.number}": channel.thing.attributes
        for channel in device.channels
        if isinstance(channel.thing, Virtual) and channel.thing.attributes
    }
    found = []
    for key in keys[offset : offset + PAGE]:
        entry: Status = {"key": key}
        if "status" in include:
            entry["status"] = status.get(key) or {}
        if "config" in include:
            entry["config"] = config.get(key) or {}
        found.append(entry | ({"attrs": attributes[key]} if key in attributes else {}))
    return {"components": found, "cfg_rev": 27, "offset": offset, "total": len(keys)}


def _is_dynamic(key: str) -> bool:
    number = key.partition(":")[2]
    return number.isdecimal() and int(number) >= FIRST_DYNAMIC


_DEVICE: dict[str, Callable[[Device, Reader], Json]] = {
    "shelly.getstatus": _status,
    "shelly.getconfig": _config,
    "shelly.getdeviceinfo": _info,
    "shelly.getcomponents": _all_components,
}


# Outputs.


def _switch(call: _Call) -> Json:
    outlet = call.thing(Outlet)
    was_on = outlet.on
    turn = "toggle"
    timer = None
    if call.verb == "set":
        on = call.reader.flag("on")
        if on is None:
            raise Refused("Missing required argument 'on'!")
        turn = _turn(on)
        timer = call.reader.seconds("toggle_after")
    call.do(lambda: outlet.obey(RelayOrder(turn, timer), call.source, call.now))
    return {"was_on": was_on}


def _turn(on: bool) -> str:
    return TURNS[0] if on else TURNS[1]


def _light(call: _Call) -> Json:
    lamp = call.thing(Lamp)
    if call.verb == "toggle":
        was_on = lamp.on
        call.do(lambda: lamp.obey(LightOrder(turn="toggle"), call.source, call.now))
        return {"was_on": was_on}
    reader = call.reader
    on = reader.flag("on")
    brightness = reader.whole("brightness", 0, 100)
    temp = reader.whole("ct", 2700, 6500) if call.component == "cct" else None
    if on is None and brightness is None and temp is None:
        raise Refused("Missing required argument 'on' or 'brightness'!")
    red, green, blue = _rgb(reader) if call.component.startswith("rgb") else (None, None, None)
    white = reader.whole("white", 0, 255) if call.component == "rgbw" else None
    reader.seconds("transition_duration")
    order = LightOrder(
        turn=None if on is None else _turn(on),
        timeout=reader.seconds("toggle_after"),
        brightness=brightness,
        temp=temp,
        white=white,
        red=red,
        green=green,
        blue=blue,
    )
    call.do(lambda: lamp.obey(order, call.source, call.now))
    return None


def _rgb(reader: Reader) -> tuple[int | None, int | None, int | None]:
    value = reader.take("rgb")
    if value is None:
        return None, None, None
    if not isinstance(value, list) or len(value) != 3:
        raise Refused("rgb is not a list of three numbers")
    parts = Reader(dict(zip("rgb", value, strict=True)))
    return parts.whole("r", 0, 255), parts.whole("g", 0, 255), parts.whole("b", 0, 255)


def _cover(call: _Call) -> Json:
    shutter = call.thing(Shutter)
    reader = call.reader
    if call.verb == "gotoposition":
        order: RollerOrder | PositionOrder = PositionOrder(
            pos=reader.whole("pos", 0, 100),
            rel=reader.whole("rel", -100, 100),
            slat_pos=reader.whole("slat_pos", 0, 100),
            slat_rel=reader.whole("slat_rel", -100, 100),
        )
        if order == PositionOrder():
            raise Refused("Missing required argument 'pos' or 'rel'!")
    else:
        duration = None if call.verb == "stop" else reader.seconds("duration")
        order = RollerOrder(call.verb, duration)
    call.do(lambda: shutter.obey(order, call.source, call.now))
    return None


# Settings and values.


def _thermostat(call: _Call) -> Json:
    number = call.reader.whole("id", 0, 255)
    config = call.reader.take("config")
    if not isinstance(config, Mapping):
        raise Refused("Missing required argument 'config'!")
    wish = Reader(config)
    inner = wish.whole("id", 0, 255)
    thermostat = call.thing(Thermostat, number if number is not None else inner or 0)
    target, enabled = wish.amount("target_C", -50, 100), wish.flag("enable")
    wish.finish()
    call.do(lambda: thermostat.wish(target, enabled))
    return {"restart_required": False}


def _trv(call: _Call) -> Json:
    thermostat = call.thing(Thermostat)
    method, params = call.reader.take("method"), call.reader.take("params")
    if not isinstance(method, str) or method.lower() != "trv.settarget":
        raise _error(_NO_HANDLER, f"No handler for {method}")
    wish = Reader(params if isinstance(params, Mapping) else {})
    wish.whole("id", 0, 0)
    target = wish.amount("target_C", -50, 100)
    if target is None:
        raise Refused("Missing required argument 'target_C'!")
    wish.finish()
    call.do(lambda: thermostat.wish(target, None))
    return None


def _value(call: _Call) -> Json:
    virtual = call.thing(Virtual)
    value = call.reader.take("value")
    call.do(lambda: virtual.set(value, call.source, call.now))
    return None


def _push(call: _Call) -> Json:
    button = call.thing(Button)
    event = call.reader.word("event", PUSHES)
    if event is None:
        raise Refused("Missing required argument 'event'!")
    call.do(lambda: button.pushes.append(event))
    return None


def _mute(call: _Call) -> Json:
    alarm = call.thing(Readings)
    call.do(lambda: setattr(alarm, "mute", True))
    return None


_COMPONENTS: dict[str, Callable[[_Call], Json]] = {
    **{f"switch.{verb}": _switch for verb in ("set", "toggle")},
    **{
        f"{kind}.{verb}": _light
        for kind in ("light", "cct", "rgb", "rgbw")
        for verb in ("set", "toggle")
    },
    **{f"cover.{verb}": _cover for verb in ("open", "close", "stop", "gotoposition")},
    "thermostat.setconfig": _thermostat,
    "blutrv.call": _trv,
    **{f"{kind}.set": _value for kind in ("boolean", "number", "text", "enum")},
    "button.trigger": _push,
    "smoke.mute": _mute,
}
