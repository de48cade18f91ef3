"""The broker dies under load, or stops answering, and everything is right again soon after."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.brokers import MosquittoProcess, wait_until
from tests.faults.broker_rig import (
    EVENTS,
    EVERYTHING,
    Commander,
    retained_topics,
    running,
    wait_complete,
    wait_kept,
)
from tests.faults.judge import Judge, Listener, wrong_states
from tests.faults.scale import scaled, show

pytestmark = pytest.mark.mosquitto

HEALED = 12.0
"""Seconds after the broker accepts connections again, for every value and for 2,000 topics."""
RECONNECT = 5.0
BURST, PACE = 500, 400.0
"""How fast the rest of the topics follows: so many at once, and then per second."""
GROWTH = 10.0
"""MiB that an outage may cost."""
REFILL = 1.2
"""Messages per topic that a refill may take."""


def repeats(listener: Listener, since: float) -> float:
    """Messages per value: how often the same payload of a topic was heard, on average."""
    times = Counter(
        (each.topic, each.payload)
        for each in listener.since(since)
        if not each.topic.endswith(("/result", "/event"))
    )
    return sum(times.values()) / len(times)


def test_a_killed_broker_comes_back_empty_under_load(tmp_path: Path) -> None:
    judge = Judge()
    with (
        MosquittoProcess() as broker,
        Listener(broker.port, *EVERYTHING, judge=judge) as ear,
        running(tmp_path, broker.port, int(scaled(100, 500))) as system,
    ):
        wait_complete(system, ear)
        load = system.world.run_load(EVENTS)
        with Commander(broker.port, system.devices, judge) as commander:
            wait_until(lambda: judge.numbers > 4 * len(system.devices), 30, "the load is heard")
            before = set(retained_topics(broker.port))
            memory = system.bridge.memory
            broker.kill()
            threading.Event().wait(scaled(4, 60))
            grown = system.bridge.memory - memory
            numbers = [load.number(device) for device in system.devices]
            broker.start()
            back = time.monotonic()
            wait_until(lambda: system.is_past(ear, numbers), 3 * HEALED, "every value")
            values = time.monotonic() - back
            wait_until(lambda: before <= ear.values.keys(), 3 * HEALED, "every topic")
            healed = time.monotonic() - back
            served = commander.prove()
        assert load.stop()
        wait_until(lambda: not wrong_states(load, ear.values), HEALED, "the last values")
        wait_kept(load, broker.port)
        for device in system.devices:
            judge.carried_out(device)
        ratio = repeats(ear, back)
        show(
            f"{len(numbers)} values healed in {values:.1f} s, "
            f"{len(before)} topics in {healed:.1f} s, memory {grown:+.1f} MiB, "
            f"{ratio:.2f} messages per value, {commander.count} commands {judge.statuses()}"
        )
        assert judge.verdict(results_since=served) == {}
        assert values <= HEALED
        assert healed <= max(HEALED, 1.5 * (RECONNECT + (len(before) - BURST) / PACE))
        assert grown <= GROWTH
        assert ratio <= REFILL
