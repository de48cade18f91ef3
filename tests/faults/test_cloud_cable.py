"""F24: the bridge's network interface goes down and comes up, in a network namespace of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from tests.brokers import Peer, wait_until
from tests.faults.cable import Cable, laid
from tests.faults.cloud_rig import LAMP, connected
from tests.faults.proxy import Proxy
from tests.faults.scale import scaled, show
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config

HEALED = 60.0
"""Seconds within which everything is right again."""


@pytest.fixture
def cable() -> Iterator[Cable]:
    with laid() as made:
        if made is None:
            pytest.skip("no network namespace can be made here")
        yield made


@pytest.mark.timeout(400)
def test_a_cable_that_is_pulled_and_plugged_in_again(tmp_path: Path, cable: Cable) -> None:
    with ExitStack() as stack:
        world = stack.enter_context(World())
        broker = stack.enter_context(Broker())
        lamp = world.add_device(LAMP)
        store_grants(tmp_path, [lamp])
        cloud = stack.enter_context(Proxy(world.port, cable.here))
        middle = stack.enter_context(Proxy(broker.port, cable.here))
        config = write_config(
            world,
            middle.port,
            tmp_path,
            mqtt__host=cable.here,
            integrator__wss_port=str(cloud.port),
            integrator__api_url=f"https://localhost:{cloud.port}",
        )
        peer = stack.enter_context(Peer(broker.port, "shelly/#"))
        bridge = BridgeProcess(config, inside=cable.inside, FAR=cable.here)
        stack.enter_context(bridge)
        topic = f"shelly/{lamp.hex_id}/relay/0"
        wait_until(lambda: peer.values.get(topic), 20, "the lamp is there")
        cable.plug(False)
        lamp.change(0, on=True)
        # The long form lasts until nobody believes in the connections any more.
        threading.Event().wait(scaled(3, 100))
        assert b'"OFF"' in peer.values[topic]
        cable.plug(True)
        back = time.monotonic()
        wait_until(lambda: b'"ON"' in peer.values[topic], HEALED, "the state is right")
        seconds = time.monotonic() - back
        show(f"healed after {seconds:.1f} s, {len(cloud.opened)} connections to the cloud")
        wait_until(lambda: connected(world) == 1, HEALED)
        assert peer.values["shelly/bridge/state"] == b"online"
        assert bridge.terminate() == 0
