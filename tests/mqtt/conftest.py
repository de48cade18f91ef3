"""Brokers for the adapter's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.simulator.broker import Broker
from tests.brokers import MosquittoProcess, require_mosquitto


@pytest.fixture
def broker() -> Iterator[Broker]:
    """The embedded broker, running."""
    with Broker() as running:
        yield running


@pytest.fixture
def mosquitto() -> Iterator[MosquittoProcess]:
    """A real Mosquitto, running."""
    require_mosquitto()
    with MosquittoProcess() as running:
        yield running
