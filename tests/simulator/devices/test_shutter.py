"""Rollers take their time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.devices.orders import Order, PositionOrder, Refused, RelayOrder, RollerOrder
from bridge.simulator.devices.shutter import CLOSING, OPENING, RESTING, Shutter
from bridge.simulator.devices.things import NEVER


def test_it_travels_at_its_speed_and_stops_at_the_end() -> None:
    shutter = Shutter(20.0)
    shutter.obey(RollerOrder("close"), "cloud", 100.0)
    assert (shutter.direction, shutter.power, shutter.target) == (CLOSING, 140, None)
    shutter.advance(105.0)
    assert shutter.position == 75
    shutter.advance(500.0)
    assert (shutter.position, shutter.direction, shutter.power) == (0, RESTING, 0)
    assert shutter.energy == pytest.approx(140 * 20 / 3600)
    assert shutter.due() == NEVER


def test_it_tells_its_position_every_second_on_the_way() -> None:
    shutter = Shutter(20.0)
    shutter.obey(PositionOrder(pos=90), "cloud", 0.0)
    assert shutter.due() == 1
    shutter.advance(1.0)
    assert (shutter.shown, shutter.due()) == (95, 2)


def test_stop_stops_where_it_is() -> None:
    shutter = Shutter(10.0, position=0.0)
    shutter.obey(RollerOrder("open"), "cloud", 0.0)
    assert shutter.direction == OPENING
    shutter.obey(RollerOrder("stop"), "cloud", 3.0)
    assert (shutter.shown, shutter.direction, shutter.last_direction) == (30, RESTING, OPENING)


def test_a_duration_limits_the_way() -> None:
    shutter = Shutter(10.0)
    shutter.obey(RollerOrder("close", duration=2.0), "cloud", 0.0)
    shutter.advance(9.0)
    assert shutter.shown == 80


def test_it_drives_to_a_position_and_by_a_distance() -> None:
    shutter = Shutter(10.0)
    shutter.obey(PositionOrder(pos=40), "cloud", 0.0)
    assert shutter.target == 40
    shutter.advance(60.0)
    assert shutter.position == 40
    assert shutter.target is None
    shutter.obey(PositionOrder(rel=-60), "cloud", 60.0)
    shutter.advance(120.0)
    assert shutter.position == 0


def test_uncalibrated_it_knows_no_positions() -> None:
    shutter = Shutter(10.0, calibrated=False)
    with pytest.raises(Refused, match="not calibrated"):
        shutter.obey(PositionOrder(pos=40), "cloud", 0.0)
    shutter.obey(RollerOrder("close"), "cloud", 0.0)
    assert shutter.direction == CLOSING


def test_slats_turn_only_where_there_are_some() -> None:
    with pytest.raises(Refused, match="no slats"):
        Shutter().obey(PositionOrder(slat_pos=40), "cloud", 0.0)
    shutter = Shutter(slats=True)
    shutter.obey(PositionOrder(slat_pos=40), "cloud", 0.0)
    shutter.obey(PositionOrder(slat_rel=-50), "cloud", 0.0)
    assert (shutter.slat, shutter.direction) == (0, RESTING)


def test_an_obstacle_stops_it_until_the_next_order() -> None:
    shutter = Shutter(10.0)
    shutter.obey(RollerOrder("close"), "cloud", 0.0)
    shutter.block(4.0)
    assert (shutter.shown, shutter.stop_reason) == (60, "obstacle")
    shutter.obey(RollerOrder("open"), "cloud", 5.0)
    assert shutter.stop_reason == "normal"


def test_an_order_for_something_else_is_refused() -> None:
    with pytest.raises(Refused):
        Shutter().obey(RelayOrder("on"), "cloud", 0.0)


ORDERS: st.SearchStrategy[Order] = st.one_of(
    st.sampled_from(["open", "close", "stop"]).map(RollerOrder),
    st.integers(0, 100).map(PositionOrder),
    st.integers(-100, 100).map(lambda rel: PositionOrder(rel=rel)),
)


@given(st.lists(st.tuples(ORDERS, st.floats(0.0, 12.0))))
def test_it_stays_between_its_ends_and_always_comes_to_rest(
    steps: list[tuple[Order, float]],
) -> None:
    shutter, now = Shutter(10.0), 0.0
    for order, pause in steps:
        shutter.obey(order, "cloud", now)
        now += pause
        shutter.advance(now)
        assert 0 <= shutter.position <= 100
    shutter.advance(now + 11)
    assert shutter.direction == RESTING
    assert shutter.position == shutter.shown or steps
