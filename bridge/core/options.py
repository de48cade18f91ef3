"""What people change while the bridge runs: options of a device, and of the bridge.

The configuration comes first: what it says of a device cannot be changed from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bridge.core.model import DeviceOptions, Json
from bridge.core.registry import Override
from bridge.errors import BridgeError

LONGEST_NAME = 64
LONGEST_THROTTLE = 86_400.0

LEVELS = ("debug", "info", "warning", "error")

KEYS = ("name", "area", "throttle")
"""What can be changed of a device."""

_CONFIGURED = ("topic", "disabled")
"""What can be set in the configuration only."""


class OptionError(BridgeError):
    """What is wrong with the options; the text is for whoever sent them."""


def changed(options: DeviceOptions, given: Json, configured: Override) -> DeviceOptions:
    """A device's options with what is `given` laid over them; null takes one back.

    Raises `OptionError` for anything that cannot be done; then nothing of it is.
    """
    if not isinstance(given, Mapping) or not given:
        raise OptionError(f"options: must be an object with {', '.join(KEYS)}")
    new: dict[str, Json] = {}
    for key, value in given.items():
        if key in _CONFIGURED:
            raise OptionError(f"{key}: can only be set in the configuration")
        if key not in KEYS:
            raise OptionError(f"{key[:64]}: there is no such option; there are {', '.join(KEYS)}")
        if getattr(configured, key):
            raise OptionError(f"{key}: is set in the configuration, which comes first")
        new[key] = _throttle(value) if key == "throttle" else _text(key, value)
    return replace(options, **new)


def told(options: DeviceOptions) -> dict[str, Json]:
    """The options as an answer has them."""
    return {key: getattr(options, key) for key in KEYS}


def level(given: Json) -> str:
    """The log level of `{"log": {"level": "debug"}}`; raises `OptionError`."""
    log = given.get("log") if isinstance(given, Mapping) else None
    wanted = log.get("level") if isinstance(log, Mapping) else None
    if wanted not in LEVELS or given != {"log": {"level": wanted}}:
        text = '{"log": {"level": "debug"}}'
        raise OptionError(f"options: must be {text}, where the level is one of {', '.join(LEVELS)}")
    return str(wanted)


def _text(key: str, value: Json) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise OptionError(f"{key}: must be a text, or null")
    if len(value) > LONGEST_NAME:
        raise OptionError(f"{key}: has at most {LONGEST_NAME} characters")
    return value.strip()


def _throttle(value: Json) -> float | None:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= LONGEST_THROTTLE:
        raise OptionError(f"throttle: must be a number of seconds up to {LONGEST_THROTTLE:.0f}")
    return float(value)
