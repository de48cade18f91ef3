"""What a source tells, remembered for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from bridge.core.events import Event
from tests.brokers import wait_until

E = TypeVar("E")


class Recorder:
    """A sink that keeps every event, and a crash hook that keeps every crash."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.crashes: list[BaseException] = []
        self._may_take = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._may_take:
            self.events.append(event)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Whoever tells something waits meanwhile."""
        with self._may_take:
            yield

    def crashed(self, _thread: str, error: BaseException) -> None:
        """The crash hook."""
        self.crashes.append(error)

    def of(self, kind: type[E]) -> list[E]:
        """All events of a kind, oldest first."""
        return [event for event in list(self.events) if isinstance(event, kind)]

    def wait(
        self,
        kind: type[E],
        fits: Callable[[E], bool] = lambda _: True,
        limit: float = 10.0,
        count: int = 1,
    ) -> E:
        """Wait for so many events that fit; gives the last of them."""
        found: list[E] = []

        def there() -> bool:
            found[:] = [event for event in self.of(kind) if fits(event)]
            return len(found) >= count

        wait_until(there, limit, f"{count} {kind.__name__} in {self.events[-20:]}")
        return found[count - 1]


def threads_of(prefixes: Iterable[str]) -> list[str]:
    """The names of living threads that begin so."""
    wanted = tuple(prefixes)
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(wanted)]
