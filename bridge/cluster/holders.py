"""Several holders of connections as one."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.cluster.base import Holder
from bridge.core.model import LinkId
from bridge.threads import Deadline


class Holders:
    """Accounts have their own holders, by their names; all hosts are the `integrator`'s."""

    def __init__(self, integrator: Holder | None, accounts: Mapping[str, Holder]) -> None:
        self._integrator = integrator
        self._accounts = accounts

    def own(self, link: LinkId) -> None:
        """See `Holder`."""
        holder = self._of(link)
        if holder is not None:
            holder.own(link)

    def disown(self, link: LinkId, deadline: Deadline) -> bool:
        """See `Holder`; what nobody can connect is not connected."""
        holder = self._of(link)
        return holder is None or holder.disown(link, deadline)

    def _of(self, link: LinkId) -> Holder | None:
        return self._accounts.get(link, self._integrator)
