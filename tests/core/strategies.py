"""What Hypothesis makes up for the tests of the core."""

from __future__ import annotations

import copy
from collections.abc import Callable

from hypothesis import strategies as st

from bridge.core.model import Json
from tests.core import payloads

WORDS = st.sampled_from(
    [
        *("id", "state", "output", "value", "tC", "ts", "serial", "power", "position", "color"),
        *("set", "result", "event", "brightness", "ev", "errors", "ison", "event_cnt", ""),
    ]
)
"""Member names with a meaning somewhere, besides which there are made-up ones."""

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=8)


def _containers(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    names = WORDS | st.text(max_size=6)
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)


JSON: st.SearchStrategy[Json] = st.recursive(SCALARS, _containers, max_leaves=12)
"""Any JSON value without NaN and lone surrogates."""

OBJECTS: st.SearchStrategy[dict[str, Json]] = st.dictionaries(
    WORDS | st.text(max_size=6), JSON, max_size=4
)

_TYPES = (
    *("switch", "light", "rgb", "rgbw", "rgbcct", "cct", "cover", "input", "v_eve"),
    *("emdata", "pm1", "devicepower", "thermostat", "blutrv", "cury", "boolean", "number", "text"),
    *("enum", "button", "bthomesensor", "bthomedevice", "presencezone", "window", "motion"),
    *("temperature", "relay", "roller", "raw", "set", "get", "rpc", "state", "info", "em", "UV"),
)
COMPONENTS: st.SearchStrategy[str] = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(_TYPES), st.integers(0, 3)),
    st.sampled_from(
        [
            *_TYPES,
            *("relays", "lights", "rollers", "meters", "emeters", "inputs", "ext_temperature"),
            *("tmp", "sensor", "accel", "bat", "charger", "flood", "thermostats", "total_power"),
            *("sys", "bridge", "serial", "ts", "_dev_info", "availability"),
            *("a/b:0", "+:0", "#", "$SYS", "switch:00", "switch:-1", "switch:9999999", "a:b:c"),
            *("\x00", "../x:0", "x" * 80, "temp erature:0", "é:0", "homeassistant/switch:0"),
        ]
    ),
    st.text(max_size=10),
)
"""Component keys: Shelly's, ours, and such as no device has."""


@st.composite
def statuses(draw: st.DrawFn) -> dict[str, Json]:
    """A real device's status, with some of it replaced, taken away, or added."""
    status = copy.deepcopy(draw(st.sampled_from(payloads.every())))
    for _ in range(draw(st.integers(0, 4))):
        change = draw(st.sampled_from(_CHANGES))
        change(draw, status)
    return status


def _replace(draw: st.DrawFn, status: dict[str, Json]) -> None:
    if status:
        status[draw(st.sampled_from(sorted(status)))] = draw(JSON)


def _drop(draw: st.DrawFn, status: dict[str, Json]) -> None:
    if status:
        del status[draw(st.sampled_from(sorted(status)))]


def _add(draw: st.DrawFn, status: dict[str, Json]) -> None:
    status[draw(COMPONENTS)] = draw(JSON | OBJECTS | st.lists(OBJECTS, max_size=3))


def _change_member(draw: st.DrawFn, status: dict[str, Json]) -> None:
    objects = [key for key in sorted(status) if isinstance(status[key], dict)]
    if objects:
        key = draw(st.sampled_from(objects))
        status[key] = {**status[key], draw(_members(status[key])): draw(JSON)}


def _members(component: dict[str, Json]) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(component)) | WORDS if component else WORDS


_CHANGES: tuple[Callable[[st.DrawFn, dict[str, Json]], None], ...] = (
    _replace,
    _drop,
    _add,
    _change_member,
    _change_member,
)
