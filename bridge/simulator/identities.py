"""Ids and names for simulated devices: made up, always the same, never twice."""

from __future__ import annotations

from bridge.simulator.devices.base import Identity
from bridge.simulator.devices.model import Model

_FIRST_MAC = 0xA8032A5B0000
"""In a block of addresses that Shelly devices have."""
_FIRST_BLE = 0x7CC6B6000000
_STEP = 0x0B
_SHORT_DIGITS = 6
_GATEWAY = "176685338322165"
"""The gateway that hears all BLE devices, as a decimal id."""


class Identities:
    """Hands out identities."""

    def __init__(self) -> None:
        self._made = 0

    def make(
        self,
        model: Model,
        host: str,
        user: int,
        name: str | list[str] | None,
        hex_id: str | None,
    ) -> Identity:
        """An identity for a device of a model; `name` may have one entry per channel."""
        self._made += 1
        number = self._made
        mac = f"{_FIRST_MAC + number * _STEP:012x}"
        if hex_id is None:
            hex_id = _id(model, number, mac)
        names = [name] if isinstance(name, str) else name or [f"{model.title} {number}"]
        extra = {"mac": hex_id if len(hex_id) == len(mac) else mac[:-6] + hex_id[-6:]}
        if model.generation == "GBLE":
            extra = {"gateway": _GATEWAY}
        extra["title"] = names[0]
        if model.profile:
            extra["profile"] = model.profile
        return Identity(
            code=model.code,
            type=model.type,
            hex_id=hex_id,
            names=list(names),
            host=host,
            user=user,
            app=model.app,
            prefix=model.prefix,
            extra=extra,
        )


def _id(model: Model, number: int, mac: str) -> str:
    if model.generation == "GBLE":
        return f"XB{_FIRST_BLE + number * _STEP:015d}"
    return mac[-_SHORT_DIGITS:] if model.short_id else mac
