"""The tables of the registry in PostgreSQL: how they are made, checked and brought up to date.

Knows nothing of how one gets there.
"""

from __future__ import annotations

import psycopg

from bridge.store.data_dir import DataDirError
from bridge.store.database import META, new_meta, newer

SCHEMA = "shelly_bridge"
"""The namespace of all our tables."""

SCHEMA_VERSION = 1

_CREATION = 0x5368656C6C790001
"""Key of the advisory lock of the one instance that makes or changes the tables."""

_TABLES = """
CREATE TABLE shelly_bridge.format (version BIGINT NOT NULL);
CREATE TABLE shelly_bridge.meta (key TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE shelly_bridge.grants (
    device TEXT COLLATE "C" PRIMARY KEY,
    host TEXT COLLATE "C" NOT NULL,
    code TEXT NOT NULL,
    type TEXT NOT NULL,
    names TEXT NOT NULL,
    control BIGINT NOT NULL,
    "user" TEXT NOT NULL,
    granted_at DOUBLE PRECISION NOT NULL,
    revision BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX grants_host ON shelly_bridge.grants (host);
CREATE TABLE shelly_bridge.withdrawn (
    device TEXT COLLATE "C" PRIMARY KEY,
    host TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX withdrawn_host ON shelly_bridge.withdrawn (host);
CREATE TABLE shelly_bridge.device_topics (
    device TEXT COLLATE "C" NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (device, topic)
);
CREATE TABLE shelly_bridge.used_proofs (
    signed BYTEA PRIMARY KEY,
    body BYTEA NOT NULL,
    expires DOUBLE PRECISION NOT NULL
);
CREATE TABLE shelly_bridge.discovery (
    device TEXT COLLATE "C" PRIMARY KEY,
    published TEXT NOT NULL
);
CREATE TABLE shelly_bridge.logins (
    account TEXT COLLATE "C" PRIMARY KEY,
    count BIGINT NOT NULL,
    base TEXT NOT NULL,
    access TEXT NOT NULL,
    refresh TEXT NOT NULL,
    code TEXT NOT NULL,
    refused TEXT NOT NULL,
    refusals BIGINT NOT NULL
);
CREATE TABLE shelly_bridge.visitors (
    device TEXT COLLATE "C" PRIMARY KEY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    wake_period DOUBLE PRECISION
);
CREATE TABLE shelly_bridge.options (
    device TEXT COLLATE "C" PRIMARY KEY,
    name TEXT,
    area TEXT,
    throttle DOUBLE PRECISION
);
CREATE TABLE shelly_bridge.changes (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device TEXT NOT NULL
);
INSERT INTO shelly_bridge.changes (device) VALUES ('');
CREATE TABLE shelly_bridge.instances (
    name TEXT COLLATE "C" PRIMARY KEY,
    key BIGINT NOT NULL,
    patterns TEXT NOT NULL,
    max_hosts BIGINT NOT NULL,
    since DOUBLE PRECISION NOT NULL
);
CREATE TABLE shelly_bridge.owners (
    name TEXT COLLATE "C" PRIMARY KEY,
    key BIGINT NOT NULL,
    instance TEXT NOT NULL,
    since DOUBLE PRECISION NOT NULL
);
"""

_STEPS: dict[int, str] = {}
"""Format → what makes the next one of it."""


def prepare_schema(connection: psycopg.Connection, *, create: bool) -> None:
    """Make sure that the tables are there and of our format, making them if `create`.

    Raises `DataDirError`, or what the library does; all is done, or nothing.
    """
    version = _version(connection)
    if version is None and not create:
        raise DataDirError("PostgreSQL: there is no registry yet; the first start makes it")
    if version is None or (create and version in _STEPS):
        # Whoever comes second waits for the first, and finds all done.
        connection.execute("BEGIN")
        try:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATION,))
            _make_or_migrate(connection, _version(connection))
            connection.execute("COMMIT")
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
        version = _version(connection)
    _check(connection, version)


def _version(connection: psycopg.Connection) -> int | None:
    # A look-up by name would be answered from a cache that learns of others' tables too late.
    there = connection.execute(
        "SELECT FROM pg_tables WHERE schemaname = 'shelly_bridge' AND tablename = 'format'"
    ).fetchall()
    if not there:
        return None
    rows = connection.execute("SELECT version FROM shelly_bridge.format").fetchall()
    if len(rows) != 1:
        raise DataDirError("PostgreSQL: the registry is damaged: its format is missing")
    return int(rows[0][0])


def _make_or_migrate(connection: psycopg.Connection, version: int | None) -> None:
    if version is None:
        there = connection.execute(
            "SELECT FROM pg_namespace WHERE nspname = 'shelly_bridge'"
        ).fetchall()
        if not there:
            # Who has made it for us need not allow us more.
            connection.execute("CREATE SCHEMA shelly_bridge")
        connection.execute(_TABLES)
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO shelly_bridge.meta (key, value) VALUES (%s, %s)", new_meta()
            )
        connection.execute(
            "INSERT INTO shelly_bridge.format (version) VALUES (%s)", (SCHEMA_VERSION,)
        )
        return
    for step in range(version, SCHEMA_VERSION):
        connection.execute(_STEPS[step].encode())
    connection.execute("UPDATE shelly_bridge.format SET version = %s", (SCHEMA_VERSION,))


def _check(connection: psycopg.Connection, version: int | None) -> None:
    if version is not None and version > SCHEMA_VERSION:
        raise DataDirError(newer("PostgreSQL", version, SCHEMA_VERSION))
    if version != SCHEMA_VERSION:
        raise DataDirError(
            f"PostgreSQL: the registry is of format {version}, this bridge knows {SCHEMA_VERSION}"
        )
    found = connection.execute("SELECT key FROM shelly_bridge.meta").fetchall()
    if META - {key for (key,) in found}:
        raise DataDirError("PostgreSQL: the registry is damaged: its own id is missing")
