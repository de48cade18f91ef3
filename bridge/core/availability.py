"""Whether a device can be reached, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.core.device import Device, Path
from bridge.core.links import Link
from bridge.core.model import Access, LinkId


class Reason(StrEnum):
    """Why a device is offline, the most telling first."""

    NOT_AUTHORIZED = "not_authorized"
    HOST_DOWN = "host_down"
    REPORTED_OFFLINE = "reported_offline"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`online` is None while nothing is known yet; then what was published before stands."""

    online: bool | None
    reason: Reason | None = None


ONLINE = Verdict(True)
UNKNOWN = Verdict(None)


def judge(device: Device, links: Mapping[LinkId, Link], now: float, grace: float) -> Verdict:
    """A device is online if any way to it is; a lost connection counts after `grace` s only.

    One that sleeps is online until it missed two reports, whatever is said of it meanwhile.
    """
    reasons = set()
    for path in device.paths.values():
        verdict = _path(path, links.get(path.link), now, grace, asleep=_asleep(device, now, grace))
        if verdict.online:
            return ONLINE
        reasons.add(verdict.reason)
    if None in reasons or not reasons:
        return UNKNOWN
    return Verdict(False, next(reason for reason in Reason if reason in reasons))


def silent_from(device: Device, grace: float) -> float | None:
    """When (monotonic s) a device that sleeps has missed two reports; None for all others."""
    if device.wake_period is None or device.heard_at is None:
        return None
    return device.heard_at + 2 * device.wake_period + grace


def _asleep(device: Device, now: float, grace: float) -> Verdict | None:
    """What its reports say of a device that sleeps."""
    limit = silent_from(device, grace)
    if limit is None:
        return None
    if now >= limit:
        return Verdict(False, Reason.SILENT)
    return ONLINE if device.last_seen is not None else UNKNOWN


def _path(
    path: Path, link: Link | None, now: float, grace: float, *, asleep: Verdict | None
) -> Verdict:
    if path.access is Access.NONE:
        return Verdict(False, Reason.NOT_AUTHORIZED)
    if link is None:
        return UNKNOWN
    if link.down_mono is not None and now >= link.down_mono + grace:
        return Verdict(False, Reason.HOST_DOWN)
    if asleep is not None:
        return asleep
    if path.silent:
        return Verdict(False, Reason.SILENT)
    if path.online is None:
        return UNKNOWN
    return ONLINE if path.online else Verdict(False, Reason.REPORTED_OFFLINE)
