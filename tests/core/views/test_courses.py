"""How values went since the start: every value, on one clock, in a bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.device import Device
from bridge.core.effects import Show
from bridge.core.events import Looked
from bridge.core.model import DeviceId
from bridge.core.views import courses
from bridge.core.views.asked import Courses
from bridge.core.views.courses import FIRST_STEP, MOST_POINTS, Tracks
from tests.core.dialogue import DEVICE, Dialogue, online


def device(power: object, name: str = DEVICE) -> Device:
    made = Device(DeviceId(name))
    made.apply({"switch:0": {"id": 0, "output": True, "apower": power}}, full=True, wall=0.0)
    return made


def powers(tracks: Tracks, name: str = DEVICE) -> list[float | None]:
    (course,) = (course for course in tracks.of(DeviceId(name)) if course.key == "power")
    return list(course.values)


def test_each_tick_adds_a_point() -> None:
    tracks = Tracks()
    for power in (1.5, 2.5, 4.0):
        tracks.tick([device(power)], 1_000.0)
    assert powers(tracks) == [1.5, 2.5, 4.0]
    (course,) = tracks.of(DEVICE)
    assert (course.kind, course.number, course.unit) == ("relay", 0, "W")
    assert (course.step, course.end) == (FIRST_STEP, 1_000.0)


def test_what_was_not_known_is_a_gap() -> None:
    tracks = Tracks()
    for power in (1.5, None, 4.0):
        tracks.tick([device(power)], 0.0)
    assert powers(tracks) == [1.5, None, 4.0]


def test_a_device_that_is_gone_is_forgotten() -> None:
    tracks = Tracks()
    tracks.tick([device(1.0)], 0.0)
    tracks.tick([], 30.0)
    assert tracks.of(DEVICE) == ()


def test_a_device_that_came_later_ends_at_the_same_time() -> None:
    tracks = Tracks()
    tracks.tick([device(1.0)], 0.0)
    tracks.tick([device(2.0), device(7.0, "0cb815fd44e1")], 30.0)
    assert powers(tracks, "0cb815fd44e1") == [7.0]
    assert powers(tracks) == [1.0, 2.0]


@settings(max_examples=50)  # each of them is a whole day of ticks
@given(st.integers(1, 1_500))
def test_points_stay_bounded_and_evenly_spaced(ticks: int) -> None:
    tracks = Tracks()
    now = 0.0
    one = device(0.0)
    for _ in range(ticks):
        one.apply({"switch:0": {"apower": now}}, full=False, wall=now)
        now += tracks.tick([one], now)
    (course,) = tracks.of(DEVICE)
    assert 1 <= len(course.values) <= MOST_POINTS
    known = [value for value in course.values if value is not None]
    assert known == pytest.approx(
        [course.end - course.step * back for back in reversed(range(len(known)))], abs=course.step
    )


def test_only_so_many_values_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courses, "MOST_COURSES", 1)
    tracks = Tracks()
    tracks.tick([device(1.0), device(2.0, "0cb815fd44e1")], 0.0)
    assert powers(tracks) == [1.0]
    assert tracks.of(DeviceId("0cb815fd44e1")) == ()


def test_a_value_that_is_followed_no_more_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courses, "MOST_COURSES", 1)
    tracks = Tracks()
    first, second = device(1.0), device(2.0, "0cb815fd44e1")
    tracks.tick([first, second], 0.0)
    tracks.tick([first, second], 30.0)
    assert powers(tracks) == [1.0, 1.0]
    tracks.tick([second], 60.0)
    tracks.tick([second], 90.0)
    assert powers(tracks, "0cb815fd44e1") == [2.0]


def shown(dialogue: Dialogue) -> object:
    return dialogue.says(Looked(1, Courses(DEVICE))).one(Show).document


def test_the_engine_takes_a_point_now_and_then_if_anybody_may_look() -> None:
    status = {"switch:0": {"id": 0, "output": True, "apower": 12.0}}
    followed = online(status=status, courses=True)
    followed.waits(FIRST_STEP + 1)
    document = shown(followed)
    assert isinstance(document, tuple)
    assert [list(course.values) for course in document] == [[12.0, 12.0]]
    alone = online(status=status)
    alone.waits(FIRST_STEP + 1)
    assert shown(alone) == ()
