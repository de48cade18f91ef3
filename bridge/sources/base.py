"""What every source offers, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from bridge.core.effects import SendCommand
from bridge.core.events import CommandNotSent, Event, RefreshAnswered
from bridge.core.model import DeviceId, LinkId
from bridge.threads import Deadline

Sink = Callable[[Event], None]
"""Takes an event for the engine; may wait while the engine is busy, so never call it from there.

It returns at once, and drops the event, when the bridge is stopping.
"""


class Source(Protocol):
    """One of Shelly's systems. `start` and `stop` may be called by any thread, and twice.

    All other methods are called by the engine's thread only. None but `stop` waits.
    """

    def start(self) -> None:
        """Begin to connect; nothing after a `stop`."""

    def serves(self, link: LinkId) -> bool:
        """Whether the link is one of this source's."""

    def send(self, command: SendCommand) -> CommandNotSent | None:
        """Send a command soon, or say at once why not."""

    def refresh(self, link: LinkId, device: DeviceId) -> RefreshAnswered | None:
        """Ask for a device's whole state; given back, or later sunk, is exactly one answer.

        One answer serves all who ask while it is awaited; a device that is no longer served
        gets none.
        """

    def reconnect(self, link: LinkId) -> None:
        """Close the connection and open it again."""

    def beats(self) -> Mapping[str, int]:
        """How often each of its threads came round, by its name; any thread may ask.

        A thread that only waits comes round as well, at least every half minute.
        """

    def stop(self, deadline: Deadline) -> list[str]:
        """End everything; gives the names of threads that are still alive."""
