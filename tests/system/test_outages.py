"""The broker or the cloud dies under load, and everything is right again soon after.

`OUTAGE_SECONDS` makes the outages longer than the usual few seconds.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.load import Load
from bridge.simulator.world import World
from tests.brokers import MosquittoProcess, Peer, wait_until
from tests.system.process import BridgeProcess
from tests.system.rig import HOSTS, store_grants, write_config

OUTAGE = float(os.environ.get("OUTAGE_SECONDS", "4"))
RATE = 200
DEVICES = 100
HEALED = 12.0
"""Seconds after the broker's return."""
GROWTH = 10.0
"""MiB that an outage may cost."""


class Judge:
    """Remembers what a lasting subscriber saw, over all its connections."""

    def __init__(self) -> None:
        self.seen: dict[str, list[float]] = defaultdict(list)

    def take(self, peer: Peer) -> None:
        """Take over what one connection heard."""
        for message in list(peer.heard):
            if message.topic.endswith("/relay/0") and message.payload:
                self.seen[message.topic].append(json.loads(message.payload)["energy"])

    def backwards(self) -> list[str]:
        """The topics on which an older value followed a newer one."""
        return [
            topic
            for topic, values in self.seen.items()
            if any(later < earlier for earlier, later in pairwise(values))
        ]


def state_of(device: Device, peer: Peer) -> Any:
    payload = peer.values.get(f"shelly/{device.hex_id}/relay/0")
    return json.loads(payload)["energy"] if payload else None


def wrong(devices: list[Device], load: Load, peer: Peer) -> list[str]:
    return [
        device.hex_id
        for device in devices
        if state_of(device, peer) != pytest.approx(load.number(device) / 1000)
    ]


@pytest.mark.mosquitto
@pytest.mark.timeout(180)
def test_a_killed_broker_comes_back_empty_under_load(tmp_path: Path) -> None:
    judge = Judge()
    with World(HOSTS) as world, MosquittoProcess() as broker:
        devices = [
            world.add_device("SNSW-001P16EU", HOSTS[number % 2]) for number in range(DEVICES)
        ]
        store_grants(tmp_path, devices)
        config = write_config(world, broker.port, tmp_path)
        with BridgeProcess(config) as bridge:
            with Peer(broker.port, "shelly/#") as peer:
                wait_until(lambda: sum(host.counters.open_now for host in world.hosts) == 2, 15)
                load = world.run_load(RATE)
                wait_until(lambda: len(peer.heard) > 5 * DEVICES, 30)
                judge.take(peer)
            memory = bridge.memory
            broker.kill()
            threading.Event().wait(OUTAGE)
            grown = bridge.memory - memory
            broker.start()
            back = time.monotonic()
            with Peer(broker.port, "shelly/#") as peer:
                wait_until(
                    lambda: all(state_of(device, peer) is not None for device in devices), HEALED
                )
                assert load.stop()
                wait_until(lambda: not wrong(devices, load, peer), HEALED, "the state is right")
                healed = time.monotonic() - back
                judge.take(peer)
            assert judge.backwards() == []
            assert healed <= HEALED
            assert grown <= GROWTH
            assert bridge.terminate() == 0


@pytest.mark.timeout(180)
def test_dead_cloud_hosts_come_back_under_load(tmp_path: Path) -> None:
    from bridge.simulator.broker import Broker

    judge = Judge()
    with World(HOSTS) as world, Broker() as broker:
        devices = [
            world.add_device("SNSW-001P16EU", HOSTS[number % 2]) for number in range(DEVICES)
        ]
        store_grants(tmp_path, devices)
        config = write_config(world, broker.port, tmp_path, reconnect__longest="3")
        with BridgeProcess(config) as bridge, Peer(broker.port, "shelly/#") as peer:
            wait_until(lambda: sum(host.counters.open_now for host in world.hosts) == 2, 15)
            load = world.run_load(RATE)
            wait_until(lambda: len(peer.heard) > 5 * DEVICES, 30)
            memory = bridge.memory
            for host in world.hosts:
                host.faults.refuse = 503
                host.drop()
            threading.Event().wait(OUTAGE)
            grown = bridge.memory - memory
            for host in world.hosts:
                host.faults.refuse = None
            assert load.stop()
            wait_until(lambda: not wrong(devices, load, peer), HEALED, "the state is right")
            judge.take(peer)
            assert judge.backwards() == []
            assert grown <= GROWTH
            assert all(host.counters.most_open == 1 for host in world.hosts)
            assert len(world.api.counters.token_requests) == 1
            assert bridge.terminate() == 0
