from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.simulator.clock import Clock
from bridge.simulator.world import World

HOSTS = ("shelly-1-sim.shelly.cloud", "shelly-2-sim.shelly.cloud")


@pytest.fixture
def world() -> Iterator[World]:
    """Two hosts, no devices, and time that passes only by `world.advance`."""
    with World(HOSTS, clock=Clock(1_800_000_000.0)) as running:
        yield running
