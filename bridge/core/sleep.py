"""Devices that sleep between their reports: how long, and when one was heard last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bridge.core.kinds.convert import number, text
from bridge.core.model import DeviceId, Json

BLE_PERIOD = 6 * 3600.0
"""The longest time (s) between two reports of a BLU device in its normal mode."""

GEN1_PERIOD = 12 * 3600.0
"""What Gen1's battery devices do (s) unless their settings say otherwise."""

LONGEST_PERIOD = 31 * 86_400.0
"""More than any device can be set to (s)."""


def wake_period(
    device: DeviceId, status: Mapping[str, Json], configured: float | None = None
) -> float | None:
    """Seconds between the reports of a device that sleeps; None for one that is always there.

    `configured` is what the settings say. (Shelly docs, Gen2 Sys, `wakeup_period`; Gen1 devices
    that sleep tell what woke them in `act_reasons`; the cloud marks them with `_sleeping`.)
    """
    system = status.get("sys")
    told = number(system.get("wakeup_period")) if isinstance(system, Mapping) else None
    for period in (told, configured):
        if period is not None and 0 < period <= LONGEST_PERIOD:
            return float(period)
    if device.startswith("XB"):
        return BLE_PERIOD
    if "act_reasons" in status or status.get("_sleeping") is True:
        return GEN1_PERIOD
    return None


def reported_at(status: Mapping[str, Json]) -> float | None:
    """When the cloud got the state that it passes on (unix s), if it says so in `_updated`."""
    updated = text(status.get("_updated"))
    if updated is None:
        return None
    try:
        moment = datetime.strptime(updated, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - it is UTC
        return moment.replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
