"""How the process is, in numbers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bridge import vitals


def test_memory_and_threads_are_told() -> None:
    found = vitals.process()
    assert 5 < found["rss_mib"] < 2_000
    assert found["threads"] == threading.active_count()


@pytest.mark.parametrize("content", [None, "", "12", "a b c"])
def test_memory_that_the_system_does_not_tell_is_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "statm"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(vitals, "_STATM", file)
    assert vitals.process()["rss_mib"] is None


def told(rates: vitals.Rates) -> tuple[object, object]:
    values = rates.values()
    return values["events_per_second"], values["publications_per_second"]


def test_rates_are_not_known_before_there_are_two_moments() -> None:
    rates = vitals.Rates()
    assert told(rates) == (None, None)
    rates.sample(100.0, 5, 5)
    assert told(rates) == (None, None)
    rates.sample(100.0, 6, 6)
    assert told(rates) == (None, None)


def test_rates_are_of_the_last_minute_and_asking_does_not_change_them() -> None:
    rates = vitals.Rates()
    for second in range(20):
        rates.sample(second * 1.1, second * 11, second * 22)
    assert told(rates) == (10.0, 20.0)
    assert told(rates) == (10.0, 20.0)
    for second in range(61):
        rates.sample(100.0 + second, 220, 440)
    assert told(rates) == (0.0, 0.0)


def test_rates_forget_nothing_that_is_younger_than_a_minute_and_keep_little() -> None:
    rates = vitals.Rates()
    for second in range(10_000):
        rates.sample(float(second), second // 3, 0)
    assert told(rates) == (0.33, 0.0)
    assert len(rates._samples) <= 62
    # A bridge that was held up for longer has two moments at least.
    rates.sample(20_000.0, 3_333 + 20_002, 10_001)
    assert told(rates) == (2.0, 1.0)
