"""A thread that stands still, as in a debugger: no more signs of life, and the process ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from bridge.watch import PARTS
from tests.brokers import wait_until
from tests.faults.scale import LONG, show
from tests.manager import Manager
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config

WATCHDOG = 60.0
"""Seconds that a manager waits for a sign of life."""
NOTICED = 5.0
"""Seconds that it may take longer than that."""
LOOKS = 2.0
"""How late (s) a look at the parts may be on a busy machine."""
STOPS = 7.5


class Frozen(NamedTuple):
    """Where a thread stands still, and how long that is borne."""

    place: str
    late: float
    stuck: float


THREADS = {
    "engine": Frozen("bridge.core.engine:Engine.tick", 2, 4),
    "mqtt": Frozen("bridge.mqtt.publisher:Publisher.work", 2, 4),
}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path) as listening:
        yield listening


@pytest.mark.parametrize("thread", THREADS if LONG else ["engine"])
@pytest.mark.timeout(180)
def test_a_frozen_thread_ends_the_signs_of_life_and_then_the_process(
    tmp_path: Path, manager: Manager, thread: str
) -> None:
    place, late, stuck = THREADS[thread]
    environment = {
        "NOTIFY_SOCKET": manager.address,
        # As for a minute, but told more often, so that the last sign is seen sharply.
        "WATCHDOG_USEC": "1200000",
        "BREAK": f"{place} {thread}",
        "BREAK_HOW": "hang",
    }
    if LONG:
        late, stuck = PARTS[thread].late, PARTS[thread].stuck
    else:
        environment["PATIENCE"] = f"{late},{stuck}"
    with World() as world, Broker() as broker:
        store_grants(tmp_path, [world.add_device("SNSW-001P16EU")])
        config = write_config(world, broker.port, tmp_path)
        with BridgeProcess(config, **environment) as bridge:
            wait_until(lambda: manager.said("READY"), 20)
            bridge.arm()
            world.run_load(20, seconds=60)
            wait_until(lambda: "broken" in bridge.log, 15, "it stands still")
            since = time.monotonic()
            assert bridge.running.wait(stuck + STOPS + 10) == 1
            took = time.monotonic() - since
            assert f"stuck, so the bridge ends: {thread}" in bridge.log
    last = manager.heard_at("WATCHDOG")[-1] - since
    show(f"{thread}: last sign of life after {last:.1f} s, ended after {took:.1f} s")
    assert last <= late + LOOKS
    assert took <= stuck + STOPS + LOOKS
    assert min(took, last + WATCHDOG) <= WATCHDOG + NOTICED


def test_what_stands_still_is_over_within_a_managers_minute_and_a_little() -> None:
    for name in THREADS:
        patience = PARTS[name]
        assert min(patience.late + WATCHDOG, patience.stuck + STOPS) <= WATCHDOG + NOTICED
