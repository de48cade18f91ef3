"""The physics."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.devices.orders import LightOrder, Refused, RelayOrder
from bridge.simulator.devices.things import NEVER, Climate, Input, Lamp, Outlet, Phase

DICE = Random(1)  # noqa: S311 - noise on measured values


def test_an_output_draws_power_only_while_it_is_on() -> None:
    outlet = Outlet(1000.0)
    outlet.measure(DICE)
    assert outlet.power == 0
    outlet.obey(RelayOrder("on"), "cloud", 100.0)
    assert outlet.on
    assert outlet.source == "cloud"
    assert outlet.power == 1000
    outlet.measure(DICE)
    assert outlet.power == pytest.approx(1000, rel=0.05)
    assert outlet.power != 1000
    outlet.obey(RelayOrder("toggle"), "cloud", 200.0)
    assert not outlet.on
    assert outlet.power == 0


def test_energy_is_power_times_time() -> None:
    outlet = Outlet(1200.0)
    outlet.switch(True, "x", 0.0)
    outlet.advance(1800.0)
    assert outlet.energy == pytest.approx(600)
    outlet.switch(False, "x", 3600.0)
    outlet.advance(7200.0)
    assert outlet.energy == pytest.approx(1200)


def test_a_timer_flips_back_at_its_time_and_energy_counts_until_then() -> None:
    outlet = Outlet(3600.0)
    outlet.obey(RelayOrder("on", timeout=10.0), "cloud", 100.0)
    assert outlet.due() == 110
    outlet.advance(104.0)
    assert outlet.timer_left == 6
    outlet.advance(109.9)
    assert outlet.on
    outlet.advance(150.0)
    assert not outlet.on
    assert outlet.source == "timer"
    assert outlet.due() == NEVER
    assert outlet.energy == pytest.approx(10)


def test_a_new_order_forgets_the_timer() -> None:
    outlet = Outlet(10.0)
    outlet.obey(RelayOrder("on", timeout=10.0), "cloud", 0.0)
    outlet.obey(RelayOrder("on"), "cloud", 5.0)
    outlet.advance(100.0)
    assert outlet.on


@given(st.lists(st.tuples(st.sampled_from(["on", "off", "toggle"]), st.floats(0, 1e6))))
def test_energy_never_goes_backwards(steps: list[tuple[str, float]]) -> None:
    outlet = Outlet(500.0)
    for turn, moment in steps:
        before = outlet.energy
        outlet.advance(moment)
        outlet.obey(RelayOrder(turn), "x", moment)
        assert outlet.energy >= before


def test_a_dimmed_lamp_draws_its_share_and_keeps_what_is_not_ordered() -> None:
    lamp = Lamp(100.0, frozenset())
    lamp.obey(LightOrder(turn="on", brightness=20), "x", 0.0)
    assert lamp.power == 20
    lamp.obey(LightOrder(brightness=60), "x", 1.0)
    assert lamp.on
    assert lamp.power == 60
    lamp.obey(LightOrder(turn="off"), "x", 2.0)
    assert (lamp.power, lamp.brightness) == (0, 60)
    lamp.obey(LightOrder(brightness=10), "x", 3.0)
    assert not lamp.on


@pytest.mark.parametrize(
    "order", [LightOrder(temp=3000), LightOrder(white=1), LightOrder(red=1), LightOrder(effect=1)]
)
def test_a_lamp_refuses_what_it_cannot_do(order: LightOrder) -> None:
    with pytest.raises(Refused, match="this light has no"):
        Lamp(10.0, frozenset()).obey(order, "x", 0.0)


def test_a_gen1_lamp_dims_colour_by_gain_and_white_by_brightness() -> None:
    lamp = Lamp(10.0, frozenset({"red", "white"}), mode="color", split=True)
    lamp.obey(LightOrder(turn="on", gain=30, red=255, green=0, blue=0), "x", 0.0)
    assert (lamp.gain, lamp.brightness, lamp.rgb) == (30, 50, [255, 0, 0])
    lamp.obey(LightOrder(brightness=70), "x", 0.0)
    assert (lamp.gain, lamp.brightness) == (30, 70)


def test_a_gen2_lamp_takes_gain_for_brightness() -> None:
    lamp = Lamp(10.0, frozenset({"red"}))
    lamp.obey(LightOrder(gain=30), "x", 0.0)
    assert lamp.brightness == 30


def test_an_order_for_something_else_is_refused() -> None:
    with pytest.raises(Refused):
        Outlet(1.0).obey(LightOrder(turn="on"), "x", 0.0)
    with pytest.raises(Refused):
        Lamp(1.0, frozenset()).obey(RelayOrder("on"), "x", 0.0)


def test_a_phase_counts_what_it_takes_and_what_it_returns() -> None:
    phase = Phase(-720.0)
    phase.advance(0.0)
    phase.advance(3600.0)
    phase.power = 360.0
    phase.advance(7200.0)
    assert (phase.energy, phase.returned) == (360, 720)
    phase.measure(DICE)
    assert phase.apparent >= abs(phase.power)


def test_weather_changes_with_the_time_of_day() -> None:
    room = Climate(20.0)
    seen = set()
    for hour in range(24):
        room.advance(hour * 3600.0)
        room.measure(DICE)
        seen.add(room.temperature)
        assert 17 < room.temperature < 23
        assert 0 < room.humidity < 100
    assert len(seen) > 5


def test_a_switch_is_followed_and_a_button_counts() -> None:
    outlet = Outlet(5.0)
    switch = Input("switch", follower=outlet)
    switch.press("S", 1.0)
    assert switch.on
    assert (outlet.on, outlet.source) == (True, "switch")
    button = Input("button", fades=True)
    button.press("L", 1.0)
    assert (button.event, button.count, button.due()) == ("L", 1, 2.0)
    button.advance(2.0)
    assert (button.event, button.count, button.due()) == ("", 1, NEVER)
