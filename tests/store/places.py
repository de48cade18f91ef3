"""Where a registry of the tests is: a directory with a file, or a database of a real PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from bridge.store import Store
from bridge.store.sqlite import FILE_NAME
from tests.postgres import PostgresServer


class Place(Protocol):
    """Where one registry is."""

    def open(self) -> Store:
        """As the bridge opens it."""

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """One statement, past the bridge."""


class Directory:
    """The registry of one bridge."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def open(self) -> Store:
        """As the one bridge that runs."""
        return Store.open(self.directory, exclusive=True)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """In the file itself."""
        with closing(sqlite3.connect(self.directory / FILE_NAME)) as connection, connection:
            return connection.execute(sql).fetchall()


class SharedDatabase:
    """The registry of several bridges, in a new database."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.address = server.database()

    def open(self) -> Store:
        """As each of them."""
        return Store.connect(self.address)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """In the database, with the names of our tables."""
        ours = f"{self.address}?options=-csearch_path%3Dshelly_bridge"
        return self.server.execute(sql, ours)
