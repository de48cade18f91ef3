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
    """A device is online if any way to it is; a lost connection counts after `grace` s only."""
    reasons = set()
    for path in device.paths.values():
        verdict = _path(path, links.get(path.link), now, grace)
        if verdict.online:
            return ONLINE
        reasons.add(verdict.reason)
    if None in reasons or not reasons:
        return UNKNOWN
    return Verdict(False, next(reason for reason in Reason if reason in reasons))


def _path(path: Path, link: Link | None, now: float, grace: float) -> Verdict:
    if path.access is Access.NONE:
        return Verdict(False, Reason.NOT_AUTHORIZED)
    if link is None:
        return UNKNOWN
    if link.down_mono is not None and now >= link.down_mono + grace:
        return Verdict(False, Reason.HOST_DOWN)
    if path.silent:
        return Verdict(False, Reason.SILENT)
    if path.online is None:
        return UNKNOWN
    return ONLINE if path.online else Verdict(False, Reason.REPORTED_OFFLINE)
