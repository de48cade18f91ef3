"""The connections that devices come by, as the engine sees them."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.kinds.fields import Values
from bridge.core.model import LinkId, LinkState, Owner, SourceKind
from bridge.core.results import iso


@dataclass(slots=True)
class Link:
    """One connection: its state, and since when. Times `…_mono` are monotonic, others unix s."""

    id: LinkId
    kind: SourceKind
    state: LinkState
    since: float
    down_mono: float | None
    """Since when it is not connected; None while it is."""
    error: str | None = None
    token_expires: float | None = None
    last_message: float | None = None
    connects: int = 0
    native_rpc: bool = False
    """Devices of Gen2+ can be told anything by it, in their own RPC."""

    @property
    def connected(self) -> bool:
        """Whether events and commands pass."""
        return self.down_mono is None

    @property
    def reconnects(self) -> int:
        """How often it was connected anew."""
        return max(0, self.connects - 1)

    def document(self, devices: int) -> Values:
        """What `bridge/hosts/<id>` says; `devices` is how many come by this link."""
        return {
            "kind": self.kind.value,
            "state": self.state.value,
            "since": iso(self.since),
            "devices": devices,
            "last_message": None if self.last_message is None else iso(self.last_message),
            "reconnects": self.reconnects,
            "token_expires": None if self.token_expires is None else iso(self.token_expires),
            "error": self.error,
        }

    def shared_document(self, devices: int, owner: Owner | None) -> Values:
        """The same where several instances share the hosts, with who has this one."""
        return {
            **self.document(devices),
            "owner": None if owner is None else owner.instance,
            "owned_since": None if owner is None else iso(owner.since),
        }
