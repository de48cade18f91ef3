"""How values and times are written on pages."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import Json, LinkState, SourceKind
from bridge.core.views.shown import Course, Reading
from bridge.web import words


def course(*values: float | None, step: float = 30.0) -> Course:
    return Course("relay", 0, "power", "W", step, 1_000.0, values)


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (None, "W", "–"),
        (True, "", "yes"),
        (False, "", "no"),
        (0, "W", "0 W"),
        (12.5, "W", "12.5 W"),
        (1234.5678, "", "1,234.568"),
        (-0.25, "A", "-0.25 A"),
        (math.nan, "", "nan"),
        ("ON", "", "ON"),
        ([], "", "none"),
        ({"r": 1, "w": None}, "", "r 1, w –"),
        (["a", 1], "", '["a", 1]'),
        ("x" * 200, "", "x" * 79 + "…"),
    ],
)
def test_values(value: Json, unit: str, written: str) -> None:
    assert words.value(Reading("key", value, unit)) == written


def test_every_state_and_source_has_its_words() -> None:
    assert all(words.state(state) for state in LinkState)
    assert all(words.source(kind) for kind in SourceKind)
    assert words.reason("host_down")
    assert words.reason(None) == ""


@pytest.mark.parametrize(
    ("wall", "written"),
    [(None, ""), (0.0, "1970-01-01T00:00:00Z"), (1e18, ""), (-1e18, ""), (math.inf, "")],
)
def test_moments(wall: float | None, written: str) -> None:
    assert words.moment(wall) == written


def test_a_course_is_a_line_within_its_picture() -> None:
    assert words.points(course(0.0, 10.0, 5.0)) == "0.0,30.0 80.0,2.0 160.0,16.0"


def test_a_constant_is_in_the_middle() -> None:
    assert words.points(course(3.0, 3.0)) == "0.0,16.0 160.0,16.0"


def test_what_is_not_known_is_left_out() -> None:
    assert words.points(course(0.0, None, 10.0)) == "0.0,30.0 160.0,2.0"
    assert words.points(course(1.0, None)) == ""
    assert words.points(course()) == ""


@given(st.lists(st.none() | st.floats(-1e30, 1e30), max_size=200))
def test_every_point_is_within_the_picture(values: list[float | None]) -> None:
    for point in words.points(course(*values)).split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= words.WIDTH
        assert 0 <= y <= words.HEIGHT


def test_a_course_is_told_in_words_too() -> None:
    assert words.span(course(1.0, 2.5, step=60.0)) == "power from 1 W to 2.5 W in 1 minutes"
    assert words.span(course(None)) == "nothing yet"
