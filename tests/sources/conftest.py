from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bridge.dial import Attempt
from bridge.simulator.world import World
from bridge.sources.websocket import CloudSocket, open_socket
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.integrator_driver import HOSTS, IntegratorDriver, Maker
from tests.sources.peers import TOKEN, Opener, TlsPeer


@pytest.fixture
def world() -> Iterator[World]:
    with World(HOSTS) as running:
        yield running


@pytest.fixture
def make(world: World) -> Iterator[Maker]:
    with ExitStack() as stack:

        def make(**options: Any) -> IntegratorDriver:
            driver = IntegratorDriver(world, **options)

            def end() -> None:
                assert driver.source.stop(Deadline(5)) == []
                assert driver.recorder.crashes == []
                wait_until(lambda: not driver.leftovers())

            stack.callback(end)
            return driver

        yield make


@pytest.fixture
def driver(make: Maker) -> IntegratorDriver:
    return make()


@pytest.fixture
def connect() -> Iterator[Opener]:
    """Connects to a peer, and closes the connection in the end."""

    def connect(peer: TlsPeer, send_limit: float = 5.0) -> CloudSocket:
        attempt = Attempt("test", 5.0)
        connection = open_socket(peer.endpoint(), f"t={TOKEN}", attempt, send_limit)
        stack.callback(connection.close)
        return connection

    with ExitStack() as stack:
        yield connect
