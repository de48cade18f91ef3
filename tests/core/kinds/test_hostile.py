"""Whatever stands in a status, every channel gives values that can be published."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.core import jsontext
from bridge.core.kinds.all import KINDS
from bridge.core.kinds.catalog import layout
from bridge.core.kinds.kind import Form
from bridge.core.learned import learn
from bridge.core.model import Json
from tests.conftest import SHARED_FIXTURES
from tests.core import payloads
from tests.core.strategies import JSON, statuses
from tests.frames.captures import captures


def wire_keys() -> Iterator[str]:
    """Every key under which something is read, with a number where it has one."""
    for kind in KINDS:
        for origin in kind.origins:
            numbered = origin.form is Form.COMPONENT
            keys = [origin.key, *origin.flat, *(each.key for each in origin.companions)]
            yield from (f"{key}:0" if numbered else key for key in keys)


WIRE_KEYS = sorted(set(wire_keys()))

MEMBERS = sorted(
    {
        step
        for kind in KINDS
        for origin in kind.origins
        for field in origin.fields
        for step in (*field.path, *field.members)
    }
    | {"is_valid", "units", "id"}
)

ODD: st.SearchStrategy[Json] = (
    JSON
    | st.integers(-(10**299), 10**299)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([10**299, -(10**299), 1.7e308, -1.7e308, 5e-324, "", "true", "C", "F"])
)

OBJECTS: st.SearchStrategy[Json] = st.recursive(
    ODD,
    lambda inner: (
        st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6)
        | st.dictionaries(st.sampled_from(["0", "1", "2"]), inner, max_size=3)
        | st.lists(inner, max_size=4)
    ),
    max_leaves=15,
)
"""Objects of the members that some kind reads, holding anything."""

FACTS = st.dictionaries(
    st.sampled_from(["type", "unit", "role", "options", "obj_id", "idx", "model_id", "titles"]),
    ODD | st.sampled_from(["button", "W", 69, 33, ["a"]]),
    max_size=4,
)


def check(status: dict[str, Json], facts: dict[str, Any] | None = None) -> None:
    """Every channel of a status can be published, also when the status is another by then."""
    channels, _ = layout(status, None, facts)
    for channel in channels:
        jsontext.dump(channel.read(status))
        jsontext.dump(channel.read({}))
        jsontext.dump(channel.read(dict.fromkeys(channel.keys)))


@given(value=OBJECTS)
@example(value={"aenergy": {"total": 10**299}, "tC": -(10**299), "value": 10**299})
@example(value=[{"total": 10**299, "power": 1.7e308}, {"total": -(10**299)}])
def test_anything_under_any_key(value: Json) -> None:
    for key in WIRE_KEYS:
        check({key: value})


@given(
    st.dictionaries(st.sampled_from(WIRE_KEYS), OBJECTS, max_size=5),
    st.dictionaries(st.sampled_from(WIRE_KEYS), FACTS, max_size=3),
)
def test_any_mixture_with_any_settings(status: dict[str, Json], facts: dict[str, Any]) -> None:
    check(status, facts)


@given(statuses())
def test_a_status_of_our_own_that_was_changed(status: dict[str, Json]) -> None:
    check(status)


def paths(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of a status stands."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        yield from paths(item, (*path, key))


def changed(status: dict[str, Json], path: tuple[Any, ...], value: Json) -> dict[str, Json]:
    """A copy with one value replaced, or (`...`) taken away."""
    result = copy.deepcopy(status)
    holder = result
    for step in path[:-1]:
        holder = holder[step]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return result


CHANGES: st.SearchStrategy[Any] = st.just(...) | st.none() | OBJECTS


def examples() -> list[tuple[dict[str, Json], dict[str, Json]]]:
    """Status and settings of real devices where those are at hand, and of our own."""
    own: list[tuple[dict[str, Json], dict[str, Json]]] = [(each, {}) for each in payloads.every()]
    if not SHARED_FIXTURES.is_dir():
        return own
    return own + [(each.status, each.settings or {}) for each in captures() if each.status]


EXAMPLES = examples()


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_real_status_of_which_anything_changed(
    found: tuple[dict[str, Json], dict[str, Json]], data: st.DataObject
) -> None:
    status, settings = found
    for _ in range(data.draw(st.integers(1, 4))):
        places = list(paths(status))
        if places:
            status = changed(status, data.draw(st.sampled_from(places)), data.draw(CHANGES))
    learned = learn(settings)
    check(status, dict(learned.facts))


@given(st.sampled_from(EXAMPLES), st.data())
def test_real_settings_of_which_anything_changed(
    found: tuple[dict[str, Json], dict[str, Json]], data: st.DataObject
) -> None:
    status, settings = found
    places = list(paths(settings))
    if places:
        settings = changed(settings, data.draw(st.sampled_from(places)), data.draw(CHANGES))
    learned = learn(settings)
    jsontext.dump(dict(learned.facts))
    check(status, dict(learned.facts))
