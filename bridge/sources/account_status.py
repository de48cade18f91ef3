"""What an account knows of all its devices at once, and what the socket told meanwhile.

The socket is opened first and everything is asked for then, so the answer may be older than what
has come by the socket since: that is laid over it. (Shelly docs, Real Time Events.) Knows no
socket, no thread and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bridge.core.events import OnlineReported, StatusReported
from bridge.core.ids import device_from_hex
from bridge.core.merge import merged, within_bounds
from bridge.core.model import DeviceId, Json
from bridge.errors import FrameError

MOST_DEVICES = 5_000
"""Devices of one account."""

_LONGEST_CODE = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """One device of the answer."""

    device: DeviceId
    code: str | None
    online: bool
    status: dict[str, Json]


def read(
    devices: Mapping[str, Any],
) -> tuple[list[Entry], list[FrameError], frozenset[DeviceId]]:
    """The devices of an `all_status` answer, what is wrong with the others, and who those are.

    Who they are is told by the key: an entry that cannot be read is of a device all the same.
    """
    found: dict[DeviceId, Entry] = {}
    wrong = []
    unread = set()
    for key, value in devices.items():
        try:
            entry = _entry(key, value)
            if entry.device in found:
                raise FrameError("listed_twice", f"{entry.device} is listed twice")
        except FrameError as error:
            wrong.append(error)
            with suppress(FrameError):
                unread.add(device_from_hex(key))
        else:
            found[entry.device] = entry
    return list(found.values()), wrong, frozenset(unread - found.keys())


def _entry(key: str, value: Json) -> Entry:
    # Shelly's cloud writes an empty object as an empty array.
    status = {} if value == [] else value
    if not isinstance(status, dict):
        raise FrameError("listed_status", "the status of a listed device is not an object")
    info = status.get("_dev_info")
    told = info if isinstance(info, Mapping) else {}
    device = device_from_hex(told.get("id", key))
    code = told.get("code", status.get("code"))
    return Entry(
        device,
        code[:_LONGEST_CODE] if isinstance(code, str) and code else None,
        # Without that information nothing speaks against it; `Shelly:Online` tells.
        online=told.get("online") not in (False, 0),
        status={name: part for name, part in status.items() if name != "_dev_info"},
    )


class Overlay:
    """What the socket told of each device since the answer was asked for."""

    def __init__(self) -> None:
        self._status: dict[DeviceId, dict[str, Json]] = {}
        self._online: dict[DeviceId, bool] = {}

    def heard(self, event: StatusReported | OnlineReported) -> None:
        """The socket told something."""
        if event.device not in self._online and len(self._online) >= MOST_DEVICES:
            return
        if isinstance(event, OnlineReported):
            self._online[event.device] = event.online
            return
        self._online[event.device] = True
        known = self._status.setdefault(event.device, {})
        self._status[event.device] = within_bounds(known, event.status)

    def over(self, entry: Entry) -> Entry:
        """An entry of the answer, with what is newer."""
        status = merged(entry.status, self._status.get(entry.device, {}))
        online = self._online.get(entry.device, entry.online)
        return Entry(entry.device, entry.code, online, status)

    def clear(self) -> None:
        """Nothing is asked for any more."""
        self._status.clear()
        self._online.clear()
