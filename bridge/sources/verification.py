"""Asking the cloud about devices: which to ask next, how many at once, when to ask again.

After every connect each device is asked once. Knows no socket and no clock.
"""

from __future__ import annotations

from collections import deque

from bridge.core.model import DeviceId

AT_ONCE = 8
"""Questions that may be open at once: the answers set the pace."""

ANSWER_LIMIT = 10.0
"""How long an answer may take (s)."""

ASK_AGAIN = 6 * 3600.0
"""When a device that is not granted any more is asked about again (s)."""


class Verification:
    """The questions of one connection. Times are monotonic s."""

    def __init__(self) -> None:
        self.devices: set[DeviceId] = set()
        self._open = False
        self._queue: deque[DeviceId] = deque()
        self._asked: dict[DeviceId, float] = {}
        self._later: dict[DeviceId, float] = {}

    def add(self, device: DeviceId) -> None:
        """A device that this connection serves from now on."""
        self.devices.add(device)
        self.ask(device)

    def remove(self, device: DeviceId) -> None:
        """A device that it serves no more."""
        self.devices.discard(device)
        self._asked.pop(device, None)
        self._later.pop(device, None)

    def ask(self, device: DeviceId) -> None:
        """Ask soon, unless that is about to happen anyway."""
        if self._open and device not in self._queue and device not in self._asked:
            self._queue.append(device)

    def opened(self) -> None:
        """The connection is open: ask about everything."""
        self._open = True
        self._later.clear()
        self._asked.clear()
        self._queue = deque(sorted(self.devices))

    def closed(self) -> list[DeviceId]:
        """The connection is gone; gives the devices that will get no answer."""
        self._open = False
        unanswered = [*self._asked, *self._queue]
        self._asked.clear()
        self._queue.clear()
        return [device for device in unanswered if device in self.devices]

    def answered(self, device: DeviceId, now: float, *, granted: bool = True) -> bool:
        """An answer came; tells whether it was waited for."""
        if not granted and device in self.devices:
            self._later[device] = now + ASK_AGAIN
        return self._asked.pop(device, None) is not None

    def next(self, now: float) -> list[DeviceId]:
        """The devices to ask about now."""
        for device in [device for device, at in self._later.items() if at <= now]:
            del self._later[device]
            self.ask(device)
        asked: list[DeviceId] = []
        while self._queue and len(self._asked) < AT_ONCE:
            device = self._queue.popleft()
            if device in self.devices:
                self._asked[device] = now + ANSWER_LIMIT
                asked.append(device)
        return asked

    def overdue(self, now: float) -> list[DeviceId]:
        """The devices whose answer did not come; they are no longer waited for."""
        late = [device for device, limit in self._asked.items() if limit <= now]
        for device in late:
            del self._asked[device]
        return late
