"""Captured payloads of real devices, brought to the forms in which the cloud tells them.

The captures are other people's and not part of the project; the folder lies beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.core.ids import cloud_id
from bridge.core.model import DeviceId
from tests.conftest import SHARED_FIXTURES

Json = Any

_SETTINGS = ".settings"
_CODE = re.compile(r"S[A-Z0-9]+(?:-[A-Z0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Capture:
    """What was captured of one device: its state, its settings, or both."""

    name: str
    """Folder and file, and which of several devices in it."""
    code: str
    """Shelly's model code; empty where the capture does not tell it."""
    status: dict[str, Json] = field(default_factory=dict)
    settings: dict[str, Json] | None = None
    whole: bool = True
    """Whether the status is all that the device has, or one change of it."""

    @property
    def device(self) -> DeviceId:
        """An id made from the name, so that it does not depend on the other captures."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()
        if self.code.startswith("SB") and self.settings is None:
            return DeviceId(f"XB{int(digest, 16) % 10**15:015d}")
        return DeviceId(f"a{digest[:11]}")

    @property
    def cloud_id(self) -> str:
        """The same as it appears in the cloud's frames."""
        return cloud_id(self.device)


def captures() -> list[Capture]:
    """Every captured state, and every captured settings, of a device of its own.

    A state and the settings beside it (`x.json`, `x.settings.json`) are one device.
    """
    files = _files()
    found: list[Capture] = []
    for name, capture in files.items():
        if name.removesuffix(_SETTINGS) in files and name.endswith(_SETTINGS):
            continue
        beside = files.get(f"{name}{_SETTINGS}")
        found += _captures(name, capture, beside["payload"] if beside else None)
    return found


def frames() -> list[tuple[str, Json]]:
    """Name and payload of every capture that is neither state nor settings of a device."""
    return [
        (name, capture["payload"])
        for name, capture in _files().items()
        if not list(_captures(name, capture, None))
    ]


def _files() -> dict[str, dict[str, Json]]:
    return {
        _name(file): json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(SHARED_FIXTURES.glob("*/*.json"))
    }


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.name.removesuffix('.json')}"


def _captures(name: str, capture: dict[str, Json], settings: Json) -> Iterator[Capture]:
    model, payload, kind = capture["model"], capture["payload"], capture["kind"]
    code = model if _CODE.fullmatch(model) else ""
    if "components" in payload:
        found = dict(_components(payload))
        status = {key: component.get("status", {}) for key, component in found.items()}
        yield Capture(name, code, status, _settings(found))
    elif kind == "settings":
        yield Capture(name, code, settings=_native(payload))
    else:
        whole = kind != "event"
        settings = None if settings is None else _native(settings)
        states = list(_states(payload, kind))
        for number, (own_code, status) in enumerate(states):
            one = name if len(states) == 1 else f"{name}-{number}"
            yield Capture(one, own_code or code, status, settings, whole)


def _components(payload: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    """The components of an answer of `Shelly.GetComponents`, also of several pages of it."""
    for component in payload["components"]:
        if "key" in component:
            yield component["key"], component
        else:
            yield from _components(component)


def _settings(components: dict[str, dict[str, Json]]) -> dict[str, Json]:
    return {
        key: {**component.get("config", {}), "attrs": component.get("attrs", {})}
        for key, component in components.items()
    }


def _native(payload: Json) -> dict[str, Json]:
    """Settings as the cloud has them: those of a device, with `DeviceInfo` from Gen2 on."""
    settings: dict[str, Json] = payload.get("settings") or payload.get("config") or payload
    about = payload.get("shelly", {})
    return {**settings, "DeviceInfo": about} if "gen" in about else settings


def _states(payload: Json, kind: str) -> Iterator[tuple[str | None, dict[str, Json]]]:
    """Model code, if told, and status of every device in a capture, whatever envelope it has."""
    if kind == "event":
        if payload.get("event") == "Shelly:StatusOnChange":
            yield None, payload["status"]
        elif payload.get("method") == "NotifyStatus":
            yield None, payload["params"]
    elif kind == "notify_full_status":
        yield None, payload["params"]
    elif isinstance(payload, list):
        yield from ((each.get("code"), each["status"]) for each in payload)
    elif "data" in payload:
        data = payload["data"]
        for status in data.get("devices_status", {"": data.get("device_status")}).values():
            yield None, status
    else:
        yield None, payload
