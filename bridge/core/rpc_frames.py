"""The frames that Gen2+ devices send on connections of their own, and those that they take.

(Shelly docs, Gen2 RPC protocol, Notifications, Authentication; what may be missing or null is as
the devices' captures show it.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.core import jsontext
from bridge.core.ids import device_from_hex
from bridge.core.kinds.convert import text
from bridge.core.merge import weight
from bridge.core.model import DeviceId, Json
from bridge.errors import FrameError

SOURCE = "shelly-bridge"
"""How we call ourselves; devices send it back as `dst`."""

MOST_EVENTS = 64
"""Events of one frame that are looked at."""

_NAMED = re.compile(r"[A-Za-z0-9_-]{1,64}-([0-9A-Fa-f]{6,16})", re.ASCII)
_COMPONENT = re.compile(r"[a-z][a-z0-9_]{0,31}:[0-9]{1,6}", re.ASCII)

_PRESSED = frozenset({"input", "bthomedevice", "bthomesensor", "button"})
"""Components that somebody can press."""

_PRESS = re.compile(r"btn_down|btn_up|[a-z]{1,10}(?:_[a-z]{1,10})?_push", re.ASCII)

_NEW_CONFIGURATION = frozenset({"config_changed", "component_added", "component_removed"})


@dataclass(frozen=True, slots=True)
class CallError:
    """Why a call was not carried out."""

    code: int | None
    message: str

    def __str__(self) -> str:
        return self.message if self.code is None else f"{self.code}: {self.message}"

    @property
    def document(self) -> dict[str, Json]:
        """The same as JSON."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call of ours; `result` may well be null."""

    device: DeviceId
    number: Json
    result: Json = None
    error: CallError | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The device called us; `source` is its own name for itself."""

    device: DeviceId
    number: Json
    source: str


@dataclass(frozen=True, slots=True)
class Told:
    """A status, whole (but for what is dynamic) or in part."""

    device: DeviceId
    status: dict[str, Json]
    full: bool


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press: of which component, and how; `button` is the number of one of several."""

    component: str
    event: str
    button: int | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """Events: presses, and whether its configuration changed."""

    device: DeviceId
    presses: tuple[Pressed, ...]
    reconfigured: bool


Frame = Answer | Asked | Told | Happened


def decode(data: bytes) -> Frame:
    """The meaning of a frame; raises `FrameError` for everything that has none."""
    frame = jsontext.parse_object(data)
    source = frame.get("src")
    device = device_of(source)
    method = frame.get("method")
    if isinstance(method, str):
        if "id" in frame:
            return Asked(device, _number(frame["id"]), str(source))
        return _notification(device, method, frame.get("params"))
    if "id" not in frame or not ("result" in frame or "error" in frame):
        raise FrameError("unknown_frame", "a frame is neither an answer nor a notification")
    number, error = _number(frame["id"]), frame.get("error")
    if error is not None:
        return Answer(device, number, error=_error(error))
    return Answer(device, number, frame.get("result"))


def members(frame: Frame) -> int:
    """About how much work it is to look at a frame, in members of its content."""
    match frame:
        case Told():
            return weight(frame.status)
        case Answer():
            return weight(frame.result)
    return 0


def device_of(source: Json) -> DeviceId:
    """The device of a `src`: what follows the last dash (`shellyplus1-a0b1c2d3e4f5`).

    Raises `FrameError`.
    """
    found = _NAMED.fullmatch(source) if isinstance(source, str) else None
    if found is None:
        raise FrameError("src", "a frame does not say which device it is of")
    return device_from_hex(found[1])


def call(number: int, method: str, parameters: Json, auth: Json = None) -> str:
    """A call; `auth` answers a challenge."""
    frame = {"id": number, "src": SOURCE, "method": method}
    if parameters is not None:
        frame["params"] = parameters
    if auth is not None:
        frame["auth"] = auth
    return jsontext.dump(frame)


def not_implemented(asked: Asked) -> str:
    """What a device is told that calls us."""
    error = {"code": 500, "message": "Not Implemented"}
    return jsontext.dump({"id": asked.number, "src": SOURCE, "dst": asked.source, "error": error})


def components(result: Json) -> tuple[dict[str, Mapping[str, Json]], int]:
    """A page of `Shelly.GetComponents`, by component, and how many there are on all pages.

    Raises `FrameError`.
    """
    if not isinstance(result, Mapping) or not isinstance(result.get("components"), list):
        raise FrameError("components", "an answer to Shelly.GetComponents lists no components")
    listed: dict[str, Mapping[str, Json]] = {}
    for item in result["components"]:
        key = item.get("key") if isinstance(item, Mapping) else None
        if isinstance(key, str) and 0 < len(key) <= 64:
            listed[key] = item
    total = _whole(result.get("total"))
    return listed, total if total is not None else len(listed)


def _number(value: Json) -> Json:
    if isinstance(value, int | float | str | None):
        return value
    raise FrameError("frame_id", "the id of a frame is an object or an array")


def _error(error: Json) -> CallError:
    if not isinstance(error, Mapping):
        return CallError(None, (text(error) or "refused without a reason")[:300])
    return CallError(_whole(error.get("code")), (text(error.get("message")) or "no text")[:300])


def _notification(device: DeviceId, method: str, parameters: Json) -> Frame:
    # Shelly matches the names of methods without regard to case.
    match method.lower():
        case "notifystatus":
            return Told(device, _status(parameters), full=False)
        case "notifyfullstatus":
            return Told(device, _status(parameters), full=True)
        case "notifyevent":
            return _events(device, parameters)
    raise FrameError("unknown_method", f"unknown notification {method[:60]!r}")


def _status(parameters: Json) -> dict[str, Json]:
    if not isinstance(parameters, dict):
        raise FrameError("params", "a status is not an object")
    return {key: value for key, value in parameters.items() if key != "ts"}


def _events(device: DeviceId, parameters: Json) -> Happened:
    events = parameters.get("events") if isinstance(parameters, Mapping) else None
    if not isinstance(events, list):
        raise FrameError("params", "a notification of events has no list of them")
    presses, reconfigured = [], False
    for event in events[:MOST_EVENTS]:
        if not isinstance(event, Mapping):
            raise FrameError("params", "an event is not an object")
        name, component = event.get("event"), event.get("component")
        if name in _NEW_CONFIGURATION:
            reconfigured = True
        elif (press := _press(component, name, event)) is not None:
            presses.append(press)
    return Happened(device, tuple(presses), reconfigured)


def _press(component: Json, name: Json, event: Mapping[str, Json]) -> Pressed | None:
    """A press of something that can be pressed; scripts and sensors tell other things."""
    if not isinstance(component, str) or not isinstance(name, str):
        return None
    if not _COMPONENT.fullmatch(component) or not _PRESS.fullmatch(name):
        return None
    if component.partition(":")[0] not in _PRESSED:
        return None
    return Pressed(component, name, _whole(event.get("idx")))


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
