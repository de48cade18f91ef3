"""What drivers of the cloud sources share: a simulated cloud as the far side, and two devices."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bridge.core.ids import device_from_hex
from bridge.core.model import DeviceId
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from tests.sources.contract import Driver
from tests.sources.recorder import Recorder


class CloudDriver(Driver):
    """Has `lamp`, which is online, and `other`, which is not, on the first host of the world."""

    threads = ("cloud-", "http-")

    def __init__(self, world: World, lamp: Device, other: Device) -> None:
        self.world = world
        self.host = world.host()
        self.lamp, self.other = lamp, other
        self.device, self.sleeper = id_of(lamp), id_of(other)
        self.recorder = Recorder()
        self.looked_up: list[str] = []

    def resolve(self, host: str, port: int) -> tuple[str, int]:
        """Where a host is; remembers that somebody wanted to know."""
        self.looked_up.append(host)
        return self.world.resolver(host, port)

    def mute(self, on: bool) -> None:
        self.host.faults.mute = on

    def freeze(self) -> None:
        self._in_the_world(self.host.freeze)

    def drop(self) -> None:
        self.host.drop()

    def say(self, data: bytes) -> None:
        self.world.emit(self.host.name, data)

    def report(self) -> None:
        self.lamp.measure()

    def unanswered(self) -> int:
        return self.host.counters.unanswered

    def received(self) -> int:
        return len(self.lamp.received)

    def _in_the_world(self, act: Callable[[], None]) -> None:
        """Do something, and wait until the world's thread has done it."""
        act()
        done = threading.Event()
        self.world.soon(done.set)
        assert done.wait(5)


def id_of(device: Device) -> DeviceId:
    """The device as the core knows it."""
    return device_from_hex(device.hex_id)
