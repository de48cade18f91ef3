"""The body of a consent callback, from bytes to checked values.

Knows nothing of tokens, hosts we accept or where grants are kept. Only the shape is checked here:
a `host` may still be anything. Source: Shelly docs, Integrator API, Users.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from bridge.core.ids import device_from_cloud
from bridge.core.jsontext import parse_object
from bridge.core.model import DeviceId, Json
from bridge.errors import FrameError

_MOST_NAMES = 128
_LONGEST_TEXT = 128
_LONGEST_HOST = 253

_HEX = re.compile(r"[0-9A-Fa-f]{1,8}", re.ASCII)
_CONTROL_ALLOWED = 0x01
"""The only documented bit of `accessGroups`."""

_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
"""Invisible too, but some scripts and emoji are wrong without them."""


class Action(StrEnum):
    """What the owner of the device did."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a callback says; of a `remove` only the device counts."""

    device: DeviceId
    cloud_id: str
    """The device as the callback names it, as text."""
    action: Action
    digest: bytes
    """SHA-256 of the whole body, the same for every way to write the same JSON."""
    host: str = ""
    code: str = ""
    type: str = ""
    names: tuple[str, ...] = ()
    claims_control: bool = False
    user: str = ""


def parse_consent(body: bytes) -> Consent:
    """Read a callback's body; raises `FrameError` if it is not as documented."""
    fields = parse_object(body)
    cloud_id = fields.get("deviceId")
    device = device_from_cloud(cloud_id)
    digest = _digest(fields)
    action = fields.get("action")
    if action == Action.REMOVE:
        return Consent(device, str(cloud_id), Action.REMOVE, digest)
    if action != Action.ADD:
        raise FrameError("action", "the action is neither add nor remove")
    return Consent(
        device,
        str(cloud_id),
        Action.ADD,
        digest,
        host=_host(fields.get("host")),
        code=_text("deviceCode", fields.get("deviceCode")),
        type=_text("deviceType", fields.get("deviceType")),
        names=_names(fields.get("name")),
        claims_control=_claims_control(fields.get("accessGroups")),
        user=_text("userId", fields.get("userId")),
    )


def _digest(fields: dict[str, Json]) -> bytes:
    try:
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise FrameError("nesting", "the JSON is nested too deeply") from None
    return hashlib.sha256(text.encode()).digest()


def _host(value: Json) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_HOST:
        raise FrameError("host", "the host is missing or not a text of a host's length")
    return value


def _text(key: str, value: Json) -> str:
    """Free text, or a number where older versions of the cloud send one; missing is empty."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise FrameError(key, f"{key} is not a text")
    return _clean(value)


def _names(value: Json) -> tuple[str, ...]:
    """One name per channel; a single text names the first."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or len(value) > _MOST_NAMES:
        raise FrameError("name", f"name is not a list of at most {_MOST_NAMES} texts")
    return tuple(_text("name", name) for name in value)


def _clean(text: str) -> str:
    """Without what cannot be seen, and at most so long as a name needs to be."""
    seen = (
        char for char in text if char in _JOINERS or unicodedata.category(char) not in _INVISIBLE
    )
    return "".join(seen).strip()[:_LONGEST_TEXT]


def _claims_control(value: Json) -> bool:
    """Missing, as older versions of the cloud send it, means that we may only read."""
    if value is None:
        return False
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise FrameError("accessGroups", "accessGroups is not a hex number")
    return bool(int(value, 16) & _CONTROL_ALLOWED)
