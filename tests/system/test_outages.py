"""The cloud dies under load, and everything is right again soon after.

`OUTAGE_SECONDS` makes the outage longer than the usual few seconds.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from tests.brokers import wait_until
from tests.faults.judge import Judge, Listener, wrong_states
from tests.system.process import BridgeProcess
from tests.system.rig import HOSTS, store_grants, write_config

OUTAGE = float(os.environ.get("OUTAGE_SECONDS", "4"))
RATE = 200
DEVICES = 100
HEALED = 12.0
"""Seconds after the cloud's return."""
GROWTH = 10.0
"""MiB that an outage may cost."""


@pytest.mark.timeout(180)
def test_dead_cloud_hosts_come_back_under_load(tmp_path: Path) -> None:
    judge = Judge()
    with World(HOSTS) as world, Broker() as broker:
        devices = [
            world.add_device("SNSW-001P16EU", HOSTS[number % 2]) for number in range(DEVICES)
        ]
        store_grants(tmp_path, devices)
        config = write_config(world, broker.port, tmp_path, reconnect__longest="3")
        with BridgeProcess(config) as bridge, Listener(broker.port, "shelly/#", judge=judge) as ear:
            wait_until(lambda: sum(host.counters.open_now for host in world.hosts) == 2, 15)
            load = world.run_load(RATE)
            wait_until(lambda: len(ear.heard) > 5 * DEVICES, 30)
            memory = bridge.memory
            for host in world.hosts:
                host.faults.refuse = 503
                host.drop()
            threading.Event().wait(OUTAGE)
            grown = bridge.memory - memory
            for host in world.hosts:
                host.faults.refuse = None
            assert load.stop()
            wait_until(lambda: not wrong_states(load, ear.values), HEALED, "the state is right")
            assert judge.backwards() == []
            assert grown <= GROWTH
            assert all(host.counters.most_open == 1 for host in world.hosts)
            assert len(world.api.counters.token_requests) == 1
            assert bridge.terminate() == 0
