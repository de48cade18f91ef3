"""Equal values as one object."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import Json
from bridge.core.sharing import alike, compact, same

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(VALUES)
def test_nothing_changes(value: Json) -> None:
    for result in (alike(value), compact(value)):
        assert json.dumps(result) == json.dumps(value)


def test_flags_of_many_devices_are_one_object() -> None:
    assert compact({"connected": True}) is compact({"connected": True})
    assert compact([]) is compact([])
    assert compact({"cloud": {"connected": False}})["cloud"] is compact({"connected": False})


@pytest.mark.parametrize(("one", "other"), [(True, 1), (1, 1.0), (0, False)])
def test_equal_values_of_other_types_stay_apart(one: Json, other: Json) -> None:
    assert type(alike({"a": one})["a"]) is type(one)
    assert type(alike({"a": other})["a"]) is type(other)


@pytest.mark.parametrize(
    "made", [lambda: tuple("ab"), lambda: frozenset("ab"), lambda: (("", tuple("ab")),)]
)
def test_equal_texts_are_one_object(made: Callable[[], Hashable]) -> None:
    first = same(made())
    assert same(made()) is first
    assert first == made()
