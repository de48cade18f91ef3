from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import StoreError
from bridge.store import Store
from tests.cluster.rig import Change, Instance
from tests.postgres import PostgresServer

Maker = Callable[..., Instance]


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """The address of a new database on the server that tests share."""
    return postgres.database()


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store.connect(database) as store:
        yield store


@pytest.fixture
def server(postgres_cluster: Path) -> Iterator[PostgresServer]:
    """A server of the test's own, that it may kill and freeze."""
    with PostgresServer(postgres_cluster) as server:
        yield server


@pytest.fixture
def history() -> list[Change]:
    """What all holders were told."""
    return []


@pytest.fixture
def make(history: list[Change]) -> Iterator[Maker]:
    """Makes instances, which are stopped in the end: `make(name, address, ...)`."""
    with ExitStack() as stack:

        def make(name: str, address: str, **options: Any) -> Instance:
            instance = Instance(name, address, history, **options)

            def end() -> None:
                with suppress(StoreError):
                    instance.stop()

            stack.callback(end)
            return instance

        yield make
