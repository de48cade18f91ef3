"""What every source offers, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bridge.core.model import CommandNotSent, DeviceId, Event, LinkId, SendCommand
from bridge.threads import Deadline

Sink = Callable[[Event], None]
"""Takes an event for the engine; may wait while the engine is busy, so never call it from there.

It returns at once, and drops the event, when the bridge is stopping.
"""


class Source(Protocol):
    """One of Shelly's systems. All methods but `stop` are called by the engine's thread only.

    None of them waits.
    """

    def start(self) -> None:
        """Begin to connect."""

    def serves(self, link: LinkId) -> bool:
        """Whether the link is one of this source's."""

    def send(self, command: SendCommand) -> CommandNotSent | None:
        """Send a command soon, or say at once why not."""

    def refresh(self, link: LinkId, device: DeviceId) -> None:
        """Ask for a device's whole state; the answer is a `RefreshAnswered` in any case."""

    def reconnect(self, link: LinkId) -> None:
        """Close the connection and open it again."""

    def stop(self, deadline: Deadline) -> list[str]:
        """End everything; gives the names of threads that are still alive. Safe to call twice."""
