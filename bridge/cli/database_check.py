"""What `check` says of the database that several bridges share."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from bridge.store import DataDirError, Store

if TYPE_CHECKING:
    from bridge.cluster.locks import Locks, Server


_LIMIT = 5.0
"""Seconds that a statement may take."""


def check_database(address: str) -> str:
    """Whether it can be reached, keeps locks, and holds a registry of ours that can be used.

    Nothing is made or changed. Raises a `BridgeError` if not.
    """
    # Imported here since it is all only for those who have such a database.
    import asyncio

    try:
        from bridge.cluster.locks import Locks
        from bridge.store.postgres import PostgresDatabase, parameters
    except ImportError:
        text = "cluster.database needs psycopg: pip install 'shelly-mqtt-bridge[cluster]'"
        raise DataDirError(text) from None

    database = PostgresDatabase(parameters(address), _LIMIT)
    try:
        # It says more of what is wrong on the way than the other one may.
        database.query("SELECT 1")
    finally:
        database.close()
    name = f"check-{secrets.token_hex(4)}"
    server = asyncio.run(_try_out(Locks(address, "", name, ())))
    known = ", ".join([f"PostgreSQL {server.version}", "TLS" if server.encrypted else "no TLS"])
    if not server.used:
        return f"{known}; there is no registry yet, the first start makes it"
    with Store.connect(address, create=False) as store:
        return f"{known}, {len(store.grants())} granted devices"


async def _try_out(locks: Locks) -> Server:
    try:
        await locks.open()
        return await locks.try_out()
    finally:
        await locks.close()
