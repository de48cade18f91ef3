"""Many status events a second, cheap to make: the world's load generator.

Each event of a device carries the next number: its counted energy is `n` Wh (Gen1: 60 × `n`
watt-minutes) and its power `n`/10 W, so that a judge sees at once whether anything went
backwards. What the device says when asked is always what was emitted last.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from bridge.simulator.cloud import Host, Viewer
from bridge.simulator.devices.base import Channel, Device
from bridge.simulator.devices.things import Outlet
from bridge.simulator.wire import Wire, frame

# Values that no device has otherwise; the template has a place where their text stands.
_POWER = 1234.567
_ENERGY = 7654321.987

_MOST_AT_ONCE = 500
_SHORTEST_SLEEP = 0.004
_STAMPS_WRAP = 1_000_000


class LoadWorld(Protocol):
    """What a load needs of the world."""

    lock: AbstractContextManager[object]

    def host(self, name: str | None = None) -> Host:
        """The host of that name."""

    def flush(self) -> None:
        """Send what was told before."""

    def now(self) -> float:
        """Unix s."""

    def soon(self, act: Callable[[], None]) -> None:
        """Have the loop's thread call something."""


class Load:
    """A load that is under way; attributes may be read by any thread.

    `rate` is in events/s over all devices, None for as many as the connections take. `whole`
    events carry the whole status, others what a device reports by itself. With `stamp` the power
    is the time of sending instead: monotonic ms, modulo 1,000,000.
    """

    def __init__(
        self,
        world: LoadWorld,
        devices: Iterable[Device],
        rate: float | None,
        seconds: float | None,
        *,
        whole: bool = True,
        stamp: bool = False,
    ) -> None:
        """Raises `ValueError` when no device measures power."""
        self.sent = 0
        """Events that went out; those of devices whose host nobody is connected to do not."""
        self.held_back = 0
        """Events left out because a connection did not take them."""
        self._world = world
        self._rate = rate
        self._seconds = seconds
        self._stamp = stamp
        self._sources = {
            device: _Source(device, channel, channel.thing, whole=whole)
            for device in devices
            if (channel := _metered(device)) is not None and isinstance(channel.thing, Outlet)
        }
        if not self._sources:
            raise ValueError("none of the devices measures power")
        self._round = itertools.cycle(self._sources.values())
        self._stopping = False
        self._ended = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def stop(self, seconds: float = 5.0) -> bool:
        """End it and wait for its end; False if that took longer."""
        self._stopping = True
        return self.wait(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended by itself."""
        return self._ended.wait(seconds)

    def number(self, device: Device) -> int:
        """The number that a device emitted last; 0 if none."""
        return self._sources[device].number

    @property
    def devices(self) -> list[Device]:
        """The devices that take part."""
        return list(self._sources)

    # In the loop's thread.

    def begin(self) -> None:
        """Run; called by the world."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        started = time.perf_counter()
        done = 0
        try:
            while not self._stopping:
                passed = time.perf_counter() - started
                if self._seconds is not None and passed >= self._seconds:
                    return
                quota = _MOST_AT_ONCE
                if self._rate is not None:
                    quota = min(quota, int(passed * self._rate) - done)
                with self._world.lock:
                    self._world.flush()
                    before = self.sent
                    self._batch(quota)
                done += quota
                await asyncio.sleep(self._pause(self.sent > before))
        finally:
            for source in self._sources.values():
                source.outlet.counts = True
            self._ended.set()

    def _pause(self, progress: bool) -> float:
        if self._rate is None:
            return 0.0 if progress else _SHORTEST_SLEEP
        return max(_SHORTEST_SLEEP, min(0.1, 1 / self._rate))

    def _batch(self, count: int) -> None:
        waiting: dict[Wire, list[bytes]] = defaultdict(list)
        now = self._world.now()
        for source in itertools.islice(self._round, count):
            host = self._world.host(source.device.host)
            listeners = list(host.audience(source.device))
            if any(wire.paused for wire, _ in listeners):
                self.held_back += 1
                continue
            if self._rate is None and not listeners:
                continue
            power = None
            if self._stamp:
                power = time.monotonic() * 1000 % _STAMPS_WRAP
            source.step(power)
            for wire, viewer in listeners:
                waiting[wire].append(frame(source.message(viewer, now)))
            host.counters.events += len(listeners)
            self.sent += bool(listeners)
        for wire, frames in waiting.items():
            wire.send_frames(b"".join(frames))


def _metered(device: Device) -> Channel | None:
    """The first channel of a device that measures power by itself."""
    for channel in device.channels:
        if isinstance(channel.thing, Outlet) and channel.thing.rated > 0:
            return channel
    return None


class _Source:
    """One device of a load, with a template of its messages for each kind of viewer."""

    def __init__(self, device: Device, channel: Channel, outlet: Outlet, *, whole: bool) -> None:
        self.device = device
        self.outlet = outlet
        self.number = int(outlet.energy)
        self._channel = channel
        self._whole = whole
        self._templates: dict[str, bytes] = {}
        self._version = -1
        outlet.counts = False

    def step(self, power: float | None) -> None:
        """Go on to the next number; `power` (W) replaces a tenth of it."""
        self.number += 1
        self.outlet.energy = float(self.number)
        self.outlet.power = round(self.number / 10 if power is None else power, 3)

    def message(self, viewer: Viewer, now: float) -> bytes:
        """What the cloud says of the device now."""
        if self.device.version != self._version:
            self._templates.clear()
            self._version = self.device.version
        template = self._templates.get(viewer.name)
        if template is None:
            template = self._templates[viewer.name] = self._template(viewer)
        energy = self.outlet.energy
        values = {b"p": self.outlet.power, b"e": energy, b"m": int(energy * 60), b"t": now}
        return template % values

    def _template(self, viewer: Viewer) -> bytes:
        outlet = self.outlet
        kept = outlet.power, outlet.energy
        outlet.power, outlet.energy = _POWER, _ENERGY
        try:
            device = self.device
            status = device.status() if self._whole else device.excerpt(self._channel)
        finally:
            outlet.power, outlet.energy = kept
        text = viewer.status_frame(self.device, status).replace(b"%", b"%%")
        if b'"ts":' in text:
            text = re.sub(rb'"(ts|serial)":[0-9.]+', rb'"\1":%(t).2f', text)
        for value, place in (
            (f"{_POWER}", b"%(p).3f"),
            (f"{_ENERGY}", b"%(e).1f"),
            (f"{int(_ENERGY * 60)}", b"%(m)d"),
        ):
            text = text.replace(value.encode(), place)
        return text
