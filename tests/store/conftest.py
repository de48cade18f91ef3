"""What the registry promises, it promises in every kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.store import Store
from tests.postgres import PostgresServer
from tests.store.places import Directory, Place, SharedDatabase


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where there is no registry so far; each test runs once for each kind."""
    if request.param == "sqlite":
        return Directory(tmp_path / "data")
    return SharedDatabase(request.getfixturevalue("postgres"))


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """A new registry of either kind."""
    with place.open() as opened:
        yield opened


@pytest.fixture
def shared(postgres: PostgresServer) -> SharedDatabase:
    """The same in PostgreSQL only; for tests marked `postgres`."""
    return SharedDatabase(postgres)
