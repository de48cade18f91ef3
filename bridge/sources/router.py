"""All sources as one: whatever concerns a link goes to the source that serves it."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.core.effects import SendCommand
from bridge.core.events import CommandNotSent, RefreshAnswered
from bridge.core.model import DeviceId, LinkId
from bridge.sources.base import Source
from bridge.threads import Deadline, spawn


class Router:
    """Several sources behind the interface of one."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    def start(self) -> None:
        """Start every source."""
        for source in self._sources:
            source.start()

    def serves(self, link: LinkId) -> bool:
        """Whether any source does."""
        return self._of(link) is not None

    def send(self, command: SendCommand) -> CommandNotSent | None:
        """Send a command by its link, or say at once why not."""
        source = self._of(command.link)
        if source is None:
            text = "the connection is no more"
            return CommandNotSent(command.link, command.request, "host_down", text)
        return source.send(command)

    def refresh(self, link: LinkId, device: DeviceId) -> RefreshAnswered | None:
        """Ask by a link for a device's whole state."""
        source = self._of(link)
        if source is None:
            return RefreshAnswered(link, device, "failed")
        return source.refresh(link, device)

    def reconnect(self, link: LinkId) -> None:
        """Close the link's connection and open it again."""
        source = self._of(link)
        if source is not None:
            source.reconnect(link)

    def beats(self) -> dict[str, int]:
        """How often the threads of all sources came round."""
        return {name: count for source in self._sources for name, count in source.beats().items()}

    def stop(self, deadline: Deadline) -> list[str]:
        """End all sources at the same time; gives the names of threads that are still alive."""
        ends: list[list[str]] = []
        threads = [
            spawn(
                "source-stop",
                lambda source=source: ends.append(source.stop(deadline)),  # type: ignore[misc]  # lambda default
                lambda name, _: ends.append([name]),
            )
            for source in self._sources
        ]
        for thread in threads:
            thread.join(deadline.remaining())
        alive = [thread.name for thread in threads if thread.is_alive()]
        return [*alive, *(name for end in list(ends) for name in end)]

    def _of(self, link: LinkId) -> Source | None:
        return next((source for source in self._sources if source.serves(link)), None)
