"""Which proofs of callbacks were used, so that none is good for two bodies."""

from __future__ import annotations

from bridge.errors import BridgeError, StoreError
from bridge.store.database import Transaction
from bridge.store.records import Proof

PROOF_LIMIT = 10_000
"""Used proofs remembered at a time; each lives for less than three minutes."""


class ProofReused(BridgeError):
    """The same proof came before with another body; nothing was changed."""


def use(work: Transaction, proof: Proof) -> bool:
    """Mark a proof as used; False if it was used before for the same body."""
    work.execute("DELETE FROM used_proofs WHERE expires < ?", (proof.seen,))
    rows = work.query("SELECT body FROM used_proofs WHERE signed = ?", (proof.signed,))
    if rows:
        if rows[0][0] != proof.body:
            raise ProofReused("the proof was used before for another body")
        return False
    ((count,),) = work.query("SELECT count(*) FROM used_proofs")
    if count >= PROOF_LIMIT:
        raise StoreError("too many consents at a time")
    work.execute(
        "INSERT INTO used_proofs (signed, body, expires) VALUES (?, ?, ?)",
        (proof.signed, proof.body, proof.expires),
    )
    return True
