"""What the frames of one cloud host mean, and what it is asked."""

from __future__ import annotations

import json
from dataclasses import replace

from bridge.core.events import (
    AccessReported,
    BadInput,
    DeviceMoved,
    RefreshAnswered,
    SettingsReported,
    StatusReported,
)
from bridge.core.model import Access, LinkId
from bridge.simulator.devices.base import Device
from bridge.sources.integrator_host import MOST_HOPS
from tests.brokers import wait_until
from tests.sources.cloud_driver import id_of
from tests.sources.contract import about
from tests.sources.integrator_driver import HOSTS, IntegratorDriver, grant

# Devices that are elsewhere, or not ours


def test_a_device_that_is_served_elsewhere_is_told_and_served_there(
    driver: IntegratorDriver,
) -> None:
    driver.up()
    driver.world.move(driver.lamp, HOSTS[1])
    driver.source.refresh(driver.link, driver.device)
    moved = driver.recorder.wait(DeviceMoved)
    assert (moved.link, moved.device, moved.to) == (HOSTS[0], driver.device, HOSTS[1])
    assert driver.answer_about(driver.device, 2) == "moved"
    driver.source.move(moved.device, moved.to)
    assert driver.answer_about(driver.device, 3) == "ok"
    assert driver.source.serves(LinkId(HOSTS[0]))
    answer = driver.source.refresh(LinkId(HOSTS[0]), driver.device)
    assert answer == RefreshAnswered(LinkId(HOSTS[0]), driver.device, "failed")


def test_a_device_is_sent_on_a_few_times_in_a_row_only(driver: IntegratorDriver) -> None:
    """Two hosts that each name the other would keep us busy for ever."""
    driver.source.start()
    driver.adopt(driver.lamp)
    assert driver.answer_about(driver.device, 1) == "ok"
    driver.source.move(driver.device, LinkId(HOSTS[1]))
    for number in range(1, MOST_HOPS + 1):
        moved = driver.recorder.wait(DeviceMoved, count=number)
        # By the time we get there it is said to be where we came from.
        driver.world.move(driver.lamp, moved.link)
        driver.source.move(moved.device, moved.to)
    assert driver.recorder.wait(BadInput).kind == "too_many_hops"
    assert len(driver.recorder.of(DeviceMoved)) == MOST_HOPS
    assert driver.source.refresh(moved.to, driver.device) is None
    driver.recorder.wait(DeviceMoved, count=MOST_HOPS + 1)


HOSTILE = [
    "evil.example.org",
    "shelly.cloud.evil.example.org",
    "a@shelly-1-sim.shelly.cloud",
    "127.0.0.1",
    "SHELLY-2-SIM.shelly.cloud",
    "shelly-2-sim.shelly.cloud.",
    "shelly-2-sim.shelly.cloud:443",
    "",
    5,
    None,
    HOSTS[0],
]


def test_a_host_that_is_not_allowed_is_never_looked_up(driver: IntegratorDriver) -> None:
    driver.up()
    for number, host in enumerate(HOSTILE, 1):
        data = {"result": "WRONG_HOST", "deviceId": driver.lamp.id, "host": host}
        driver.say(json.dumps({"event": "Integrator:ActionResponse", "data": data}).encode())
        assert driver.recorder.wait(BadInput, count=number).kind == "host_not_allowed"
        driver.source.adopt(replace(grant(driver.lamp), host=str(host)))
    assert driver.recorder.of(DeviceMoved) == []
    assert driver.source.serves(driver.link)
    assert set(driver.looked_up) == {"localhost", HOSTS[0]}


def test_a_device_that_is_not_granted_any_more_is_told_so(driver: IntegratorDriver) -> None:
    driver.world.revoke(driver.lamp)
    driver.begin()
    assert driver.answer_about(driver.device, 1) == "not_authorized"
    access = driver.recorder.wait(AccessReported, lambda event: event.device == driver.device)
    assert access.access is Access.NONE
    driver.world.grant(driver.lamp, control=False)
    driver.source.refresh(driver.link, driver.device)
    assert driver.answer_about(driver.device, 2) == "ok"
    granted = driver.recorder.wait(
        AccessReported, lambda event: event.device == driver.device, count=2
    )
    assert (granted.access, granted.code) == (Access.READ, "SNSW-001P16EU")


def test_the_cloud_tells_what_may_be_controlled(driver: IntegratorDriver) -> None:
    driver.up()
    found = {event.device: event for event in driver.recorder.of(AccessReported)}
    assert found[driver.device].access is Access.CONTROL
    assert found[driver.device].code == "SNSW-001P16EU"


ODD_NUMBERS: list[object] = [[], {}, None, "x", 1.5, True, 2**40, [[1]]]


def test_an_answer_may_carry_any_number(driver: IntegratorDriver) -> None:
    driver.up()
    for count, trid in enumerate(ODD_NUMBERS, 1):
        data = {"result": "OK", "deviceId": driver.lamp.id, "accessGroups": "00"}
        answer = {"event": "Integrator:ActionResponse", "trid": trid, "data": data}
        driver.say(json.dumps(answer).encode())
        driver.recorder.wait(AccessReported, lambda event: event.access is Access.READ, count=count)
    assert about(driver, driver.device) == ["ok"]


ODD_ANSWERS = {
    "unexpected_answer": {"result": "OK", "deviceId": "77"},
    "device_id": {"result": "OK"},
    "bad_answer": "OK",
    "verify_refused": {"result": "WRONG\nAPI", "deviceId": "{id}"},
    "access_groups": {"result": "OK", "deviceId": "{id}", "accessGroups": "zz"},
}


def test_an_odd_answer_is_counted(driver: IntegratorDriver) -> None:
    driver.up()
    driver.say(json.dumps({"event": "Error", "message": "go \u202e away\n"}).encode())
    for data in ODD_ANSWERS.values():
        answer = json.dumps({"event": "Integrator:ActionResponse", "data": data})
        driver.say(answer.replace("{id}", driver.lamp.id).encode())
    driver.recorder.wait(BadInput, count=1 + len(ODD_ANSWERS))
    bad = driver.recorder.of(BadInput)
    assert [event.kind for event in bad] == ["cloud_error", *ODD_ANSWERS]
    assert all(event.text.isprintable() for event in bad)
    assert about(driver, driver.device) == ["ok"]


# Settings


def settings_asked(driver: IntegratorDriver) -> int:
    return len(driver.host.counters.settings_asked)


def test_settings_are_asked_for_once_for_each_device(driver: IntegratorDriver) -> None:
    driver.up()
    came = driver.recorder.wait(SettingsReported)
    assert (came.link, came.device) == (driver.link, driver.device)
    assert came.settings
    for number in (2, 3):
        driver.source.refresh(driver.link, driver.device)
        driver.answer_about(driver.device, number)
    driver.drop()
    driver.answer_about(driver.device, 4)
    driver.answer_about(driver.sleeper, 2)
    driver.source.refresh(driver.link, driver.sleeper)
    driver.answer_about(driver.sleeper, 3)
    assert settings_asked(driver) == 1


def test_settings_whose_answer_got_lost_are_asked_for_again(driver: IntegratorDriver) -> None:
    driver.host.faults.answer_delay = 0.2
    driver.begin()
    wait_until(lambda: settings_asked(driver) == 1)
    driver.host.faults.answer_delay = 0.0
    driver.drop()
    driver.recorder.wait(SettingsReported)
    assert settings_asked(driver) == 2


def test_a_device_that_comes_online_is_asked_for_its_settings(driver: IntegratorDriver) -> None:
    driver.up()
    driver.world.set_online(driver.other, True)
    driver.source.refresh(driver.link, driver.sleeper)
    driver.recorder.wait(SettingsReported, lambda event: event.device == driver.sleeper)


def test_many_devices_are_asked_about_in_turn(driver: IntegratorDriver) -> None:
    many: list[Device] = [driver.world.add_device("SHSW-PM") for _ in range(100)]
    for device in many:
        driver.adopt(device)
    wanted = {id_of(device) for device in many}

    def answered() -> bool:
        found = driver.recorder.of(RefreshAnswered)
        return wanted <= {event.device for event in found if event.outcome == "ok"}

    wait_until(answered, 10.0)
    assert len(driver.host.counters.verifies) == len(many)
    assert len([event for event in driver.recorder.of(StatusReported) if event.full]) == len(many)
