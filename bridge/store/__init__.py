"""What must survive a restart: the registry of grants, and the directory it lives in."""

from __future__ import annotations

from bridge.store.data_dir import DataDirError
from bridge.store.proofs import ProofReused
from bridge.store.records import Changes, Holdings, Proof
from bridge.store.registry import Store

__all__ = ["Changes", "DataDirError", "Holdings", "Proof", "ProofReused", "Store"]
