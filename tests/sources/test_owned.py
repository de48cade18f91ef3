"""Hosts and accounts that others may have: connected while they are owned, and no longer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bridge.core.events import (
    DevicesListed,
    LinkChanged,
    LinkRemoved,
    RefreshAnswered,
    StatusReported,
)
from bridge.core.model import LinkId, LinkState
from bridge.simulator.account_faults import Asked
from bridge.simulator.world import World
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.account_driver import AccountDriver, AccountMaker
from tests.sources.cloud_driver import CloudDriver
from tests.sources.integrator_driver import HOSTS, TIMING, Maker
from tests.sources.makers import making

LIMIT = 5.0


@pytest.fixture
def make_account(world: World) -> Iterator[AccountMaker]:
    with making(AccountDriver, world) as make:
        yield make


def connected(driver: CloudDriver, count: int = 1) -> None:
    driver.recorder.wait(LinkChanged, lambda event: event.state is LinkState.CONNECTED, count=count)


def none_open(driver: CloudDriver) -> None:
    wait_until(lambda: driver.host.counters.open_now == 0)


# Hosts of the integrator


def test_nothing_is_connected_that_is_not_owned(make: Maker) -> None:
    driver = make(configured=HOSTS, exclusive=True)
    driver.begin()
    assert not driver.source.serves(driver.link)
    assert driver.leftovers() == []
    assert driver.looked_up == []
    assert driver.recorder.events == []


def test_an_owned_host_is_connected_with_the_devices_that_came_before_or_after(
    make: Maker,
) -> None:
    driver = make(exclusive=True)
    driver.source.start()
    driver.adopt(driver.lamp)
    driver.source.own(driver.link)
    driver.adopt(driver.other)
    assert driver.answer_about(driver.device, 1) == "ok"
    assert driver.answer_about(driver.sleeper, 1) == "offline"
    assert driver.opened() == 1
    assert set(driver.looked_up) == {"localhost", HOSTS[0]}


def test_an_owned_host_of_the_configuration_is_connected_without_devices(make: Maker) -> None:
    driver = make(configured=HOSTS[:1], exclusive=True)
    driver.source.start()
    for host in HOSTS:
        driver.source.own(LinkId(host))
    connected(driver)
    assert not driver.source.serves(LinkId(HOSTS[1]))


def test_a_host_is_closed_at_once_and_nothing_more_is_told_of_it(make: Maker) -> None:
    driver = make(exclusive=True)
    driver.source.own(driver.link)
    driver.up()
    begin = time.monotonic()
    assert driver.source.disown(driver.link, Deadline(LIMIT))
    assert time.monotonic() - begin < 1
    count = len(driver.recorder.events)
    assert driver.source.disown(driver.link, Deadline(0))
    assert not driver.source.serves(driver.link)
    none_open(driver)
    wait_until(lambda: not driver.leftovers())
    assert len(driver.recorder.events) == count
    assert driver.recorder.of(LinkRemoved) == []


def test_a_host_is_owned_again_and_never_connected_twice(make: Maker) -> None:
    driver = make(exclusive=True)
    for number in range(1, 5):
        driver.source.own(driver.link)
        driver.begin()
        connected(driver, number)
        assert driver.source.disown(driver.link, Deadline(LIMIT))
    counters = driver.host.counters
    assert (counters.most_open, counters.overlaps) == (1, 0)


def test_devices_are_forgotten_with_their_host(make: Maker) -> None:
    driver = make(exclusive=True)
    driver.source.own(driver.link)
    driver.up()
    assert driver.source.disown(driver.link, Deadline(LIMIT))
    driver.source.own(driver.link)
    assert not driver.source.serves(driver.link)
    answered = len(driver.recorder.of(RefreshAnswered))
    driver.adopt(driver.lamp)
    connected(driver, 2)
    driver.recorder.wait(RefreshAnswered, count=answered + 1)
    driver.source.release(driver.sleeper)


def test_a_device_that_moves_to_a_host_of_others_leaves_ours(make: Maker) -> None:
    driver = make(exclusive=True)
    driver.source.own(driver.link)
    driver.up()
    for device in (driver.device, driver.sleeper):
        assert driver.source.move(device, LinkId(HOSTS[1])) is None
    none_open(driver)
    assert HOSTS[1] not in driver.looked_up
    driver.source.own(LinkId(HOSTS[1]))
    wait_until(lambda: HOSTS[1] in driver.looked_up)


def test_a_host_that_is_being_opened_is_closed_too(make: Maker) -> None:
    driver = make(exclusive=True, timing=replace(TIMING, open_limit=60.0))
    driver.mute(True)
    driver.source.own(driver.link)
    driver.begin()
    wait_until(lambda: driver.link in driver.looked_up)
    begin = time.monotonic()
    assert driver.source.disown(driver.link, Deadline(LIMIT))
    assert time.monotonic() - begin < 2
    driver.mute(False)
    assert driver.opened() == 0


def test_nothing_is_owned_after_the_stop(make: Maker) -> None:
    driver = make(exclusive=True)
    driver.stop()
    driver.source.own(driver.link)
    driver.begin()
    assert driver.looked_up == []
    assert driver.source.disown(driver.link, Deadline(0))


# Accounts


def test_an_account_waits_until_it_is_owned(make_account: AccountMaker) -> None:
    driver = make_account(exclusive=True)
    driver.source.start()
    assert driver.leftovers() == []
    assert driver.asked() == 0
    assert driver.source.refresh(driver.link, driver.device) is not None
    assert driver.source.beats() == {}
    driver.source.own(driver.link)
    connected(driver)
    driver.recorder.wait(DevicesListed)


def test_an_account_that_is_owned_before_the_start_is_connected_once(
    make_account: AccountMaker,
) -> None:
    driver = make_account(exclusive=True)
    driver.source.own(driver.link)
    driver.source.start()
    connected(driver)
    driver.recorder.wait(DevicesListed)
    names = driver.leftovers()
    assert len(names) == len(set(names))
    assert (driver.host.counters.most_open, driver.host.counters.overlaps) == (1, 0)


def test_an_account_is_closed_at_once_and_can_be_owned_again(make_account: AccountMaker) -> None:
    driver = make_account(exclusive=True)
    for number in range(1, 4):
        driver.source.own(driver.link)
        connected(driver, number)
        begin = time.monotonic()
        assert driver.source.disown(driver.link, Deadline(LIMIT))
        assert time.monotonic() - begin < 1
        none_open(driver)
    assert (driver.host.counters.most_open, driver.host.counters.overlaps) == (1, 0)
    wait_until(lambda: not driver.leftovers())
    count = len(driver.recorder.events)
    driver.report()
    driver.source.own(driver.link)
    connected(driver, 4)
    first = driver.recorder.events[count]
    assert isinstance(first, LinkChanged)
    assert first.state is LinkState.CONNECTING
    assert driver.asked(Asked.REFRESH, Asked.CODE, Asked.LOGIN) == 0


def test_tokens_that_another_instance_stored_are_used(make_account: AccountMaker) -> None:
    driver = make_account(exclusive=True, password=None)
    driver.source.own(driver.link)
    connected(driver)
    assert driver.source.disown(driver.link, Deadline(LIMIT))
    # The same login goes on elsewhere, with tokens that we never saw.
    driver.account.revoke(refresh=True)
    driver.vault.login = replace(
        driver.vault.login,
        access=driver.account.make_token(),
        refresh=driver.account.refresh_token,
    )
    driver.source.own(driver.link)
    connected(driver, 2)
    assert driver.asked(Asked.REFRESH, Asked.CODE, Asked.LOGIN) == 0


def test_somebody_can_log_in_where_the_account_is_not_owned(make_account: AccountMaker) -> None:
    driver = make_account(exclusive=True, logged_in=False, password=None)
    assert driver.source.take_code(driver.account.make_code()) is False
    assert driver.vault.login.count == 1
    assert driver.recorder.of(LinkChanged) == []
    driver.source.own(driver.link)
    connected(driver)
    driver.recorder.wait(StatusReported)
