"""A button press is told once: not for each frame that repeats it, not for each link."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import LinkId
from bridge.core.presses import WINDOW, Press, Presses

HOME, HOST = LinkId("home"), LinkId("shelly-7-eu.shelly.cloud")
WALL = 1_790_000_000.0


def counted(count: int, event: str = "S", serial: int | None = None) -> dict[str, Any]:
    """A Gen1 frame."""
    frame: dict[str, Any] = {"inputs": [{"input": 0, "event": event, "event_cnt": count}]}
    return frame if serial is None else {**frame, "serial": serial}


def shown(event: str = "S", serial: float | None = None, number: int = 0) -> dict[str, Any]:
    """A frame of Gen2+ or BLU."""
    frame: dict[str, Any] = {f"v_eve:{number}": {"id": number, "ev": event, "ttl": 1}}
    return frame if serial is None else {**frame, "serial": serial}


class Button:
    """A device with presses, and a clock that is told."""

    def __init__(self) -> None:
        self.presses = Presses()
        self.wall = WALL
        self.inputs: Any = None

    def says(self, frame: dict[str, Any], link: LinkId = HOME) -> list[str]:
        found = self.presses.told(link, frame, self.inputs, self.wall)
        self.inputs = frame.get("inputs", self.inputs)
        return [press.event_type for press in found]

    def snapshot(self, frame: dict[str, Any], link: LinkId = HOME) -> None:
        self.presses.snapshot(link, frame, self.wall)
        self.inputs = frame.get("inputs")


def test_the_first_count_is_no_press_and_each_change_is_one() -> None:
    button = Button()
    assert button.says(counted(4)) == []
    assert button.says(counted(5)) == ["single"]
    assert button.says(counted(5)) == []
    assert button.says(counted(6, "L")) == ["long"]


def test_a_press_that_is_shown_counts_once_for_each_frame() -> None:
    button = Button()
    assert button.says(shown(serial=1.5)) == ["single_push"]
    assert button.says(shown(serial=1.5)) == []
    assert button.says(shown(serial=2.5)) == ["single_push"]
    assert button.says(shown("")) == []
    assert button.says(shown()) == ["single_push"]
    assert button.says(shown()) == ["single_push"]


def test_a_press_within_the_moment_in_which_the_one_before_faded_is_told() -> None:
    button = Button()
    for link in (HOME, HOST):
        assert button.says(shown("", serial=1.5), link) == []
    assert button.says(shown(serial=1.5), HOME) == ["single_push"]
    assert button.says(shown(serial=1.5), HOST) == []
    assert button.says(shown(number=1, serial=1.5), HOME) == ["single_push"]
    assert button.says(shown("", serial=1.5), HOME) == []
    assert button.says(shown(serial=1.5), HOME) == []


def test_a_frame_without_a_count_between_two_that_are_the_same() -> None:
    button = Button()
    assert button.says(shown(serial=1.5)) == ["single_push"]
    assert button.says(shown("L")) == ["long_push"]
    assert button.says(shown(serial=1.5)) == []


def test_a_snapshot_is_no_press() -> None:
    button = Button()
    button.says(counted(4))
    button.snapshot(counted(9))
    assert button.says(counted(9)) == []
    assert button.says(counted(10)) == ["single"]


def test_a_press_whose_frame_was_overtaken_by_the_snapshot_is_not_lost() -> None:
    button = Button()
    button.snapshot(counted(4, serial=10))
    button.snapshot(counted(6, serial=12))
    assert button.says(counted(5, serial=11)) == ["single"]
    assert button.says(counted(6, serial=12)) == ["single"]
    assert button.says(counted(6, serial=13)) == []
    assert button.says(counted(7, serial=14)) == ["single"]


def test_a_counter_that_begins_anew_after_a_while_is_no_overtaken_frame() -> None:
    button = Button()
    button.snapshot(counted(4, serial=10))
    button.snapshot(counted(6, serial=500))
    button.wall += WINDOW + 1
    assert button.says(counted(6, serial=1)) == []
    assert button.says(counted(7, serial=2)) == ["single"]


def test_two_links_that_tell_the_same_press_tell_it_once() -> None:
    button = Button()
    for link in (HOME, HOST):
        button.snapshot(counted(4), link)
    assert button.says(counted(5), HOME) == ["single"]
    assert button.says(counted(6), HOME) == ["single"]
    assert button.says(counted(5), HOST) == []
    assert button.says(counted(6), HOST) == []
    assert button.says(counted(7), HOST) == ["single"]


def test_the_same_for_presses_that_are_shown() -> None:
    button = Button()
    assert button.says(shown(serial=1), HOME) == ["single_push"]
    assert button.says(shown(serial=2), HOME) == ["single_push"]
    assert button.says(shown(serial=1), HOST) == []
    assert button.says(shown(serial=2), HOST) == []
    assert button.says(shown("L", serial=3), HOST) == ["long_push"]


def test_links_of_which_only_one_stamps_its_frames() -> None:
    button = Button()
    assert button.says(shown(serial=1), HOME) == ["single_push"]
    assert button.says(shown(), HOST) == []
    assert button.says(shown(), HOST) == ["single_push"]
    assert button.says(shown(serial=2), HOME) == []


def test_the_same_press_much_later_is_another_one() -> None:
    button = Button()
    assert button.says(shown(), HOME) == ["single_push"]
    button.wall += WINDOW + 1
    assert button.says(shown(), HOST) == ["single_push"]


def test_presses_of_several_buttons_do_not_mix() -> None:
    button = Button()
    assert button.says(shown(serial=1, number=0), HOME) == ["single_push"]
    found = button.presses.told(HOST, shown(serial=1, number=1), None, WALL)
    assert found == [Press(1, "single_push")]


@given(
    order=st.permutations([HOME] * 6 + [HOST] * 6),
    gen1=st.booleans(),
    stamped=st.booleans(),
)
def test_whatever_comes_first_each_press_is_told_once(
    order: list[LinkId], gen1: bool, stamped: bool
) -> None:
    """Each link tells the same six presses in their order; how they interleave does not matter."""
    button = Button()
    if gen1:
        for link in (HOME, HOST):
            button.snapshot(counted(0), link)
    told = []
    done = {HOME: 0, HOST: 0}
    for link in order:
        done[link] += 1
        number = done[link]
        frame = counted(number) if gen1 else shown(serial=number if stamped else None)
        told += button.says(frame, link)
    assert len(told) == 6


@given(
    st.dictionaries(
        st.sampled_from(["inputs", "v_eve:0", "v_eve:x", "serial", "ts"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=3) | st.floats(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["event", "event_cnt", "ev"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_whatever_a_frame_holds_it_is_survived(frame: dict[str, Any]) -> None:
    button = Button()
    button.snapshot(frame)
    button.says(frame)
    button.snapshot(counted(4, serial=1))
    button.says(frame, HOST)
    button.says(frame)
