"""Bad input is named once, counted, and summed up."""

from __future__ import annotations

import logging

from bridge.core.effects import Log
from bridge.core.events import BadInput
from bridge.core.misconduct import MOST_NAMED, Misconduct
from tests.core.dialogue import DEVICE, OTHER


def test_the_first_of_a_kind_is_named() -> None:
    misconduct = Misconduct()
    event = BadInput("shelly-7-eu.shelly.cloud", "json", "the text is not JSON", DEVICE)
    text = f"shelly-7-eu.shelly.cloud, device {DEVICE}: the text is not JSON (json)"
    assert misconduct.record(event) == [Log(logging.WARNING, text)]
    assert misconduct.record(event) == []
    assert misconduct.counts == {"json": 2}


def test_another_device_source_or_kind_is_named_too() -> None:
    misconduct = Misconduct()
    for event in (
        BadInput("a", "json", "x"),
        BadInput("a", "json", "x", DEVICE),
        BadInput("a", "json", "x", OTHER),
        BadInput("b", "json", "x"),
        BadInput("a", "utf8", "x"),
    ):
        assert len(misconduct.record(event)) == 1
    assert misconduct.counts == {"json": 4, "utf8": 1}


def test_repetitions_are_summed_up_in_one_line() -> None:
    misconduct = Misconduct()
    for _ in range(4):
        misconduct.record(BadInput("a", "json", "x"))
    misconduct.record(BadInput("b", "json", "x"))
    assert misconduct.summary() == [Log(logging.WARNING, "repeated bad input: json from a: 3")]
    assert misconduct.summary() == []
    misconduct.record(BadInput("b", "json", "x"))
    assert misconduct.summary() == [Log(logging.WARNING, "repeated bad input: json from b: 1")]


def test_memory_has_an_end_but_counting_does_not() -> None:
    misconduct = Misconduct()
    lines = [misconduct.record(BadInput(f"a{n}", "json", "x")) for n in range(MOST_NAMED + 50)]
    assert sum(map(len, lines)) == MOST_NAMED
    assert misconduct.counts["json"] == MOST_NAMED + 50
