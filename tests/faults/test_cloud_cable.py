"""F24: the bridge's network interface goes down and comes up, in a network namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from tests.brokers import Peer, wait_until
from tests.faults.cloud_rig import LAMP, connected
from tests.faults.proxy import Proxy
from tests.faults.scale import scaled, show
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config

HEALED = 60.0
"""Seconds within which everything is right again."""


def ip(*arguments: str) -> None:
    """Run `ip`; raises `CalledProcessError`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)


class Cable:
    """A network namespace and a cable to it: `here` and `there` are the addresses of its ends."""

    def __init__(self) -> None:
        number = os.getpid() % 16_384
        self.name = f"fault-{number}"
        # Of 198.18.0.0/15, which is for tests of networks (RFC 2544).
        prefix = f"198.{18 + number // 8_192}.{number // 64 % 128 * 2}.{number % 64 * 4}"
        front, _, last = prefix.rpartition(".")
        self.here, self.there = f"{front}.{int(last) + 1}", f"{front}.{int(last) + 2}"

    def lay(self) -> None:
        """Make it."""
        ip("netns", "add", self.name)
        ip("link", "add", self.name, "type", "veth", "peer", "inner", "netns", self.name)
        ip("address", "add", f"{self.here}/30", "dev", self.name)
        ip("link", "set", self.name, "up")
        for what in (
            ["address", "add", f"{self.there}/30", "dev", "inner"],
            ["link", "set", "lo", "up"],
        ):
            ip("-netns", self.name, *what)
        self.plug(True)

    def plug(self, plugged: bool) -> None:
        """Set the far interface up or down."""
        ip("-netns", self.name, "link", "set", "inner", "up" if plugged else "down")

    def clear(self) -> None:
        """Take it away; safe when it was never made."""
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, timeout=10)


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    try:
        if shutil.which("ip") is None:
            pytest.skip("there is no program ip on this machine")
        try:
            made.lay()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespace can be made here: {error.stderr.decode().strip()}")
        yield made
    finally:
        made.clear()


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
        inside = ("ip", "netns", "exec", cable.name)
        bridge = stack.enter_context(BridgeProcess(config, inside=inside, FAR=cable.here))
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
