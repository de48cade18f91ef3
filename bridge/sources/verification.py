"""Asking the cloud about devices: which to ask next, how many at once, when to ask again.

After every connect each device is asked once, and until it answers it is asked for its settings.
Knows no socket and no clock.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import chain

from bridge.core.model import DeviceId, Json

AT_ONCE = 8
"""Questions that may be open at once: the answers set the pace."""

ASK_AGAIN = 6 * 3600.0
"""When a device that is not served here (any more) is asked about again (s)."""


RETRY_FIRST, RETRY_LONGEST = 15.0, 600.0
"""When a question that was not answered is asked again (s), doubling."""


class Verification:
    """The questions of one connection. Times are monotonic s.

    `answer_limit` (s) is how long an answer may take.
    """

    def __init__(self, answer_limit: float) -> None:
        self._answer_limit = answer_limit
        self.devices: set[DeviceId] = set()
        self._open = False
        self._queue: OrderedDict[DeviceId, None] = OrderedDict()
        self._asked: dict[DeviceId, float] = {}
        self._later: dict[DeviceId, float] = {}
        self._failures: dict[DeviceId, int] = {}

    def add(self, device: DeviceId) -> None:
        """A device that this connection serves from now on."""
        self.devices.add(device)
        self.ask(device)

    def remove(self, device: DeviceId) -> None:
        """A device that it serves no more."""
        self.devices.discard(device)
        self._asked.pop(device, None)
        self._later.pop(device, None)
        self._failures.pop(device, None)

    def ask(self, device: DeviceId) -> bool:
        """Ask soon, unless that is about to happen anyway; False if there is nobody to ask."""
        if not self._open or device not in self.devices:
            return False
        if device not in self._asked:
            self._queue[device] = None
        return True

    def opened(self) -> None:
        """The connection is open: ask about everything."""
        self._open = True
        self._later.clear()
        self._failures.clear()
        self._asked.clear()
        self._queue = OrderedDict.fromkeys(sorted(self.devices))

    def closed(self) -> list[DeviceId]:
        """The connection is gone; gives the devices that will get no answer."""
        self._open = False
        unanswered = [*self._asked, *self._queue]
        self._asked.clear()
        self._queue.clear()
        return [device for device in unanswered if device in self.devices]

    def answered(self, device: DeviceId) -> bool:
        """An answer came; tells whether it was waited for."""
        return self._asked.pop(device, None) is not None

    def good(self, device: DeviceId) -> None:
        """The answer was a useful one."""
        self._failures.pop(device, None)

    def retry(self, device: DeviceId, now: float) -> None:
        """Ask again before long: there was no answer, or none of use."""
        if device in self.devices:
            failures = self._failures.get(device, 0)
            self._failures[device] = failures + 1
            self._later[device] = now + min(RETRY_FIRST * 2 ** min(failures, 10), RETRY_LONGEST)

    def postpone(self, device: DeviceId, now: float) -> None:
        """Ask again, much later, about a device that is not served here."""
        if device in self.devices:
            self._later[device] = now + ASK_AGAIN

    def next(self, now: float) -> list[DeviceId]:
        """The devices to ask about now."""
        for device in [device for device, at in self._later.items() if at <= now]:
            del self._later[device]
            self.ask(device)
        asked: list[DeviceId] = []
        while self._queue and len(self._asked) < AT_ONCE:
            device, _ = self._queue.popitem(last=False)
            if device in self.devices:
                self._asked[device] = now + self._answer_limit
                asked.append(device)
        return asked

    def due_at(self) -> float:
        """When `next` or `overdue` have something the next time, as far as time decides that."""
        return min(chain(self._later.values(), self._asked.values()), default=math.inf)

    def overdue(self, now: float) -> list[DeviceId]:
        """The devices whose answer did not come; they are no longer waited for."""
        late = [device for device, limit in self._asked.items() if limit <= now]
        for device in late:
            del self._asked[device]
            self.retry(device, now)
        return late


class SettingsQueue:
    """Which devices to ask for their settings: each until they came once."""

    def __init__(self) -> None:
        self._known: set[DeviceId] = set()
        self._wanted: dict[DeviceId, None] = {}
        self._asked: dict[int, DeviceId] = {}
        self._awaited: set[DeviceId] = set()

    def want(self, device: DeviceId) -> None:
        """The device is online and can be asked."""
        if device not in self._known and device not in self._awaited:
            self._wanted[device] = None

    def next(self) -> list[DeviceId]:
        """The devices to ask now; each is to be told by `asked`."""
        wanted, self._wanted = list(self._wanted), {}
        return wanted

    def asked(self, request: int, device: DeviceId) -> None:
        """The question is on its way."""
        self._asked[request] = device
        self._awaited.add(device)

    def answered(self, request: Json) -> bool:
        """Whether this number, as it came, is of a question about settings."""
        device = self._asked.pop(request, None) if isinstance(request, int) else None
        if device is None:
            return False
        self._awaited.discard(device)
        return True

    def came(self, device: DeviceId) -> None:
        """The device's settings are known."""
        self._known.add(device)

    def closed(self) -> None:
        """The connection is gone; nobody will answer."""
        self._wanted.clear()
        self._asked.clear()
        self._awaited.clear()

    def remove(self, device: DeviceId) -> None:
        """A device that is served no more; an answer that is on its way is still known."""
        self._known.discard(device)
        self._wanted.pop(device, None)
