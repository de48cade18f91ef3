"""One account: all its devices by one connection, and whatever happens to them meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bridge.core.commands import Command, Go, RelayCommand, RollerCommand, Target, Turn
from bridge.core.effects import SendCommand
from bridge.core.events import (
    BadInput,
    CommandAnswered,
    DevicesListed,
    LinkChanged,
    RefreshAnswered,
    StatusReported,
)
from bridge.core.logins import Login
from bridge.core.model import DeviceId, LinkState
from bridge.simulator.account_faults import Answer, Asked, RateLimit, RollerWords
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from tests.brokers import wait_until
from tests.sources.account_driver import ADVICE, FAST, AccountDriver, AccountMaker
from tests.sources.cloud_driver import id_of
from tests.sources.contract import SourceContract
from tests.sources.integrator_driver import HOSTS
from tests.sources.makers import making


@pytest.fixture
def make(world: World) -> Iterator[AccountMaker]:
    with making(AccountDriver, world) as make:
        yield make


@pytest.fixture
def driver(make: AccountMaker) -> AccountDriver:
    return make()


class TestAccountContract(SourceContract):
    """All that holds for every source."""


def listed(driver: AccountDriver, count: int = 1) -> set[DeviceId]:
    """The devices of the list of that number."""
    found = driver.recorder.wait(DevicesListed, count=count)
    return {device.device for device in found.devices}


def statuses(driver: AccountDriver, device: DeviceId) -> list[StatusReported]:
    return [event for event in driver.recorder.of(StatusReported) if event.device == device]


def state(driver: AccountDriver, wanted: LinkState, count: int = 1) -> LinkChanged:
    return driver.recorder.wait(LinkChanged, lambda event: event.state is wanted, count=count)


def settled(driver: AccountDriver, model: str, **options: Any) -> Device:
    """One more device of the account."""
    return driver.world.add_device(model, account=driver.account, **options)


def everything_heard(driver: AccountDriver) -> None:
    """Wait until the source has read all frames that were sent so far."""
    count = len(driver.recorder.of(BadInput))
    driver.say(b"the last one")
    driver.recorder.wait(BadInput, count=count + 1)


# All devices, and those that are none


def test_devices_of_every_generation_are_listed_and_told(driver: AccountDriver) -> None:
    others = [settled(driver, model) for model in ("SHSW-25:relay", "SBHT-003C", "SBBT-002C")]
    driver.up()
    assert listed(driver) == {driver.device, driver.sleeper, *map(id_of, others)}
    for device in others:
        (told,) = statuses(driver, id_of(device))
        assert (told.full, told.live, told.code) == (True, True, device.code)
        assert "_dev_info" not in told.status
    (asleep,) = statuses(driver, driver.sleeper)
    assert not asleep.live
    assert asleep.status


def test_names_come_from_the_list_of_devices(driver: AccountDriver) -> None:
    named = settled(driver, "SHSW-1", name="Boiler")
    driver.up()
    driver.recorder.wait(
        DevicesListed, lambda event: "Boiler" in {device.name for device in event.devices}
    )
    assert named.title == "Boiler"


@pytest.mark.parametrize(
    "answer",
    [Answer.ERROR_500, Answer.REFUSED, Answer.HTML, Answer.LISTS, Answer.MAX_REQ, Answer.GARBAGE],
)
def test_without_names_everything_else_works(make: AccountMaker, answer: Answer) -> None:
    driver = make()
    driver.account.faults.answers[Asked.LIST] = answer
    driver.up()
    wait_until(lambda: driver.asked(Asked.LIST))
    driver.report()
    driver.recorder.wait(StatusReported, lambda event: not event.full)
    assert driver.opened() == 1
    assert driver.asked(Asked.REFRESH, Asked.CODE, Asked.LOGIN) == 0


def test_shared_devices_stay_out_unless_they_are_wanted(make: AccountMaker, world: World) -> None:
    driver = make()
    somebody = world.add_account("other@example.org")
    theirs = world.add_device("SNSW-001P16EU", account=somebody, shared=[driver.account])
    driver.up()
    theirs.measure()
    wait_until(lambda: driver.asked(Asked.STATUS) == 2)
    theirs.measure()
    driver.report()
    driver.recorder.wait(StatusReported, lambda event: not event.full)
    assert statuses(driver, id_of(theirs)) == []
    assert listed(driver) == {driver.device, driver.sleeper}
    assert driver.recorder.of(BadInput) == []


def test_shared_devices_can_only_be_read(make: AccountMaker, world: World) -> None:
    driver = make(shared=True)
    somebody = world.add_account("other@example.org")
    theirs = world.add_device("SNSW-001P16EU", account=somebody, shared=[driver.account])
    driver.up()
    found = {device.device: device for device in driver.recorder.wait(DevicesListed).devices}
    assert found[driver.device].control
    assert not found[id_of(theirs)].control


def test_a_new_device_is_found_when_it_speaks(driver: AccountDriver) -> None:
    driver.up()
    newcomer = settled(driver, "SBBT-002C")
    newcomer.press(0, "SS")
    driver.recorder.wait(
        DevicesListed, lambda event: id_of(newcomer) in {each.device for each in event.devices}
    )
    wait_until(lambda: len(statuses(driver, id_of(newcomer))) == 2)
    whole, press = statuses(driver, id_of(newcomer))
    assert (whole.full, press.full) == (True, False)
    assert press.status["v_eve:0"]["ev"] == "SS"


def test_a_device_that_is_gone_is_missed_twice_before_it_goes(driver: AccountDriver) -> None:
    driver.up()
    driver.account.lose(driver.other)
    driver.source.refresh(driver.link, driver.device)
    driver.recorder.wait(
        DevicesListed, lambda event: {each.device for each in event.devices} == {driver.device}
    )
    assert driver.asked(Asked.STATUS) >= 3
    answer = driver.source.refresh(driver.link, driver.sleeper)
    assert answer == RefreshAnswered(driver.link, driver.sleeper, "failed")


def test_a_cloud_that_forgets_everything_for_a_moment(driver: AccountDriver) -> None:
    driver.up()
    told = len(driver.recorder.of(DevicesListed))
    for device in (driver.lamp, driver.other):
        driver.account.lose(device)
    asked = driver.asked(Asked.STATUS)
    driver.source.refresh(driver.link, driver.device)
    wait_until(lambda: driver.asked(Asked.STATUS) > asked)
    for device in (driver.lamp, driver.other):
        driver.account.take(device)
    wait_until(lambda: driver.asked(Asked.STATUS) > asked + 1)
    driver.source.refresh(driver.link, driver.device)
    driver.recorder.wait(
        RefreshAnswered, lambda event: event.device == driver.device and event.outcome == "ok", 9, 2
    )
    assert {
        frozenset(each.device for each in event.devices)
        for event in driver.recorder.of(DevicesListed)[told:]
    } <= {frozenset({driver.device, driver.sleeper})}


# What came by the socket is newer


def output(status: dict[str, Any]) -> Any:
    return status.get("switch:0", {}).get("output")


def test_what_changes_while_the_answer_is_awaited_is_never_overwritten(
    driver: AccountDriver,
) -> None:
    driver.withhold(True)
    driver.begin()
    state(driver, LinkState.CONNECTED)
    wait_until(lambda: driver.account.held)
    driver.lamp.change(0, on=True)
    everything_heard(driver)
    driver.withhold(False)
    assert driver.answer_about(driver.device, 1) == "ok"
    (whole,) = statuses(driver, driver.device)
    assert output(whole.status) is True
    assert {"apower", "id"} <= whole.status["switch:0"].keys()


def test_the_same_after_a_reconnect(driver: AccountDriver) -> None:
    driver.up()
    driver.withhold(True)
    driver.drop()
    state(driver, LinkState.CONNECTED, 2)
    wait_until(lambda: driver.account.held)
    seen = len(statuses(driver, driver.device))
    driver.lamp.change(0, on=True)
    wait_until(lambda: len(statuses(driver, driver.device)) == seen + 1)
    driver.withhold(False)
    assert driver.answer_about(driver.device, 2) == "ok"
    told = [output(event.status) for event in statuses(driver, driver.device)[seen:]]
    assert set(told) - {None} == {True}


def test_an_answer_from_before_a_reconnect_is_thrown_away(make: AccountMaker) -> None:
    driver = make(timing=replace(FAST, status_limit=5.0))
    driver.up()
    driver.withhold(True)
    assert driver.source.refresh(driver.link, driver.device) is None
    wait_until(lambda: driver.account.held)
    seen = len(statuses(driver, driver.device))
    driver.drop()
    state(driver, LinkState.CONNECTED, 2)
    driver.lamp.change(0, on=True)
    driver.withhold(False)
    driver.recorder.wait(StatusReported, lambda event: event.full and output(event.status) is True)
    told = [output(event.status) for event in statuses(driver, driver.device)[seen:]]
    assert False not in told
    assert driver.answer_about(driver.device, 2) == "failed"


# Odd answers


@pytest.mark.parametrize(
    "answer",
    [
        *(Answer.ERROR_500, Answer.HTML, Answer.EMPTY, Answer.REDIRECT, Answer.HANG, Answer.CUT),
        *(Answer.HUGE, Answer.NOT_OK, Answer.LIST, Answer.LISTS),
    ],
)
def test_an_odd_answer_costs_nothing_but_time(
    driver: AccountDriver, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    driver.account.faults.answers[Asked.STATUS] = answer
    driver.begin()
    state(driver, LinkState.CONNECTED)
    wait_until(lambda: "the devices are not known" in caplog.text)
    assert driver.recorder.of(DevicesListed) == []
    driver.account.faults.answers.clear()
    assert driver.answer_about(driver.device, 1) == "ok"
    states = [event.state for event in driver.recorder.of(LinkChanged)]
    assert set(states[states.index(LinkState.CONNECTED) :]) == {LinkState.CONNECTED}
    assert all(len(record.getMessage()) < 200 for record in caplog.records)


@pytest.mark.parametrize("answer", [Answer.LARGE, Answer.ARRAYS, Answer.NO_INFO, Answer.GARBAGE])
def test_an_unusual_answer_tells_all_devices(make: AccountMaker, answer: Answer) -> None:
    driver = make(timing=replace(FAST, status_limit=10.0))
    driver.account.faults.answers[Asked.STATUS] = answer
    driver.up()
    assert listed(driver) == {driver.device, driver.sleeper}
    bad = {event.kind for event in driver.recorder.of(BadInput)}
    assert bad <= {"device_id", "listed_status"}
    assert bool(bad) == (answer is Answer.GARBAGE)


@pytest.mark.parametrize("answer", [Answer.TOO_MANY, Answer.MAX_REQ])
def test_too_many_questions_are_no_bad_token(driver: AccountDriver, answer: Answer) -> None:
    driver.account.faults.answers[Asked.STATUS] = answer
    driver.begin()
    state(driver, LinkState.CONNECTED)
    wait_until(lambda: driver.asked(Asked.STATUS))
    assert driver.source.refresh(driver.link, driver.device) is not None
    assert driver.asked(Asked.REFRESH, Asked.CODE, Asked.LOGIN) == 0
    assert driver.opened() == 1
    assert driver.asked(Asked.STATUS) == 1


def test_questions_keep_their_distance(make: AccountMaker) -> None:
    driver = make(logged_in=False, timing=replace(FAST, pace=0.3))
    driver.account.faults.rate_limit = RateLimit.HTTP_429
    driver.up()
    wait_until(lambda: driver.asked(Asked.LIST))
    assert driver.account.counters.most_within(0.29) == 1
    assert [kind for _, kind in driver.account.counters.asked] == [
        *(Asked.LOGIN, Asked.CODE, Asked.STATUS, Asked.LIST),
    ]


# Tokens


def test_a_token_that_breaks_while_connected_is_replaced(driver: AccountDriver) -> None:
    driver.up()
    driver.account.revoke()
    assert driver.answer_about(driver.device, 2) == "ok"
    assert driver.asked(Asked.REFRESH) == 1
    assert driver.asked(Asked.CODE, Asked.LOGIN) == 0


def test_a_token_that_only_the_questions_find_broken_is_replaced(driver: AccountDriver) -> None:
    driver.up()
    driver.account.revoke(close=False)
    assert driver.source.refresh(driver.link, driver.device) is None
    assert driver.answer_about(driver.device, 2) == "failed"
    driver.source.refresh(driver.link, driver.device)
    assert driver.answer_about(driver.device, 3) == "ok"
    assert (driver.opened(), driver.asked(Asked.REFRESH)) == (1, 1)


def test_a_token_is_renewed_before_it_runs_out(make: AccountMaker, world: World) -> None:
    driver = make(logged_in=False)
    driver.account.token_lifetime = 6.0
    driver.up()
    first = state(driver, LinkState.CONNECTED).token_expires
    driver.recorder.wait(
        LinkChanged,
        lambda event: (event.token_expires or 0) > (first or 0) and event.state == "connected",
    )
    assert driver.asked(Asked.REFRESH) == 1
    assert driver.opened() == 1
    assert world.now() < (first or 0) + 1


def test_a_wrong_password_is_told_and_healed_by_a_login(make: AccountMaker) -> None:
    driver = make(logged_in=False, password="canary-wrong")
    driver.begin()
    failed = state(driver, LinkState.AUTH_REQUIRED)
    assert failed.error is not None
    assert "the e-mail address or password is wrong" in failed.error
    assert ADVICE in failed.error
    assert driver.asked(Asked.LOGIN) == 1
    driver.source.take_code(driver.account.make_code())
    assert driver.answer_about(driver.device, 1) == "ok"
    assert driver.vault.login.count == 1


def test_a_login_elsewhere_heals_too(make: AccountMaker, caplog: pytest.LogCaptureFixture) -> None:
    driver = make(logged_in=False, password=None)
    driver.begin()
    assert state(driver, LinkState.AUTH_REQUIRED).error == f"no access token: {ADVICE}"
    assert f"{ADVICE}; tried again within 360" in caplog.text
    assert "next attempt" not in caplog.text
    driver.vault.login = Login(
        1, driver.world.server_url(driver.account.host), refresh=driver.account.refresh_token
    )
    assert driver.answer_about(driver.device, 1) == "ok"
    assert driver.asked(Asked.LOGIN, Asked.CODE) == 0


def test_an_account_that_moves_is_followed(make: AccountMaker, world: World) -> None:
    driver = make(logged_in=False)
    driver.up()
    driver.account.move(HOSTS[1])
    assert driver.answer_about(driver.device, 2) == "ok"
    assert set(driver.looked_up) == {"localhost", *HOSTS}
    assert len(world.host(HOSTS[1]).counters.opened) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org",
        "http://shelly-1-sim.shelly.cloud",
        "https://shelly-1-sim.shelly.cloud@evil.example.org",
        ["https://shelly-1-sim.shelly.cloud"],
        None,
    ],
)
def test_a_foreign_host_in_a_token_is_never_asked(make: AccountMaker, url: Any) -> None:
    driver = make(logged_in=False)
    driver.account.faults.token_claims["user_api_url"] = url
    driver.begin()
    failed = state(driver, LinkState.BACKOFF)
    assert failed.error is not None
    assert failed.error.startswith("no access token: the token ")
    assert set(driver.looked_up) <= {"localhost", *HOSTS}
    assert driver.opened() == 0


# Commands


def command(
    driver: AccountDriver, device: Device, what: Command, request: int, **more: Any
) -> None:
    target = more.pop("target", Target("cover", 0))
    until = time.monotonic() + 5
    send = SendCommand(driver.link, id_of(device), target, what, request, until, **more)
    assert driver.source.send(send) is None


def answer_to(driver: AccountDriver, request: int) -> CommandAnswered:
    return driver.recorder.wait(CommandAnswered, lambda event: event.request == request)


@pytest.mark.parametrize("words", list(RollerWords))
@pytest.mark.parametrize("model", ["SNSW-102P16EU:cover", "SHSW-25:roller"])
def test_a_roller_moves_whatever_words_the_server_takes(
    driver: AccountDriver, words: RollerWords, model: str
) -> None:
    driver.account.faults.roller_words = words
    roller = settled(driver, model)
    driver.up()
    for request, go in enumerate((Go.OPEN, Go.CLOSE, Go.STOP, Go.CLOSE), 1):
        command(driver, roller, RollerCommand(go), request)
        assert answer_to(driver, request).ok
    asked_in_vain = 1 if words is RollerWords.UP_DOWN else 0
    assert len(roller.received) == 4 + asked_in_vain
    assert len(driver.recorder.of(CommandAnswered)) == 4


def test_a_refusal_for_another_reason_is_told_once(driver: AccountDriver) -> None:
    roller = settled(driver, "SNSW-102P16EU:cover", online=False)
    driver.up()
    command(driver, roller, RollerCommand(Go.OPEN), 1)
    answer = answer_to(driver, 1)
    assert (answer.ok, answer.text) == (False, "device is offline")
    everything_heard(driver)
    assert len(driver.recorder.of(CommandAnswered)) == 1


def test_native_calls_end_when_the_cloud_does_not_want_them(make: AccountMaker) -> None:
    driver = make(native_rpc=True)
    driver.up()
    assert state(driver, LinkState.CONNECTED).native_rpc
    here = Target("switch", 0)
    command(driver, driver.lamp, RelayCommand(Turn.ON), 1, target=here, native=True)
    assert answer_to(driver, 1).ok
    assert driver.lamp.received[-1].cmd == "Switch.Set"
    driver.account.faults.rpc_error = "UNAUTHORIZED"
    command(driver, driver.lamp, RelayCommand(Turn.ON), 2, target=here, native=True)
    assert not answer_to(driver, 2).ok
    assert not state(driver, LinkState.CONNECTED, 2).native_rpc
    driver.drop()
    assert state(driver, LinkState.CONNECTED, 3).native_rpc
