"""The Integrator API in the simulated cloud: its frames, commands and actions.

(Shelly docs, Integrator API, Communication.)
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from bridge.simulator.cloud import Host
from bridge.simulator.devices.base import Device
from bridge.simulator.devices.orders import Refused
from bridge.simulator.faults import CommandFault
from bridge.simulator.wire import Wire

Json = Any


def encode(value: Json) -> bytes:
    """A message of the cloud."""
    return json.dumps(value, separators=(",", ":")).encode()


class Integrator:
    """A licensed integrator as a viewer: it sees what owners granted, one connection a host."""

    exclusive = True

    def __init__(
        self,
        tag: str,
        find: Callable[[str], Device | None],
        lock: AbstractContextManager[object],
    ) -> None:
        """`find` gives the device of an id as frames carry it."""
        self.name = tag
        self._find = find
        self._lock = lock

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
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = None
        event = message.get("event") if isinstance(message, dict) else None
        with self._lock:
            if event == "Shelly:CommandRequest":
                self._command(host, wire, message)
            elif event == "Integrator:ActionRequest":
                self._action(host, wire, message)
            else:
                host.counters.bad_messages += 1
                wire.send(encode({"event": "Error", "message": "unknown event"}))

    # Commands.

    def _command(self, host: Host, wire: Wire, message: Mapping[str, Json]) -> None:
        host.counters.commands += 1
        trid, device_id, data = (message.get(key) for key in ("trid", "deviceId", "data"))
        if not _is_number(trid) or not isinstance(data, Mapping):
            host.counters.bad_messages += 1
            wire.send(encode({"event": "Error", "message": "malformed command"}))
            return
        device = self._find(str(device_id))
        fault = host.faults.commands
        if device is not None and device.command_fault is not None:
            fault = device.command_fault
        if fault is CommandFault.IGNORE:
            return
        refusal = self._carry_out(host, device, data, trid, fault)
        result: dict[str, Json] = {"isok": refusal is None}
        if refusal is not None:
            result["res"] = str(refusal)
        answer = {
            "event": "Shelly:CommandResponse",
            "trid": trid,
            "deviceId": device_id,
            "user": 0 if device is None else device.identity.user,
            "data": result,
        }

        def send() -> None:
            if fault is not CommandFault.LOSE_ANSWER:
                wire.send(encode(answer))
            if device is not None and refusal is None:
                with self._lock:
                    device.publish()

        host.answer(send)

    def _carry_out(
        self,
        host: Host,
        device: Device | None,
        data: Mapping[str, Json],
        trid: Json,
        fault: CommandFault,
    ) -> Refused | None:
        if device is None or device.host != host.name or not device.granted:
            return Refused("unknown device")
        if not device.control:
            return Refused("no permission to control this device")
        if not device.online:
            return Refused("device is offline")
        if fault is CommandFault.REFUSE:
            return Refused("the device failed to carry it out")
        pretend = fault is CommandFault.PRETEND
        return device.execute(data.get("cmd"), data.get("params"), trid, pretend=pretend)

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
        good = seen is not None and bool(device_id) and _is_number(message.get("trid"))

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


def _is_number(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
