"""What devices report, on its way to the hosts: told in the order in which it happened."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from bridge.simulator.cloud import Viewer
from bridge.simulator.devices.base import Device
from bridge.simulator.eventloop import EventLoop
from bridge.simulator.front import Front

Message = Callable[[Viewer], bytes | None]
"""What a viewer is told of a device; None: nothing."""

_MOST_WAITING = 100_000


class Outbox:
    """Takes messages from any thread, and sends them in the event loop's."""

    def __init__(self, loop: EventLoop, front: Front, changed: threading.Condition) -> None:
        """`changed` is notified after every sending; its lock is the world's."""
        self._loop = loop
        self._front = front
        self._changed = changed
        self._waiting: deque[tuple[str, Device, Message]] = deque()

    def tell(self, device: Device, message: Message) -> None:
        """Queue a message with the lock held: the order of changes is the order of messages."""
        if not self._loop.runs:
            return
        if len(self._waiting) >= _MOST_WAITING:
            raise RuntimeError("more happens in the simulated world than it can tell")
        self._waiting.append((device.host, device, message))
        if self._loop.is_current:
            self.flush()
        else:
            self._loop.soon(self.flush)

    def flush(self) -> None:
        """Send what is queued; in the loop's thread."""
        with self._changed:
            while self._waiting:
                host, device, message = self._waiting.popleft()
                self._front.hosts[host].tell(device, message)
            self._changed.notify_all()
