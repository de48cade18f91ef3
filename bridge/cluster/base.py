"""What the keeper of hosts is given: the shared registry, and those who hold the connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.core.events import Event
from bridge.core.model import DeviceId, Grant, LinkId
from bridge.store.records import Belongings, Changes, Holdings
from bridge.threads import Deadline

Sink = Callable[[Event], None]
"""Takes an event for the engine; never waits, as whoever waits notices no doubt."""


class Registry(Protocol):
    """What is read of the shared registry. All of it may take a while and raise `StoreError`."""

    bridge_id: str
    """The same for all instances."""

    def changes(self, since: int | None) -> Changes | None:
        """What changed; None if that is too long ago, only the newest number without `since`."""

    def hosts(self) -> set[str]:
        """The hosts that somebody has to own."""

    def homes(self, devices: Sequence[DeviceId] | None = None) -> dict[DeviceId, str]:
        """The hosts of all their devices, or of these."""

    def holdings(self, host: str) -> Holdings:
        """Everything of a host that its owner has to know."""

    def grant(self, device: DeviceId) -> Grant | None:
        """The grant of one device."""

    def revision(self, device: DeviceId) -> int:
        """Which consent of a device was stored last."""

    def belongings(self, devices: Sequence[DeviceId]) -> Belongings:
        """What the owner of these devices has to know besides their grants."""


class Holder(Protocol):
    """Keeps the connections; nothing is connected that it does not own."""

    def own(self, link: LinkId) -> None:
        """It may connect from now on. Never waits."""

    def disown(self, link: LinkId, deadline: Deadline) -> bool:
        """Close the connection at once; tells whether it is closed for sure by the deadline.

        To ask once more is safe, and does nothing but wait.
        """
