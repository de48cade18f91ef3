"""Devices that dial out to us in masses, or tell far too much: the others do not notice."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.core.effects import CallDevice
from bridge.core.events import CommandAnswered, DeviceArrived, RefreshAnswered
from bridge.core.model import DeviceId
from bridge.sources import outbound, outbound_allowance
from bridge.sources.outbound import LINK
from bridge.sources.outbound_allowance import Rate
from bridge.sources.timing import OutboundTiming
from tests.brokers import wait_until
from tests.sources.outbound_driver import (
    HEX,
    Maker,
    OutboundDriver,
    arrive,
    counted,
    from_elsewhere,
    making_outbound,
    statuses,
    switch,
)


@pytest.fixture
def make() -> Iterator[Maker]:
    with making_outbound() as make:
        yield make


@pytest.fixture
def driver(make: Maker) -> OutboundDriver:
    return make()


def test_a_flood_of_one_device_leaves_room_for_others(make: Maker) -> None:
    driver = make(timing=OutboundTiming(look=0.05, flood_limit=1.0))
    loud = arrive(driver)
    other = arrive(driver, driver.dialers.add(driver.url, "a8032abe5500"))
    loud.wanted = False
    for number in range(5_000):
        loud.notify("NotifyStatus", ts=1.0, **{"switch:0": {"apower": number}})
    before = time.monotonic()
    driver.source.send(switch(other.hex_id, 1))
    driver.recorder.wait(CommandAnswered)
    assert time.monotonic() - before < 1.0
    assert counted(driver, "flood").device == HEX
    assert len(statuses(driver)) < outbound_allowance.DEVICE.messages.most + 50
    wait_until(lambda: loud.connection is None)


def test_large_messages_come_no_faster_than_they_should(make: Maker) -> None:
    driver = make(timing=OutboundTiming(look=0.05, flood_limit=0.5))
    loud = arrive(driver)
    loud.wanted = False
    before = len(statuses(driver))
    padding = {f"switch:{number}": {"apower": "x" * 500} for number in range(100)}
    for _ in range(200):
        loud.notify("NotifyFullStatus", ts=1.0, **padding)
    counted(driver, "flood")
    most = outbound_allowance.DEVICE.size.most / 50_000 + 20
    assert len(statuses(driver)) - before < most


def test_who_flooded_is_not_let_in_again_at_once(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "LONGEST_DEBT", 0.1)
    # So that the debt is still there when the device comes back.
    slow = replace(outbound_allowance.DEVICE, size=Rate(2**21, 1_024))
    monkeypatch.setattr(outbound, "DEVICE", slow)
    driver = make(timing=OutboundTiming(look=0.05, flood_limit=0.1))
    loud = arrive(driver)
    loud.status = {"text:0": {"value": "x" * 60_000}}
    for _ in range(2_000):
        loud.notify("NotifyStatus", ts=1.0, **loud.status)
    assert "too much" in counted(driver, "refused_flood").text


def test_a_place_brings_only_so_many_devices_that_were_never_seen(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_allowance, "NEWCOMERS", Rate(3, 0.001))
    driver = make()
    known = [
        arrive(driver, driver.dialers.add(driver.url, f"b8032a{number:06x}")) for number in range(3)
    ]
    driver.lamp.dial()
    assert "too many different devices" in counted(driver, "refused_newcomers").text
    for device in known:
        device.drop()
    driver.recorder.wait(RefreshAnswered, count=6)
    assert {event.device for event in driver.recorder.of(DeviceArrived)} == {
        device.hex_id for device in known
    }
    with from_elsewhere(driver) as elsewhere:
        assert json.loads(elsewhere.recv(5))["method"] == "Shelly.GetDeviceInfo"


def test_two_connections_that_take_turns_are_told_of(driver: OutboundDriver) -> None:
    one, two = driver.lamp.dial(), driver.dialers.add(driver.url).dial()
    assert counted(driver, "turns").device == HEX
    one.wanted = two.wanted = False


def test_a_few_hundred_messages_at_once_are_taken(make: Maker) -> None:
    driver = make()
    device = arrive(driver)
    for number in range(500):
        device.notify("NotifyStatus", ts=1.0, **{"switch:0": {"apower": number}})
    wait_until(lambda: statuses(driver)[-1].status == {"switch:0": {"apower": 499}})


def test_an_engine_that_is_behind_keeps_no_command_from_a_device(make: Maker) -> None:
    driver = make()
    loud = arrive(driver)
    other = arrive(driver, driver.dialers.add(driver.url, "a8032abe5500"))
    with driver.recorder.held():
        for number in range(500):
            loud.notify("NotifyStatus", ts=1.0, **{"switch:0": {"apower": number}})
        before = driver.source.beats()["outbound"]
        driver.source.send(switch(other.hex_id, 1))
        wait_until(lambda: other.calls("Switch.Set"))
        wait_until(lambda: driver.source.beats()["outbound"] > before + 1)
    driver.recorder.wait(CommandAnswered)
    wait_until(lambda: statuses(driver)[-1].status == {"switch:0": {"apower": 499}})


def memory() -> float:
    """MiB that this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def test_two_hundred_devices_come_back_at_once(make: Maker) -> None:
    driver = make()
    first = arrive(driver)
    before = memory()
    begin = time.monotonic()
    crowd = [driver.dialers.add(driver.url, f"b8032a{number:06x}") for number in range(200)]
    for device in crowd:
        device.dial()
    driver.recorder.wait(RefreshAnswered, count=201, limit=20)
    assert time.monotonic() - begin < 5.0
    assert memory() - before < 30.0
    driver.source.send(switch(HEX, 1))
    driver.recorder.wait(CommandAnswered)
    driver.source.reconnect(LINK)
    begin = time.monotonic()
    driver.recorder.wait(RefreshAnswered, count=402, limit=20)
    assert time.monotonic() - begin < 5.0
    assert {event.outcome for event in driver.recorder.of(RefreshAnswered)} == {"ok"}
    assert first.opened == 2


def test_a_device_that_never_reads_is_ended_and_nobody_else_notices(make: Maker) -> None:
    timing = OutboundTiming(send_limit=1.0, silence_limit=5.0, look=0.05, answer_limit=0.05)
    driver = make(timing=timing)
    crowd = [driver.dialers.add(driver.url, f"b8032a{number:06x}") for number in range(199)]
    deaf = arrive(driver)
    for device in crowd:
        device.dial()
    driver.recorder.wait(RefreshAnswered, count=200, limit=20)
    deaf.freeze()
    slowest = 0.0
    text = "x" * 30_000
    for number, device in enumerate(crowd):
        end = time.monotonic() + 5
        driver.source.call(
            CallDevice(LINK, DeviceId(HEX), "Text.Set", {"value": text}, 1_000 + number, end)
        )
        begin = time.monotonic()
        driver.source.send(switch(device.hex_id, number))
        driver.recorder.wait(CommandAnswered, lambda event, n=number: event.request == n)  # type: ignore[misc]  # mypy and defaults
        slowest = max(slowest, time.monotonic() - begin)
    assert slowest < 1.0
    assert all(device.opened == 1 for device in crowd)
