"""The bridge is killed again and again, under load and in the middle of consents.

No consent that was answered is lost, the registry can be read each time, everybody hears that the
bridge has gone, and the whole state is there again soon after its start.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.load import Load
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import MosquittoProcess, Peer, wait_until
from tests.faults.consents import Owner
from tests.faults.scale import scaled, seed, show
from tests.system.process import BridgeProcess, quiet_port
from tests.system.rig import HOSTS, callback_path, store_grants, write_config

RELAY = "SNSW-001P16EU"
ROUNDS = int(scaled(4, 50))
DEVICES = int(scaled(60, 500))
RATE = 200
COMPLETE = 15.0
"""Seconds after its start."""


class Awaited:
    """What must be heard again from a moment on: each device with at least some energy (Wh)."""

    def __init__(self, peer: Peer, energies: dict[Device, float]) -> None:
        self._peer = peer
        self._next = len(peer.heard)
        self._left = {device.hex_id: energy / 1_000 for device, energy in energies.items()}

    def heard(self) -> bool:
        """Whether all of it was; looks at each message once."""
        while self._next < len(self._peer.heard):
            message = self._peer.heard[self._next]
            self._next += 1
            device, what = message.topic.split("/", 2)[1:]
            if device not in self._left or what != "relay/0" or not message.payload:
                continue
            if json.loads(message.payload)["energy"] >= self._left[device] - 1e-6:
                del self._left[device]
        return not self._left


def check_store(directory: Path, devices: list[Device], owner: Owner) -> None:
    """It can be read, and says of each device what was answered last."""
    with Store.open(directory / "data", exclusive=True) as store:
        stored = {str(grant.device) for grant in store.grants()}
    assert owner.wrong(stored) == {}
    assert {device.hex_id for device in devices} <= stored


@pytest.mark.mosquitto
@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_a_kill_at_any_moment_loses_no_answered_consent_and_all_is_soon_there(
    tmp_path: Path,
) -> None:
    draw = random.Random(seed())  # noqa: S311 - when it is killed
    slowest = 0.0
    with World(HOSTS) as world, MosquittoProcess() as broker:
        devices = [world.add_device(RELAY, HOSTS[number % 2]) for number in range(DEVICES)]
        store_grants(tmp_path, devices)
        public = quiet_port()
        config = write_config(
            world, broker.port, tmp_path, web__public__listen=f"127.0.0.1:{public}"
        )
        callback = f"http://127.0.0.1:{public}{callback_path(tmp_path)}"
        load = world.run_load(RATE, devices=devices)
        with (
            Peer(broker.port, "shelly/#", qos=0) as peer,
            Owner(world, callback) as owner,
        ):
            for _ in range(ROUNDS):
                slowest = max(slowest, life(config, peer, load, devices, owner, draw))
                check_store(tmp_path, devices, owner)
                peer.heard.clear()
        assert load.stop()
    assert owner.consents >= ROUNDS
    show(f"{ROUNDS} kills, complete {slowest:.1f} s after the start at most")
    show(f"{owner.consents} consents answered")


def life(
    config: Path,
    peer: Peer,
    load: Load,
    devices: list[Device],
    owner: Owner,
    draw: random.Random,
) -> float:
    """One life of the bridge, up to its violent end; how long (s) until all was there."""
    energies = {device: float(load.number(device)) for device in devices}
    awaited = Awaited(peer, energies | dict.fromkeys(owner.granted, 0.0))
    began = time.monotonic()
    with BridgeProcess(config) as bridge:
        wait_until(awaited.heard, 2 * COMPLETE, "all is there")
        took = time.monotonic() - began
        assert took <= COMPLETE
        assert peer.values["shelly/bridge/state"] == b"online"
        before = owner.consents
        owner.wanted.set()
        wait_until(lambda: owner.consents > before, 10, "a consent is answered")
        if draw.random() < 0.7:
            assert owner.asking.wait(10), "a consent is under way"
            # It takes a few milliseconds from its arrival to its answer.
            time.sleep(draw.uniform(0, 0.02))
        else:
            time.sleep(draw.uniform(0, 0.5))
        bridge.kill()
        owner.wanted.clear()
        wait_until(lambda: peer.values["shelly/bridge/state"] == b"offline", 5, "the will")
    return took
