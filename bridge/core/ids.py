"""One id per device, whatever way it reaches us.

Shelly's cloud names a device by the decimal form of its hex id; everything else uses the hex
form. BLE, Z-Wave and virtual devices have ids that start with `X` and are the same everywhere.
"""

from __future__ import annotations

import re

from bridge.core.model import DeviceId
from bridge.errors import FrameError

_DECIMAL = re.compile(r"[0-9]{1,20}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{6,16}", re.ASCII)
_X = re.compile(r"X[A-Za-z0-9_-]{1,63}", re.ASCII)

_SHORT = 6
"""Digits of an older Gen1 id."""
_LONG = 12
"""Digits of all other ids."""
_LONGEST = 16


def device_from_cloud(value: object) -> DeviceId:
    """The device of a cloud frame's `deviceId`: a decimal string or number, or an `X…` id.

    Decimal ids lose their leading zeros on the way, so the hex form is padded to 6 digits and,
    when longer, to 12 (Shelly's own example client does the same). Raises `FrameError`.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 16**_LONGEST:
        value = str(value)
    if not isinstance(value, str):
        raise FrameError("device_id", "a device id is neither text nor number")
    if _X.fullmatch(value):
        return DeviceId(value)
    if not _DECIMAL.fullmatch(value):
        raise FrameError("device_id", "a device id is not a decimal number")
    digits = format(int(value), "x")
    if len(digits) > _LONGEST:
        raise FrameError("device_id", "a device id is too large")
    return DeviceId(digits.zfill(_SHORT if len(digits) <= _SHORT else _LONG))


def device_from_hex(value: object) -> DeviceId:
    """The device of a hex id in any case (HTTP answers, `src` of a device, user input).

    Raises `FrameError`.
    """
    if isinstance(value, str):
        if _X.fullmatch(value):
            return DeviceId(value)
        if _HEX.fullmatch(value.lower()):
            return DeviceId(value.lower())
    raise FrameError("device_id", "a device id is not a hex number of 6 to 16 digits")


def cloud_id(device: DeviceId) -> str:
    """The form of the id that cloud frames carry: decimal text, or the `X…` id as it is."""
    return device if device.startswith("X") else str(int(device, 16))
