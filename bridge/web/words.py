"""How values and states are written on pages; everything else about them is the templates'."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bridge.core.model import Json, LinkState, SourceKind
from bridge.core.views.shown import Course, Reading

WIDTH, HEIGHT = 160, 32
"""Of a plot, in the units of its picture."""

_STATES = {
    LinkState.CONNECTED: "connected",
    LinkState.CONNECTING: "connecting",
    LinkState.BACKOFF: "waiting to connect again",
    LinkState.AUTH_REQUIRED: "somebody has to log in",
    LinkState.DISPLACED: "another program takes the connection",
    LinkState.DISABLED: "off",
}

_SOURCES = {
    SourceKind.INTEGRATOR: "Shelly cloud (licence)",
    SourceKind.ACCOUNT: "Shelly account",
    SourceKind.OUTBOUND: "local connection",
}

_REASONS = {
    "host_down": "the connection to it is down",
    "reported_offline": "Shelly's cloud says it is offline",
    "silent": "it does not answer",
    "not_authorized": "its owner does not allow it any more",
}

_LONGEST = 80
"""Characters of a value that are shown."""


def state(value: LinkState) -> str:
    """The state of a connection."""
    return _STATES[value]


def source(value: SourceKind) -> str:
    """By which of Shelly's systems a device comes."""
    return _SOURCES[value]


def reason(value: str | None) -> str:
    """Why a device is offline."""
    return _REASONS.get(value or "", "")


def label(key: str) -> str:
    """A key as people read it."""
    return key.replace("_", " ")


def value(reading: Reading) -> str:
    """A value with its unit."""
    return with_unit(reading.value, reading.unit)


def with_unit(given: Json, unit: str) -> str:
    """A value with a unit; what is not known is a dash."""
    match given:
        case None:
            return "–"
        case bool():
            return "yes" if given else "no"
        case int() | float():
            text = (
                f"{given:,.3f}".rstrip("0").rstrip(".") if isinstance(given, float) else f"{given}"
            )
            return f"{text} {unit}" if unit else text
        case str():
            text = given
        case list() | tuple() if not given:
            text = "none"
        case Mapping():
            text = ", ".join(f"{key} {with_unit(each, '')}" for key, each in given.items())
        case _:
            text = json.dumps(given, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def moment(wall: float | None) -> str:
    """A time as `datetime` attributes have it; empty for none."""
    if wall is None:
        return ""
    try:
        return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return ""


def readable(wall: float | None) -> str:
    """The same for people, in UTC; where scripts run the browser writes it in its own way."""
    return moment(wall).replace("T", " ").replace("Z", " UTC")


def points(course: Course) -> str:
    """A course as the points of a line; gaps are left out, and a constant is in the middle."""
    known = [each for each in course.values if each is not None]
    if len(known) < 2:
        return ""
    lowest, highest = min(known), max(known)
    wide = WIDTH / (len(course.values) - 1)
    drawn = []
    for place, each in enumerate(course.values):
        if each is not None:
            part = (each - lowest) / (highest - lowest) if highest > lowest else 0.5
            drawn.append(f"{place * wide:.1f},{HEIGHT - 2 - part * (HEIGHT - 4):.1f}")
    return " ".join(drawn)


def span(course: Course) -> str:
    """What a plot shows, for those who do not see it."""
    known = [each for each in course.values if each is not None]
    if not known:
        return "nothing yet"
    lowest, highest = (with_unit(round(each, 2), course.unit) for each in (min(known), max(known)))
    minutes = max(round(course.step * (len(course.values) - 1) / 60), 1)
    return f"{label(course.key)} from {lowest} to {highest} in {minutes} minutes"


FILTERS: dict[str, Callable[..., str]] = {
    "state": state,
    "source": source,
    "reason": reason,
    "label": label,
    "value": value,
    "moment": moment,
    "readable": readable,
    "points": points,
    "span": span,
}
"""What templates may use."""
