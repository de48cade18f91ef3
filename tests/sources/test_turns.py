"""Many who come at the same moment go one after the other; one alone does not wait."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from bridge.sources.turns import Turns


def test_one_alone_goes_at_once() -> None:
    turns = Turns(0.01)
    assert turns.take() == 0.0
    threading.Event().wait(0.02)
    assert turns.take() == 0.0


def test_a_hundred_at_once_go_one_after_the_other() -> None:
    turns = Turns(10.0)
    begin = time.monotonic()
    moments: list[float] = []

    def come() -> None:
        moments.append(turns.take() + time.monotonic() - begin)

    threads = [threading.Thread(target=come) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    moments.sort()
    assert moments[0] < 5
    for one, another in pairwise(moments):
        assert another - one == pytest.approx(10.0, abs=5)
