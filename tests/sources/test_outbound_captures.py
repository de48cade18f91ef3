"""What real devices told, by a real socket: it gives the same channels as through the cloud."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.device import Device
from bridge.core.events import RefreshAnswered, SettingsReported, StatusReported
from bridge.core.kinds.fields import Values
from bridge.core.learned import learn
from bridge.core.model import DeviceId
from bridge.sources.outbound import OutboundSettings, OutboundSource
from bridge.threads import Deadline
from tests.frames.captures import Capture, captures
from tests.sources.dialer import Dialer, Dialers
from tests.sources.outbound_driver import SECRET
from tests.sources.recorder import Recorder

pytestmark = pytest.mark.shared_fixtures

Json = Any
Channels = dict[tuple[str, int], tuple[str, Values]]


def fit() -> list[Capture]:
    """The captures of devices that can connect to us, with a status."""
    return [
        capture
        for capture in captures()
        if capture.status
        and capture.whole
        and not capture.device.startswith("X")
        and (capture.name[:4] in ("gen2", "gen3", "gen4") or ".components" in capture.name)
    ]


def play(dialers: Dialers, url: str, capture: Capture) -> Dialer:
    """A device that tells what was captured, what is dynamic only where devices do."""
    dialer = dialers.add(url, capture.device)
    settings = {**(capture.settings or {})}
    dynamic = [key for key in capture.status if is_dynamic(key)]
    dialer.status = {key: value for key, value in capture.status.items() if key not in dynamic}
    dialer.components = [
        {
            "key": key,
            "status": capture.status[key],
            "config": {**settings.get(key, {})},
            "attrs": settings.get(key, {}).get("attrs", {}),
        }
        for key in dynamic
    ]
    dialer.answers["Shelly.GetDeviceInfo"] = settings.pop("DeviceInfo", {"model": capture.code})
    dialer.answers["Shelly.GetConfig"] = {
        key: value for key, value in settings.items() if key not in dynamic
    }
    return dialer.dial()


def is_dynamic(key: str) -> bool:
    number = key.partition(":")[2]
    return number.isdecimal() and int(number) >= 200


def by_the_cloud(capture: Capture) -> Channels:
    device = Device(capture.device)
    device.apply(dict(capture.status), full=True, wall=1.0)
    if capture.settings is not None:
        learned = learn(capture.settings)
        device.settle(learned.mode, learned.facts, 1.0)
    return channels(device)


def by_the_socket(device_id: DeviceId, recorder: Recorder) -> Channels:
    device = Device(device_id)
    for event in recorder.events:
        if isinstance(event, StatusReported) and event.device == device_id:
            device.apply(event.status, full=event.full, wall=1.0)
        elif isinstance(event, SettingsReported) and event.device == device_id:
            learned = learn(event.settings)
            device.settle(learned.mode, learned.facts, 1.0)
    return channels(device)


def channels(device: Device) -> Channels:
    return {key: (state.channel.component, state.values) for key, state in device.channels.items()}


@pytest.fixture(scope="module")
def told() -> Recorder:
    """Everything that the source says of all of them."""
    recorder = Recorder()
    settings = OutboundSettings("127.0.0.1", 0, SECRET)
    source = OutboundSource(settings, recorder, recorder.crashed)
    source.start()
    wanted = fit()
    with Dialers() as dialers:
        for capture in wanted:
            play(dialers, f"ws://127.0.0.1:{source.port}/shelly/{SECRET}", capture)
        recorder.wait(RefreshAnswered, count=len(wanted), limit=30)
    assert source.stop(Deadline(5)) == []
    assert recorder.crashes == []
    return recorder


def test_there_is_something_to_compare() -> None:
    names = [capture.name for capture in fit()]
    assert sum("components" in name for name in names) >= 15
    assert sum("notify-full" in name for name in names) >= 3
    assert len(names) >= 60


@pytest.mark.parametrize("capture", fit(), ids=lambda capture: capture.name)
def test_the_channels_are_the_same(capture: Capture, told: Recorder) -> None:
    answer = next(event for event in told.of(RefreshAnswered) if event.device == capture.device)
    assert answer.outcome == "ok"
    expected = by_the_cloud(capture)
    assert expected or not capture.status
    assert by_the_socket(capture.device, told) == expected
