"""The registry that a configuration names, for commands beside the bridge."""

from __future__ import annotations

from bridge.config import Config
from bridge.store import Store


def open_registry(config: Config, *, create: bool = True, writable: bool = False) -> Store:
    """Open it beside a bridge that may be running; as `Store.open` and `Store.connect`."""
    if config.database is not None:
        return Store.connect(config.database.reveal(), create=create)
    return Store.open(config.data_dir, exclusive=False, create=create, writable=writable)
