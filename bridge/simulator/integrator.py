"""The Integrator API in the simulated cloud: its frames, commands and actions.

(Shelly docs, Integrator API, Communication.)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from bridge.simulator.cloud import Host
from bridge.simulator.desk import (
    UNAUTHORIZED,
    Desk,
    Find,
    complain,
    decode,
    encode,
    is_number,
)
from bridge.simulator.devices.base import Device
from bridge.simulator.devices.orders import Refused
from bridge.simulator.wire import Wire

Json = Any


class Integrator:
    """A licensed integrator as a viewer: it sees what owners granted, one connection a host."""

    exclusive = True

    def __init__(self, tag: str, find: Find, lock: AbstractContextManager[object]) -> None:
        """`find` gives the device of an id as frames carry it."""
        self.name = tag
        self._find = find
        self._lock = lock
        self._desk = Desk(find, lock, _allow)

    def opened(self, _wire: Wire) -> None:
        """See `Viewer`; a connection outlives its token."""

    def sees(self, device: Device) -> bool:
        """Whether the owner granted it."""
        return device.granted

    def status_frame(self, device: Device, status: Json) -> bytes:
        """`Shelly:StatusOnChange`."""
        event = "Shelly:StatusOnChange"
        return encode({"event": event, "deviceId": device.id, "status": status})

    def settings_frame(self, device: Device) -> bytes:
        """`Shelly:Settings`."""
        event = "Shelly:Settings"
        return encode({"event": event, "deviceId": device.id, "settings": device.settings()})

    def online_frame(self, device: Device, online: bool) -> bytes:
        """`Shelly:Online`."""
        return encode({"event": "Shelly:Online", "deviceId": device.id, "online": int(online)})

    def on_message(self, host: Host, wire: Wire, data: bytes) -> None:
        """A command or an action; anything else is answered with an error."""
        message = decode(data)
        with self._lock:
            match message.get("event"):
                case "Shelly:CommandRequest":
                    self._desk.command(host, wire, message)
                case "Shelly:JrpcRequest":
                    # Seen with a real licence, although it may control.
                    self._desk.rpc(host, wire, message, UNAUTHORIZED)
                case "Integrator:ActionRequest":
                    self._action(host, wire, message)
                case _:
                    complain(host, wire, "unknown event")

    # Actions.

    def _action(self, host: Host, wire: Wire, message: Mapping[str, Json]) -> None:
        data = message.get("data")
        action = data.get("action") if isinstance(data, Mapping) else None
        device_id = str(data.get("deviceId", "")) if isinstance(data, Mapping) else ""
        seen = {
            "DeviceVerify": host.counters.verifies,
            "DeviceGetSettings": host.counters.settings_asked,
        }.get(action if isinstance(action, str) else "")
        if seen is not None:
            seen.append((time.monotonic(), device_id))
        if host.faults.no_verify:
            return
        good = seen is not None and bool(device_id) and is_number(message.get("trid"))

        def send() -> None:
            # What counts is what is true when the answer leaves.
            with self._lock:
                result = {"result": "WRONG_API_PARAMETERS"}
                if good:
                    result = self._result(host, device_id, settings=action != "DeviceVerify")
                answer = {
                    "event": "Integrator:ActionResponse",
                    "trid": message.get("trid"),
                    "user": self.name,
                    "data": result,
                }
                wire.send(encode(answer))
                host.counters.actions_answered += 1

        host.answer(send)

    def _result(self, host: Host, device_id: str, *, settings: bool) -> dict[str, Json]:
        device = self._find(device_id)
        if device is None or not device.granted:
            return {"result": "UNAUTHORIZED", "deviceId": device_id}
        if device.host != host.name:
            return {"result": "WRONG_HOST", "deviceId": device_id, "host": device.host}
        result: dict[str, Json] = {
            "result": "OK",
            "deviceId": device_id,
            "deviceType": device.identity.type,
            "deviceCode": device.code,
            "accessGroups": "01" if device.control else "00",
        }
        if device.online and settings:
            result["deviceSettings"] = device.settings()
        elif device.online:
            result["deviceStatus"] = device.status()
        return result


def _allow(device: Device) -> Refused | None:
    if not device.granted:
        return Refused("unknown device")
    return None if device.control else Refused("no permission to control this device")
