"""What the manager hears and when: ready once, more time until then, signs of life while alive."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bridge.notify import Notifier
from bridge.supervision import INTERVAL, MORE_TIME, Supervision

MORE = int(MORE_TIME * 1e6)


class Told(Notifier):
    """Remembers what would be sent, and may be deaf."""

    def __init__(self, watchdog: float | None = 60.0) -> None:
        super().__init__({"NOTIFY_SOCKET": "@nobody"})
        self.watchdog = watchdog
        self.messages: list[dict[str, Any]] = []
        self.deaf = False

    def tell(self, **values: str | int) -> bool:
        if not self.deaf:
            self.messages.append(values)
        return not self.deaf


def test_until_it_is_ready_it_asks_for_more_time() -> None:
    told = Told()
    supervision = Supervision(told)
    supervision.look(0.0, ready=False, alive=True, status="waiting")
    supervision.look(0.0 + INTERVAL, ready=False, alive=True, status="waiting")
    assert told.messages == [
        {"EXTEND_TIMEOUT_USEC": MORE, "STATUS": "waiting", "WATCHDOG": 1},
        {"EXTEND_TIMEOUT_USEC": MORE, "WATCHDOG": 1},
    ]


def test_ready_is_told_at_once_and_once_even_if_the_broker_goes_again() -> None:
    told = Told()
    supervision = Supervision(told)
    supervision.look(10.0, ready=False, alive=True, status="waiting")
    supervision.look(10.2, ready=True, alive=True, status="fine")
    supervision.look(20.0, ready=False, alive=True, status="waiting")
    supervision.look(30.0, ready=True, alive=True, status="fine")
    assert told.messages[1:] == [
        {"READY": 1, "STATUS": "fine", "WATCHDOG": 1},
        {"STATUS": "waiting", "WATCHDOG": 1},
        {"STATUS": "fine", "WATCHDOG": 1},
    ]


def test_one_that_hangs_gives_no_sign_of_life_and_gets_no_more_time() -> None:
    told = Told()
    supervision = Supervision(told)
    supervision.look(0.0, ready=False, alive=False, status="waiting")
    supervision.look(10.0, ready=False, alive=False, status="waiting")
    assert told.messages == [{"STATUS": "waiting"}]


def test_without_a_watchdog_no_signs_of_life_are_sent() -> None:
    told = Told(watchdog=None)
    supervision = Supervision(told)
    supervision.look(0.0, ready=True, alive=True, status="fine")
    supervision.look(10.0, ready=True, alive=True, status="fine")
    assert told.messages == [{"READY": 1, "STATUS": "fine"}]


@pytest.mark.parametrize("watchdog", [60.0, 24.0])
def test_one_that_hangs_is_noticed_soon_after_the_watchdogs_time(watchdog: float) -> None:
    told = Told(watchdog)
    supervision = Supervision(told)
    for tenth in range(600):
        supervision.look(tenth / 10, ready=True, alive=True, status="fine")
    pause = 60 / len(told.messages)
    assert watchdog / 15 <= pause <= watchdog / 12 + 0.1
    assert pause <= INTERVAL


def test_what_the_manager_did_not_take_is_told_again() -> None:
    told = Told()
    supervision = Supervision(told)
    told.deaf = True
    supervision.look(0.0, ready=True, alive=True, status="fine")
    told.deaf = False
    supervision.look(0.1, ready=True, alive=True, status="fine")
    assert told.messages == [{"READY": 1, "STATUS": "fine", "WATCHDOG": 1}]


def test_nothing_is_due_where_nobody_listens() -> None:
    assert not Supervision(Notifier({})).due(time.monotonic(), ready=True)


def test_a_restart_is_no_stop() -> None:
    told = Told()
    supervision = Supervision(told)
    supervision.ending(restart=True)
    supervision.ending(restart=False)
    assert told.messages[0]["RELOADING"] == 1
    assert told.messages[0]["MONOTONIC_USEC"] == pytest.approx(time.monotonic() * 1e6, abs=5e6)
    assert "STOPPING" not in told.messages[0]
    assert told.messages[1]["STOPPING"] == 1
