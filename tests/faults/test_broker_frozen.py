"""A broker that takes bytes and does nothing, and subscribers that are slow."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from bridge.mqtt.connection import NO_ANSWER
from tests.brokers import MosquittoProcess, wait_until
from tests.faults.broker_rig import (
    EVENTS,
    EVERYTHING,
    Commander,
    running,
    wait_complete,
    wait_kept,
)
from tests.faults.judge import Judge, Listener, wrong_states
from tests.faults.scale import scaled, show

pytestmark = pytest.mark.mosquitto

DEVICES = 50
KEEPALIVE = int(scaled(2, 10))
GROWTH = 10.0
"""MiB that an outage may cost."""
HEALED = 15.0


def test_a_frozen_broker_is_noticed_and_costs_nothing(tmp_path: Path) -> None:
    judge = Judge()
    with (
        MosquittoProcess() as broker,
        Listener(broker.port, *EVERYTHING, judge=judge, keepalive=120) as ear,
        running(tmp_path, broker.port, DEVICES, mqtt__keepalive=str(KEEPALIVE)) as system,
    ):
        wait_complete(system, ear)
        load = system.world.run_load(EVENTS)
        with Commander(broker.port, system.devices, judge, keepalive=120) as commander:
            wait_until(lambda: judge.numbers > 4 * DEVICES, 30, "the load is heard")
            wait_until(judge.statuses, 10, "commands are answered")
            memory = system.bridge.memory
            broker.freeze()
            began = time.monotonic()
            wait_until(lambda: NO_ANSWER in system.bridge.log, 4 * KEEPALIVE, "it is noticed")
            noticed = time.monotonic() - began
            threading.Event().wait(max(0.5, scaled(5, 60) - noticed))
            grown = system.bridge.memory - memory
            numbers = [load.number(device) for device in system.devices]
            broker.thaw()
            thawed = time.monotonic()
            judge.held(began, thawed)
            wait_until(lambda: system.is_past(ear, numbers), 2 * HEALED, "the state is new")
            healed = time.monotonic() - thawed
            served = commander.prove()
        assert load.stop()
        wait_until(lambda: not wrong_states(load, ear.values), HEALED, "the last values")
        wait_kept(load, broker.port)
        for device in system.devices:
            judge.carried_out(device)
        show(
            f"noticed after {noticed:.1f} s, keepalive {KEEPALIVE} s, memory {grown:+.1f} MiB, "
            f"healed after {healed:.1f} s, {commander.count} commands {judge.statuses()}"
        )
        assert judge.verdict(results_since=served) == {}
        assert noticed <= 2 * KEEPALIVE + 0.5
        assert grown <= GROWTH
