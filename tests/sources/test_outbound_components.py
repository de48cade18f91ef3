"""Dynamic components of devices that dial out to us: asked for, remembered, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bridge.core.events import DeviceArrived, SettingsReported, StatusReported
from bridge.core.merge import MOST_STATUS, weight
from bridge.core.room import Room
from bridge.sources import outbound
from tests.brokers import wait_until
from tests.sources.dialer import STATUS
from tests.sources.outbound_driver import (
    HEX,
    Maker,
    OutboundDriver,
    arrive,
    counted,
    making_outbound,
    statuses,
)

Json = Any

DYNAMIC: list[dict[str, Json]] = [
    {
        "key": f"bthomesensor:{200 + number}",
        "status": {"id": 200 + number, "value": number},
        "config": {"id": 200 + number, "obj_id": 69},
        "attrs": {"role": "x"},
    }
    for number in range(5)
]


@pytest.fixture
def make() -> Iterator[Maker]:
    with making_outbound() as make:
        yield make


@pytest.fixture
def driver(make: Maker) -> OutboundDriver:
    return make()


def test_dynamic_components_are_asked_for_page_by_page(driver: OutboundDriver) -> None:
    driver.lamp.components = list(DYNAMIC)
    dialer = arrive(driver)
    assert [params["offset"] for params in dialer.calls("Shelly.GetComponents")] == [0, 2, 4]
    assert statuses(driver)[-1].status["bthomesensor:204"] == {"id": 204, "value": 4}
    settings = driver.recorder.wait(SettingsReported).settings
    assert settings["bthomesensor:200"] == {"id": 200, "obj_id": 69, "attrs": {"role": "x"}}


def test_what_is_remembered_of_dynamic_components_is_bounded(driver: OutboundDriver) -> None:
    driver.lamp.components = list(DYNAMIC)
    dialer = arrive(driver)
    for begin in range(0, 2 * MOST_STATUS, 1_000):
        more = {f"member{number}": number for number in range(begin, begin + 1_000)}
        dialer.notify("NotifyStatus", ts=2.0, **{"bthomesensor:200": {"deep": more}})
    dialer.notify("NotifyFullStatus", ts=3.0, **{"sys": {"uptime": 77}})
    whole = driver.recorder.wait(
        StatusReported, lambda event: event.full and event.status["sys"].get("uptime") == 77
    )
    assert 1_000 <= weight(whole.status) <= MOST_STATUS + 100


def test_the_first_list_of_dynamic_components_is_bounded_too(driver: OutboundDriver) -> None:
    deep = {f"member{number}": number for number in range(MOST_STATUS // 20)}
    driver.lamp.components = [
        {"key": f"number:{200 + number}", "status": deep, "config": {}} for number in range(50)
    ]
    arrive(driver)
    assert counted(driver, "too_large").device == HEX
    whole = statuses(driver)[-1]
    assert whole.full
    assert MOST_STATUS / 2 < weight(whole.status) <= MOST_STATUS + 100
    settings = driver.recorder.wait(SettingsReported).settings
    assert 1 < len([key for key in settings if key.startswith("number:")]) < 50


def test_what_all_devices_have_of_them_is_bounded_in_sum(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "Room", lambda: Room(500, 100))
    driver = make()
    listed = [
        {"key": f"number:{200 + number}", "status": {"value": number}} for number in range(20)
    ]
    driver.lamp.components = list(listed)
    arrive(driver)
    other = driver.dialers.add(driver.url, "a8032abe5500", components=list(listed))
    arrive(driver, other)
    assert counted(driver, "no_room").device == other.hex_id
    assert "number:200" in statuses(driver)[-1].status
    assert "number:200" not in statuses(driver, other.hex_id)[-1].status


def test_a_whole_status_keeps_the_dynamic_components(driver: OutboundDriver) -> None:
    driver.lamp.components = list(DYNAMIC)
    dialer = arrive(driver)
    dialer.notify("NotifyStatus", ts=2.0, **{"bthomesensor:200": {"id": 200, "value": 77}})
    dialer.notify("NotifyFullStatus", ts=3.0, **STATUS)
    last = {**DYNAMIC[0]["status"], "value": 77}
    wait_until(
        lambda: (
            statuses(driver)[-1].full
            and statuses(driver)[-1].status.get("bthomesensor:200") == last
        )
    )
    assert statuses(driver)[-1].status.keys() == STATUS.keys() | {item["key"] for item in DYNAMIC}


def test_a_component_goes_when_it_is_no_longer_listed(driver: OutboundDriver) -> None:
    driver.lamp.components = list(DYNAMIC)
    dialer = arrive(driver)
    dialer.components = DYNAMIC[:2]
    event = {"component": "sys", "event": "component_removed", "target": "bthomesensor:204"}
    dialer.notify("NotifyEvent", ts=2.0, events=[event])
    wait_until(lambda: "bthomesensor:204" not in statuses(driver)[-1].status)
    assert "bthomesensor:201" in statuses(driver)[-1].status


def test_a_device_that_comes_back_keeps_its_dynamic_components(driver: OutboundDriver) -> None:
    driver.lamp.components = list(DYNAMIC)
    dialer = arrive(driver)
    dialer.withhold = True
    dialer.drop()
    driver.recorder.wait(DeviceArrived, count=2)
    wait_until(lambda: statuses(driver)[-1].full and len(statuses(driver)) == 3)
    assert "bthomesensor:204" in statuses(driver)[-1].status


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": 404, "message": "No handler for Shelly.GetComponents"}},
        {"components": [], "total": 1_000_000},
        {"components": [{"key": "number:200"}], "total": 1_000_000},
    ],
)
def test_a_device_without_a_list_of_components_is_told_nevertheless(
    driver: OutboundDriver, answer: Json
) -> None:
    driver.lamp.answers["Shelly.GetComponents"] = answer
    dialer = arrive(driver)
    assert statuses(driver)[-1].full
    assert len(dialer.calls("Shelly.GetComponents")) <= 2
