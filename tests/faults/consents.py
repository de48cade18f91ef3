"""An owner of devices, who grants and withdraws them all the time and remembers the answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Self

from bridge.errors import ConnectionLost
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World

MODEL = "SNSW-001P16EU"
OWNED = 20
"""Devices whose consents come and go."""


class Owner:
    """Grants and withdraws some devices in turn, and knows what was answered with 200."""

    def __init__(
        self,
        world: World,
        callback: str | Callable[[], str],
        *,
        hosts: Sequence[str | None] = (None,),
        pause: float = 0.05,
    ) -> None:
        """`callback` is its address, or gives one for each request; `pause` (s) is between them.

        The devices are spread over `hosts`; None is the first one.
        """
        self.answered: dict[Device, bool] = {}
        """Whether a device is granted, by the latest answer."""
        self.unanswered: set[Device] = set()
        """Those of which something else was asked later: it may be stored or not."""
        self.consents = 0
        self.asking = threading.Event()
        """Set while a consent is under way."""
        self.wanted = threading.Event()
        """Set while consents are to come."""
        self._world = world
        self._callback = callback
        self._pause = pause
        self.devices = [
            world.add_device(MODEL, hosts[number % len(hosts)], granted=False)
            for number in range(OWNED)
        ]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="owner", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(15)

    @property
    def granted(self) -> list[Device]:
        """The devices that are granted for sure."""
        return self._known(granted=True)

    @property
    def withdrawn(self) -> list[Device]:
        """The devices that were granted once and are not any more for sure."""
        return self._known(granted=False)

    def _known(self, *, granted: bool) -> list[Device]:
        return [
            device
            for device, answer in list(self.answered.items())
            if answer is granted and device not in self.unanswered
        ]

    def wrong(self, stored: set[str]) -> dict[str, bool]:
        """The hex ids of devices that a registry with `stored` has otherwise than was answered."""
        return {
            device.hex_id: granted
            for device, granted in list(self.answered.items())
            if device not in self.unanswered and granted != (device.hex_id in stored)
        }

    def _run(self) -> None:
        for device in cycle(self.devices):
            if self._done.wait(self._pause):
                return
            if self.wanted.wait(1.0):
                self._ask(device)

    def _ask(self, device: Device) -> None:
        granting = not self.answered.get(device, False)
        self.unanswered.add(device)
        self.asking.set()
        ask = self._world.grant_by_callback if granting else self._world.revoke_by_callback
        callback = self._callback if isinstance(self._callback, str) else self._callback()
        with suppress(ConnectionLost):
            if ask(device, callback).status == 200:
                self.answered[device] = granting
                self.unanswered.discard(device)
                self.consents += 1
        self.asking.clear()
