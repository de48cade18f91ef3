"""What must survive a restart: the registry of grants, and the directory it lives in."""

from __future__ import annotations

from bridge.store.data_dir import DataDirError
from bridge.store.registry import Proof, ProofReused, Store

__all__ = ["DataDirError", "Proof", "ProofReused", "Store"]
