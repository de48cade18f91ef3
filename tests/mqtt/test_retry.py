"""Which version is tried next, and when."""

from __future__ import annotations

import random

import pytest

from bridge.mqtt.connection import V5, V311, Failure
from bridge.mqtt.retry import SILENT_CLOSES, Retry


def test_a_fixed_version_stays() -> None:
    for name, version in (("5", V5), ("3.1.1", V311)):
        retry = Retry(name)
        for failure in Failure:
            retry.failed(failure)
            assert retry.version == version


@pytest.mark.parametrize("failure", [Failure.VERSION, Failure.SILENT])
def test_auto_falls_back_to_the_older_version(failure: Failure) -> None:
    retry = Retry("auto")
    assert retry.version == V5
    retry.failed(failure)
    assert retry.version == V311


def test_the_older_version_is_tried_at_once_but_not_for_ever() -> None:
    retry = Retry("auto")
    assert retry.failed(Failure.VERSION) == 0
    assert retry.failed(Failure.VERSION) > 0
    assert retry.version == V5


def test_what_worked_is_remembered() -> None:
    retry = Retry("auto")
    retry.failed(Failure.VERSION)
    retry.opened()
    retry.ended(100)
    assert retry.version == V311
    retry.failed(Failure.UNREACHABLE)
    assert retry.version == V311
    retry.failed(Failure.REFUSED)
    assert retry.version == V5


def test_a_broker_that_spoke_5_is_not_downgraded_by_one_closed_connection() -> None:
    retry = Retry("auto")
    retry.opened()
    for _ in range(SILENT_CLOSES - 1):
        retry.failed(Failure.SILENT)
        assert retry.version == V5
    retry.failed(Failure.SILENT)
    assert retry.version == V311


def test_attempts_are_jittered_and_at_most_five_seconds_apart() -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    delays = []
    for _ in range(50):
        retry = Retry("auto", chance.random)
        delays.append([retry.failed(Failure.UNREACHABLE) for _ in range(10)])
    assert max(max(each) for each in delays) <= 5
    assert min(each[0] for each in delays) >= 0.2
    assert len({each[0] for each in delays}) > 40


def test_wrong_credentials_make_at_most_twenty_attempts_in_ten_minutes() -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    for _ in range(200):
        retry, time, attempts = Retry("auto", chance.random), 0.0, 0
        while time < 600:
            delay = retry.failed(Failure.CREDENTIALS)
            assert delay <= 60
            time += delay
            attempts += 1
        assert attempts <= 20


def test_a_lasting_connection_makes_the_next_delay_short() -> None:
    retry = Retry("auto", lambda: 1.0)
    for _ in range(10):
        retry.failed(Failure.UNREACHABLE)
    assert retry.ended(1.0) > 3
    assert retry.ended(120.0) < 1
