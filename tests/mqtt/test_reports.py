"""What is said about the broker: every change, and nothing twice."""

from __future__ import annotations

import logging

import pytest

from bridge.core.events import BrokerDown, BrokerUp, Event
from bridge.mqtt.reports import LASTING, Reports


class Desk:
    """Reports with a clock to turn and an engine that can be busy."""

    def __init__(self) -> None:
        self.now = 0.0
        self.busy = False
        self.taken: list[Event] = []
        self.reports = Reports("host:1883", self.sink, lambda: self.now)

    def sink(self, event: Event) -> bool:
        if not self.busy:
            self.taken.append(event)
        return not self.busy


@pytest.fixture
def desk(caplog: pytest.LogCaptureFixture) -> Desk:
    caplog.set_level(logging.INFO)
    return Desk()


def test_repeated_failures_are_told_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    for text in ("refused", "refused", "no answer", "no answer", "refused"):
        desk.reports.down(text)
        desk.reports.tell()
    assert desk.taken == [BrokerDown("refused"), BrokerDown("no answer"), BrokerDown("refused")]
    assert len(caplog.records) == 3


def test_up_and_down_are_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.reports.down("refused")
    desk.reports.tell()
    desk.reports.up("5", "id")
    assert desk.reports.tell() == BrokerUp("5", "id")
    assert desk.reports.tell() is None
    desk.now += LASTING
    desk.reports.tick()
    desk.reports.down("refused")
    desk.reports.tell()
    assert desk.taken[2:] == [BrokerDown("refused")]
    assert len(caplog.records) == 3


def test_a_connection_that_flaps_fills_no_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(10):
        desk.reports.up("5", None)
        desk.reports.tell()
        desk.now += 1
        desk.reports.tick()
        desk.reports.down("taken over")
        desk.reports.tell()
    assert len(desk.taken) == 20, "the engine hears of each"
    assert len(caplog.records) == 3
    desk.reports.up("5", None)
    desk.now += LASTING
    desk.reports.tick()
    assert "lasts" in caplog.records[-1].getMessage()


def test_only_the_newest_word_waits_for_a_busy_engine(desk: Desk) -> None:
    desk.busy = True
    desk.reports.up("5", None)
    assert desk.reports.tell() is None
    assert desk.reports.waiting
    desk.reports.down("cut")
    desk.reports.tell()
    desk.busy = False
    desk.reports.tell()
    assert desk.taken == [BrokerDown("cut")]
    assert not desk.reports.waiting
