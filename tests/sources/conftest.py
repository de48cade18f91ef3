from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bridge.dial import Attempt
from bridge.simulator.world import World
from bridge.sources.websocket import CloudSocket, open_socket
from tests.sources.integrator_driver import HOSTS, IntegratorDriver, Maker
from tests.sources.makers import making
from tests.sources.peers import TOKEN, Opener, TlsPeer


@pytest.fixture
def world() -> Iterator[World]:
    with World(HOSTS) as running:
        yield running


@pytest.fixture
def make(world: World) -> Iterator[Maker]:
    with making(IntegratorDriver, world) as make:
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
