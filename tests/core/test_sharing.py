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


def test_numbers_words_and_small_objects_that_come_again_are_one_object() -> None:
    one, other = (
        json.loads(
            '{"voltage": 230.5, "current": 0.0, "ram_size": 250596, "source": "init",'
            ' "temperature": {"tC": 45.5, "tF": 113.9}}'
        )
        for _ in range(2)
    )
    first, second = compact(one), compact(other)
    for key in first:
        assert first[key] is second[key], key
    assert first == one


def test_long_texts_are_not_kept_for_others() -> None:
    one, other = (json.loads('"{}"'.format("x" * 1_000)) for _ in range(2))
    assert compact(one) is one
    assert compact(other) is other


@pytest.mark.parametrize(("one", "other"), [(True, 1), (1, 1.0), (0, False)])
def test_equal_values_of_other_types_stay_apart(one: Json, other: Json) -> None:
    assert type(alike({"a": one})["a"]) is type(one)
    assert type(alike({"a": other})["a"]) is type(other)
    assert type(compact(one)) is type(one)
    assert type(compact(other)) is type(other)


@pytest.mark.parametrize(
    "made", [lambda: tuple("ab"), lambda: frozenset("ab"), lambda: (("", tuple("ab")),)]
)
def test_equal_texts_are_one_object(made: Callable[[], Hashable]) -> None:
    first = same(made())
    assert same(made()) is first
    assert first == made()
