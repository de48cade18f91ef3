"""How the process is, in numbers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bridge import vitals


def test_memory_and_threads_are_told() -> None:
    told = vitals.process()
    assert 5 < told["rss_mib"] < 2_000
    assert told["threads"] == threading.active_count()


@pytest.mark.parametrize("content", [None, "", "12", "a b c"])
def test_memory_that_the_system_does_not_tell_is_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "statm"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(vitals, "_STATM", file)
    assert vitals.process()["rss_mib"] is None
