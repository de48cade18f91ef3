"""The outbound source, with scripted devices that dial in as its far side."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from bridge.core.commands import RelayCommand, Target, Turn
from bridge.core.effects import SendCommand
from bridge.core.events import BadInput, DeviceLeft, RefreshAnswered, StatusReported
from bridge.core.model import DeviceId
from bridge.sources.outbound import LINK, OutboundSettings, OutboundSource
from bridge.sources.timing import OutboundTiming
from tests.brokers import wait_until
from tests.sources.contract import Driver
from tests.sources.dialer import SLEEPY, STATUS, Dialer, Dialers
from tests.sources.makers import making
from tests.sources.recorder import Recorder

SECRET = "the-secret-of-the-outbound-address"

TIMING = OutboundTiming(
    open_limit=0.4,
    name_limit=0.6,
    send_limit=0.5,
    ping_interval=0.2,
    silence_limit=0.7,
    close_limit=0.3,
    look=0.02,
    answer_limit=0.3,
    relay_limit=0.6,
    ask_again=0.2,
    settle=0.05,
)

HEX = "a8032abe54dc"
PATIENT = OutboundTiming(settle=0.05, look=0.1)
"""As in reality, where nothing is to run out."""

_FRAME = b'{"src": "shellyplus1pm-a8032abe54dc", %b}'

BAD_FRAMES = [
    b"",
    b"not JSON",
    b"[]",
    b'"text"',
    b"{}",
    b'{"src": 5, "method": "NotifyStatus", "params": {}}',
    b'{"src": "../../a8032abe54dc", "method": "NotifyStatus", "params": {}}',
    b'{"src": "shelly-XB1234567890", "method": "NotifyStatus", "params": {}}',
    b'{"src": "shelly-a80", "method": "NotifyStatus", "params": {}}',
    b'{"src": "shelly-' + b"a" * 10_000 + b'", "method": "NotifyStatus", "params": {}}',
    b'{"src": "shelly1-b8032abe54dc", "method": "NotifyStatus", "params": {}}',
    _FRAME % b'"method": 5',
    _FRAME % b'"method": "NotifyNothing", "params": {}',
    _FRAME % b'"method": "NotifyStatus"',
    _FRAME % b'"method": "NotifyStatus", "params": []',
    _FRAME % b'"method": "NotifyStatus", "params": {"switch:0": {"apower": NaN}}',
    _FRAME % b'"method": "NotifyStatus", "params": {"switch:0": {"apower": 1e999}}',
    _FRAME % b'"method": "NotifyStatus", "params": {"a": "\\ud800"}',
    _FRAME % b'"method": "NotifyStatus", "method": "NotifyEvent"',
    _FRAME % b'"method": "NotifyEvent", "params": {"events": 7}',
    _FRAME % b'"method": "NotifyEvent", "params": {"events": [7]}',
    _FRAME % b'"result": {}',
    _FRAME % b'"id": 99, "result": null',
    _FRAME % b'"id": 0, "result": {}',
    _FRAME % b'"id": "1", "result": {}',
    _FRAME % b'"id": true, "error": {"code": 1}',
    _FRAME % b'"id": {"a": 1}, "result": {}',
    _FRAME % b'"id": null, "error": "no"',
    b"[" * 60_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"9" * 5_000,
]


class OutboundDriver(Driver):
    """A listener with one device, and one that sleeps."""

    threads = ("outbound",)
    bad_frames = BAD_FRAMES
    most_frames = 400
    not_utf8 = b'{"src": "shellyplus1pm-a8032abe54dc", "method": "\xff"}'
    comes_back_by = ("connected",)

    def __init__(self, dialers: Dialers, **options: Any) -> None:
        self.recorder = Recorder()
        self.link = LINK
        options = {"timing": TIMING, **options}
        settings = OutboundSettings("127.0.0.1", 0, SECRET, **options)
        self.source: OutboundSource = OutboundSource(settings, self.recorder, self.recorder.crashed)
        self.dialers = dialers
        self.secrets = (SECRET,)
        self.lamp = dialers.add(self.url)
        self.sensor = dialers.add(self.url, "a8032abe54dd", status=SLEEPY)
        self.device = DeviceId(self.lamp.hex_id)
        self.sleeper = DeviceId(self.sensor.hex_id)

    @property
    def url(self) -> str:
        """Where devices connect to."""
        return f"ws://127.0.0.1:{self.source.port}/shelly/{SECRET}"

    def begin(self) -> None:
        self.source.start()
        for device in (self.lamp, self.sensor):
            device.dial()

    def up(self) -> None:
        super().up()
        self.sensor.sleep()
        self.recorder.wait(DeviceLeft, lambda event: event.device == self.sleeper)

    def mute(self, on: bool) -> None:
        self.lamp.mute = self.sensor.mute = on

    def freeze(self) -> None:
        self.lamp.freeze()
        done = threading.Event()
        self.dialers.soon(done.set)
        assert done.wait(5)

    def drop(self) -> None:
        self.lamp.drop()

    def withhold(self, on: bool) -> None:
        self.lamp.withhold = on

    def say(self, data: bytes) -> None:
        self.lamp.say(data)

    def report(self) -> None:
        self.lamp.notify("NotifyStatus", ts=2.5, **{"switch:0": {"id": 0, "apower": 1.5}})

    def opened(self) -> int:
        return self.lamp.opened

    def unanswered(self) -> int:
        return self.lamp.unanswered

    def received(self) -> int:
        return len(self.lamp.calls("Switch.Set"))

    def wait_back(self) -> None:
        wait_until(lambda: self.lamp.opened == 2)

    def wait_unanswered(self) -> None:
        self.recorder.wait(BadInput, lambda event: event.kind == "refused_slow")

    def wait_down(self) -> None:
        self.recorder.wait(DeviceLeft, lambda event: event.device == self.device)


Maker = Callable[..., OutboundDriver]
"""Makes a driver with options of its own, which listens, and is stopped in the end."""


@contextmanager
def making_outbound() -> Iterator[Maker]:
    """The maker; what it makes is as patient as in reality."""
    with Dialers() as dialers, making(OutboundDriver, dialers) as make_silent:

        def make(**options: Any) -> OutboundDriver:
            driver = make_silent(**{"timing": PATIENT, **options})
            driver.source.start()
            return driver

        yield make


def arrive(driver: OutboundDriver, device: Dialer | None = None) -> Dialer:
    """Have a device come, and wait until it was asked everything."""
    dialer = (device or driver.lamp).dial()
    driver.recorder.wait(RefreshAnswered, lambda event: event.device == dialer.hex_id)
    return dialer


def statuses(driver: OutboundDriver, hex_id: str = HEX) -> list[StatusReported]:
    """What was told of the status of a device."""
    return [event for event in driver.recorder.of(StatusReported) if event.device == hex_id]


def counted(driver: OutboundDriver, kind: str) -> BadInput:
    """Wait until something bad of this kind was counted."""
    return driver.recorder.wait(BadInput, lambda event: event.kind == kind)


def switch(device: str, request: int, seconds: float = 5.0) -> SendCommand:
    """A command to a device, worthless after so long."""
    return SendCommand(
        LINK,
        DeviceId(device),
        Target("switch", 0),
        RelayCommand(Turn.ON),
        request,
        time.monotonic() + seconds,
    )


@contextmanager
def from_elsewhere(driver: OutboundDriver) -> Iterator[ClientConnection]:
    """A connection from another address that says it is the device."""
    peer = socket.create_connection(
        ("127.0.0.1", driver.source.port), 5, source_address=("127.0.0.2", 0)
    )
    with connect(driver.url, sock=peer, proxy=None) as connection:
        src = driver.lamp.src
        connection.send(json.dumps({"src": src, "method": "NotifyFullStatus", "params": STATUS}))
        yield connection
