"""Which device is to live on next. Guarded by the world's lock."""

from __future__ import annotations

import heapq
import itertools
import math

from bridge.simulator.devices.base import Device


class Schedule:
    """A heap of due times; a device has at most one that counts."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Device]] = []
        self._current: dict[Device, int] = {}
        self._numbers = itertools.count()

    def put(self, device: Device) -> None:
        """Note when a device is due next; an earlier note is void."""
        due = device.due()
        number = next(self._numbers)
        self._current[device] = number
        if due < math.inf:
            heapq.heappush(self._heap, (due, number, device))

    def run(self, now: float) -> None:
        """Let every device that is due live until now."""
        while self._heap and self._heap[0][0] <= now:
            _, number, device = heapq.heappop(self._heap)
            if self._current.get(device) == number:
                device.pass_time()
                self.put(device)
