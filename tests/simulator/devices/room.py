"""Just enough of a world for devices without one."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Any

from bridge.core.merge import merged
from bridge.simulator.clock import Clock
from bridge.simulator.devices.base import Detail, Device, Status
from bridge.simulator.devices.catalog import find, make
from bridge.simulator.devices.model import Options
from bridge.simulator.identities import Identities

Json = Any


class Room:
    """Takes down what devices report, and merges it as a receiver should."""

    def __init__(self, detail: Detail = Detail.MEMBERS) -> None:
        self.lock: AbstractContextManager[object] = threading.RLock()
        self.detail = detail
        self.clock = Clock(1_800_000_000.0)
        self.reports: list[Status] = []
        self.merged: Json = {}
        self.settings_told = 0
        self._identities = Identities()

    def now(self) -> float:
        return self.clock.now()

    def status_changed(self, _device: Device, part: Status) -> None:
        assert part
        self.reports.append(part)
        self.merged = merged(self.merged, part)

    def settings_changed(self, _device: Device) -> None:
        self.settings_told += 1

    def reschedule(self, device: Device) -> None:
        pass

    def add(self, model: str, **options: Any) -> Device:
        kind = find(model)
        identity = self._identities.make(kind, "host", 1000, None, None)
        device = make(kind, identity, self, Options(**options))
        self.merged = device.status()
        return device

    def pass_time(self, device: Device, seconds: float, step: float = 0.25) -> None:
        for _ in range(round(seconds / step)):
            self.clock.skip(step)
            device.pass_time()

    def order(self, device: Device, cmd: str, **params: Json) -> str | None:
        """Give an order; the refusal's text if there is one."""
        refusal = device.execute(cmd, params, 1)
        device.publish()
        return None if refusal is None else str(refusal)
