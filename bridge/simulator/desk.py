"""Commands and RPC that come by a cloud socket: checked, handed to the device, answered.

Both of Shelly's APIs word them alike; who may do what is the viewer's business.
(Shelly docs, Integrator API, Communication; vendor's example ALLTERCO/ushelly for RPC.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from bridge.simulator.cloud import Host
from bridge.simulator.devices.base import Device
from bridge.simulator.devices.orders import OPEN_CLOSE, Refused, RpcError, Words
from bridge.simulator.faults import CommandFault
from bridge.simulator.wire import Wire

Json = Any

Find = Callable[[str], Device | None]
"""Gives the device of an id as frames carry it."""

Allow = Callable[[Device], Refused | None]
"""Whether a viewer may command a device that is there."""

UNAUTHORIZED = "UNAUTHORIZED"
WRONG_ID = "WRONG_ID"

_OFFLINE = {"code": -114, "message": "Resource unavailable: the device is offline"}
_FAILED = {"code": -109, "message": "Precondition failed"}


def encode(value: Json) -> bytes:
    """A message of the cloud."""
    return json.dumps(value, separators=(",", ":")).encode()


def decode(data: bytes) -> Mapping[str, Json]:
    """A viewer's message; empty if it is not a JSON object."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def complain(host: Host, wire: Wire, text: str) -> None:
    """Answer a message that is not as documented, and count it."""
    host.counters.bad_messages += 1
    wire.send(encode({"event": "Error", "message": text}))


def is_number(value: Json) -> bool:
    """Whether it can be a `trid`."""
    return isinstance(value, int) and not isinstance(value, bool)


class Desk:
    """Takes commands; call it with the world's lock held."""

    def __init__(self, find: Find, lock: AbstractContextManager[object], allow: Allow) -> None:
        self._find = find
        self._lock = lock
        self._allow = allow

    def command(
        self, host: Host, wire: Wire, message: Mapping[str, Json], words: Words = OPEN_CLOSE
    ) -> None:
        """`Shelly:CommandRequest`; `words` are those of the roller that are accepted."""
        host.counters.commands += 1
        trid, device_id, data = (message.get(key) for key in ("trid", "deviceId", "data"))
        if not is_number(trid) or not isinstance(data, Mapping):
            complain(host, wire, "malformed command")
            return
        device = self._find(str(device_id))
        fault = _fault(host, device)
        if fault is CommandFault.IGNORE:
            return
        refusal = self._refusal(host, device, fault)
        if device is not None and refusal is None:
            pretend = fault is CommandFault.PRETEND
            cmd, params = data.get("cmd"), data.get("params")
            refusal = device.execute(cmd, params, trid, pretend=pretend, words=words)
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
        self._answer(host, wire, answer, fault, device if refusal is None else None)

    def rpc(
        self, host: Host, wire: Wire, message: Mapping[str, Json], refused: Json = None
    ) -> None:
        """`Shelly:JrpcRequest`; `refused` is the error that everybody gets, None if nobody."""
        host.counters.rpcs += 1
        trid, device_id, method = (message.get(key) for key in ("trid", "deviceId", "method"))
        if not (is_number(trid) or isinstance(trid, str)) or not isinstance(method, str):
            complain(host, wire, "malformed request")
            return
        device = self._find(str(device_id))
        fault = _fault(host, device)
        if fault is CommandFault.IGNORE:
            return
        done = None
        try:
            if refused is not None:
                raise RpcError(refused)
            done = self._rpc_device(host, device, fault)
            pretend = fault is CommandFault.PRETEND
            params = message.get("params")
            response = {"result": done.call(method, params, trid, pretend=pretend)}
        except RpcError as error:
            done = None
            response = {"error": error.answer}
        event = "Shelly:JrpcResponse"
        answer = {"event": event, "trid": trid, "deviceId": device_id, "response": response}
        self._answer(host, wire, answer, fault, done)

    def _answer(
        self,
        host: Host,
        wire: Wire,
        answer: Json,
        fault: CommandFault,
        changed: Device | None,
    ) -> None:
        """Send an answer, then have the device that was `changed` tell its new state."""

        def send() -> None:
            if fault is not CommandFault.LOSE_ANSWER:
                wire.send(encode(answer))
            if changed is not None:
                with self._lock:
                    changed.publish()

        host.answer(send)

    def _refusal(self, host: Host, device: Device | None, fault: CommandFault) -> Refused | None:
        if device is None or device.host != host.name:
            return Refused("unknown device")
        forbidden = self._allow(device)
        if forbidden is not None:
            return forbidden
        if not device.online:
            return Refused("device is offline")
        if fault is CommandFault.REFUSE:
            return Refused("the device failed to carry it out")
        return None

    def _rpc_device(self, host: Host, device: Device | None, fault: CommandFault) -> Device:
        if device is None or device.host != host.name or self._allow(device) is not None:
            raise RpcError(WRONG_ID)
        if not device.online:
            raise RpcError(_OFFLINE)
        if fault is CommandFault.REFUSE:
            raise RpcError(_FAILED)
        return device


def _fault(host: Host, device: Device | None) -> CommandFault:
    if device is not None and device.command_fault is not None:
        return device.command_fault
    return host.faults.commands
