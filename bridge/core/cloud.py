"""The frames of Shelly's cloud sockets, to events and from commands.

The Integrator API names the device in `deviceId`, the account API in `device.id`; the rest is
the same. (Shelly docs, Integrator API, Communication; Cloud Control API, Real Time Events.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.core import jsontext, rpc
from bridge.core.commands import (
    Command,
    LightCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
)
from bridge.core.effects import SendCommand
from bridge.core.events import CommandAnswered, OnlineReported, SettingsReported, StatusReported
from bridge.core.ids import cloud_id, device_from_cloud
from bridge.core.model import DeviceId, Json, LinkId
from bridge.errors import FrameError

HIGHEST_REQUEST = 2**30 - 1
"""Commands take the numbers up to here as `trid`, actions those above."""

_TEXT_LIMIT = 300
_UP_DOWN = {"open": "up", "close": "down"}
_HEX_BYTE = re.compile(r"[0-9A-Fa-f]{1,4}")


@dataclass(frozen=True, slots=True)
class ActionAnswered:
    """The cloud's answer to `DeviceVerify` or `DeviceGetSettings`.

    `result` is Shelly's word (`OK`, `UNAUTHORIZED`, `WRONG_HOST`, …); `control` is None where the
    answer does not tell; `status` and `settings` come only from devices that are online.
    """

    device: DeviceId
    request: Json
    result: str
    control: bool | None = None
    code: str | None = None
    status: dict[str, Json] | None = None
    settings: dict[str, Json] | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class CloudError:
    """The cloud complained: `{"event": "Error"}`."""

    text: str


Decoded = (
    StatusReported | SettingsReported | OnlineReported | CommandAnswered | ActionAnswered
) | CloudError


def decode(data: bytes, link: LinkId) -> Decoded:
    """The event of a frame; raises `FrameError` for everything that is not one."""
    frame = jsontext.parse_object(data)
    event = frame.get("event")
    match event:
        case "Shelly:StatusOnChange":
            status = _object(frame, "status")
            return StatusReported(link, _device(frame), status, code=_code(frame))
        case "Shelly:Online":
            return OnlineReported(link, _device(frame), _flag(frame, "online"))
        case "Shelly:Settings":
            return SettingsReported(link, _device(frame), _object(frame, "settings"))
        case "Shelly:CommandResponse":
            return _command_answer(frame, link)
        case "Shelly:JrpcResponse":
            return _call_answer(frame, link)
        case "Integrator:ActionResponse":
            return _action_answer(frame)
        case "Error":
            return CloudError(_text(frame.get("message")) or "no text")
    if not isinstance(event, str):
        raise FrameError("no_event", "a frame has no event")
    raise FrameError("unknown_event", f"unknown event {event[:60]!r}")


def _device(frame: Mapping[str, Json]) -> DeviceId:
    device = frame.get("device")
    if isinstance(device, Mapping):
        return device_from_cloud(device.get("id"))
    return device_from_cloud(frame.get("deviceId"))


def _code(frame: Mapping[str, Json]) -> str | None:
    device = frame.get("device")
    return _text(device.get("code")) if isinstance(device, Mapping) else None


def _object(frame: Mapping[str, Json], key: str) -> dict[str, Json]:
    value = frame.get(key)
    if value == []:
        return {}
    if not isinstance(value, dict):
        raise FrameError(f"{key}_missing", f"{key} is not an object")
    return value


def _flag(frame: Mapping[str, Json], key: str) -> bool:
    value = frame.get(key)
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise FrameError(f"{key}_missing", f"{key} is neither 0 nor 1")


def _text(value: Json) -> str | None:
    return value[:_TEXT_LIMIT] if isinstance(value, str) else None


def _command_answer(frame: Mapping[str, Json], link: LinkId) -> CommandAnswered:
    request = frame.get("trid")
    data = frame.get("data")
    if not isinstance(request, int) or request is True or not isinstance(data, Mapping):
        raise FrameError("bad_answer", "a command's answer has no trid or no data")
    return CommandAnswered(link, request, data.get("isok") is True, _text(data.get("res")))


def _call_answer(frame: Mapping[str, Json], link: LinkId) -> CommandAnswered:
    """The answer to a native call: a `result`, which may be null, or an `error`."""
    request = frame.get("trid")
    response = frame.get("response")
    if not isinstance(request, int) or request is True or not isinstance(response, Mapping):
        raise FrameError("bad_answer", "a call's answer has no trid or no response")
    error = response.get("error")
    if error is None and "result" not in response:
        raise FrameError("bad_answer", "a call's answer has neither result nor error")
    return CommandAnswered(link, request, error is None, rpc_error(error))


def rpc_error(error: Json) -> str | None:
    """What a native call's `error` says: `code: message`, or the text that it is.

    (Shelly docs, Gen2 RPC protocol; the cloud itself answers with a plain text.)
    """
    if isinstance(error, Mapping):
        parts = [error.get("code"), error.get("message")]
        told = [str(part) for part in parts if isinstance(part, int | str) and part is not True]
        return ": ".join(told)[:_TEXT_LIMIT] or None
    return _text(error)


def _action_answer(frame: Mapping[str, Json]) -> ActionAnswered:
    data = frame.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("result"), str):
        raise FrameError("bad_answer", "an action's answer has no result")
    groups = data.get("accessGroups")
    status, settings = data.get("deviceStatus"), data.get("deviceSettings")
    return ActionAnswered(
        device=device_from_cloud(data.get("deviceId")),
        request=frame.get("trid"),
        result=data["result"][:40],
        control=None if groups is None else grants_control(groups),
        code=_text(data.get("deviceCode")),
        status=status if isinstance(status, dict) else None,
        settings=settings if isinstance(settings, dict) else None,
        host=_text(data.get("host")),
    )


def grants_control(groups: Json) -> bool:
    """Whether `accessGroups`, a hex byte as text, allows control (bit 0).

    Raises `FrameError` when it is not a hex byte.
    """
    if isinstance(groups, str) and _HEX_BYTE.fullmatch(groups):
        return bool(int(groups, 16) & 1)
    raise FrameError("access_groups", "accessGroups is not a hex byte")


def encode_command(send: SendCommand, *, up_down: bool = False) -> str:
    """The frame of a command: `Shelly:CommandRequest`, or `Shelly:JrpcRequest` if it is native.

    With `up_down` a roller goes `up` and `down` instead of `open` and `close`: Shelly's pages
    differ in that, and so do its servers. Raises `ValueError` for what neither has words for.
    """
    if send.native:
        method, parameters = rpc.encode(send)
        return jsontext.dump(
            {
                "event": "Shelly:JrpcRequest",
                "trid": send.request,
                "deviceId": cloud_id(send.device),
                "method": method,
                "params": parameters,
            }
        )
    name, parameters = _parameters(send.command, gen1=send.target.component == "lights")
    if up_down and name == "roller":
        parameters["go"] = _UP_DOWN.get(parameters["go"], parameters["go"])
    return jsontext.dump(
        {
            "event": "Shelly:CommandRequest",
            "trid": send.request,
            "deviceId": cloud_id(send.device),
            "data": {"cmd": name, "params": {"id": send.target.number, **parameters}},
        }
    )


def encode_action(action: str, device: DeviceId, request: int) -> str:
    """The `Integrator:ActionRequest` frame of `DeviceVerify` or `DeviceGetSettings`."""
    return jsontext.dump(
        {
            "event": "Integrator:ActionRequest",
            "trid": request,
            "data": {"action": action, "deviceId": cloud_id(device)},
        }
    )


def _parameters(command: Command, *, gen1: bool) -> tuple[str, dict[str, Json]]:
    if isinstance(command, RelayCommand):
        return "relay", _given(turn=command.turn.value, timeout=rpc.shortest(command.timer))
    if isinstance(command, LightCommand):
        return "light", _light(command, gen1=gen1)
    if isinstance(command, RollerCommand):
        return "roller", _given(go=command.go.value, duration=rpc.shortest(command.duration))
    if isinstance(command, RollerPosition):
        return "roller_to_pos", _given(
            pos=command.position,
            rel=command.relative,
            slat_pos=command.slat_position,
            slat_rel=command.slat_relative,
        )
    raise ValueError(f"the cloud has no words for a {type(command).__name__}")


def _light(command: LightCommand, *, gen1: bool) -> dict[str, Json]:
    """Gen1's words; a colour's brightness is its `gain`, and for Gen2+ the brightness as well."""
    red, green, blue = command.color or (None, None, None)
    mode = None
    if command.color is not None or (command.effect and command.color_temp is None):
        # Effects are of colours; in white one would be taken and not be seen.
        mode = "color"
    elif command.color_temp is not None:
        mode = "white"
    return _given(
        turn=command.turn.value if command.turn else None,
        mode=mode,
        brightness=None if command.colored and gen1 else command.brightness,
        gain=command.brightness if command.colored else None,
        temp=command.color_temp,
        red=red,
        green=green,
        blue=blue,
        white=command.white,
        effect=command.effect,
        transition=None if command.transition is None else round(command.transition * 1000),
        timeout=rpc.shortest(command.timer),
    )


def _given(**parameters: Json) -> dict[str, Json]:
    return {key: value for key, value in parameters.items() if value is not None}
