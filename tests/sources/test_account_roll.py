"""Who belongs to an account while its cloud forgets devices, or tells nonsense of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import pytest

from bridge.core.events import DevicesListed, Event, OnlineReported, StatusReported
from bridge.core.model import DeviceId, LinkId
from bridge.sources.account_roll import DOUBTED, Listing, Roll
from bridge.sources.account_status import read

AGAIN = 60.0
HOUR = DOUBTED * AGAIN
HOME = LinkId("home")
DEVICES = [DeviceId(f"a8032abe54d{number}") for number in range(5)]


class Account:
    """A roll, and what it told."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.roll = Roll(HOME, self.told.append, AGAIN)

    def answers(
        self, devices: Iterable[DeviceId], now: float, user: str = "7", broken: Any = ()
    ) -> list[Event]:
        """The cloud lists these, and broken entries; gives what was told of it."""
        whole: dict[str, Any] = {device: {"switch:0": {"output": True}} for device in devices}
        entries, wrong, unread = read(whole | dict(broken))
        begin = len(self.told)
        listing = Listing(self.roll.ask(), entries, wrong, None, unread, user)
        assert self.roll.take(listing, frozenset(), now, everything=False)
        return self.told[begin:]

    @property
    def newest(self) -> DevicesListed:
        """The newest list."""
        return [event for event in self.told if isinstance(event, DevicesListed)][-1]

    def listed(self) -> set[DeviceId]:
        """Its devices."""
        return {device.device for device in self.newest.devices}


@pytest.fixture
def account() -> Account:
    account = Account()
    account.answers(DEVICES, -AGAIN)
    account.answers(DEVICES, 0.0)
    assert account.listed() == set(DEVICES)
    assert account.newest.settled
    assert account.roll.wanted_at is None
    return account


@pytest.mark.parametrize("left", [[], DEVICES[:2]])
def test_a_list_that_lacks_most_devices_makes_them_offline_and_keeps_them(
    account: Account, caplog: pytest.LogCaptureFixture, left: list[DeviceId]
) -> None:
    caplog.set_level(logging.WARNING)
    told: list[Event] = []
    for minute in range(1, 60):
        told += account.answers(left, minute * AGAIN)
    assert account.listed() == set(DEVICES)
    gone = [device for device in DEVICES if device not in left]
    assert told == [OnlineReported(HOME, device, False) for device in gone]
    assert len(caplog.records) == 1
    assert account.roll.wanted_at == 59 * AGAIN + AGAIN
    account.answers(left, AGAIN + HOUR)
    assert account.listed() == set(left)


def test_devices_that_come_back_are_told_anew(account: Account) -> None:
    for minute in (1, 2, 3):
        account.answers([], minute * AGAIN)
    told = account.answers(DEVICES, 4 * AGAIN)
    assert {event.device for event in told if isinstance(event, StatusReported)} == set(DEVICES)
    assert account.answers(DEVICES, 5 * AGAIN) == []


def test_what_is_still_missing_when_the_cloud_recovers_has_to_be_missing_anew(
    account: Account,
) -> None:
    for minute in (1, 2, 3):
        account.answers([], minute * AGAIN)
    account.answers(DEVICES[:4], 4 * AGAIN)
    assert account.listed() == set(DEVICES)
    account.answers(DEVICES[:4], 5 * AGAIN)
    assert account.listed() == set(DEVICES[:4])


def test_an_empty_list_at_the_start_says_nothing_for_an_hour() -> None:
    account = Account()
    for minute in range(60):
        assert account.answers([], minute * AGAIN) == []
    account.answers([], HOUR)
    assert account.listed() == set()


def test_a_first_list_settles_nothing_and_calls_for_another_one() -> None:
    account = Account()
    account.answers(DEVICES[:3], 0.0)
    assert (account.newest.settled, account.roll.wanted_at) == (False, AGAIN)
    # A connection that was lost and is back tells at once what may be just as wrong.
    account.answers(DEVICES[1:4], 5.0)
    assert (account.newest.settled, account.listed()) == (False, set(DEVICES[:4]))
    account.answers(DEVICES[1:4], AGAIN)
    assert (account.newest.settled, account.listed()) == (True, set(DEVICES[1:4]))
    assert account.roll.wanted_at is None


def test_an_empty_list_is_no_first_one() -> None:
    account = Account()
    for minute in range(3):
        account.answers([], minute * AGAIN)
    account.answers(DEVICES[:3], 3 * AGAIN)
    assert not account.newest.settled
    account.answers(DEVICES, 4 * AGAIN)
    assert account.newest.settled


def test_who_is_there_but_cannot_be_read_is_told_of() -> None:
    account = Account()
    account.answers(DEVICES[:3], 0.0, broken={DEVICES[3]: [1], "?": None})
    assert account.listed() == set(DEVICES[:3])
    assert account.newest.unread == {DEVICES[3]}
    account.answers(DEVICES, AGAIN)
    assert account.newest.unread == frozenset()


@pytest.mark.parametrize("broken", [None, [1], "on", {"_dev_info": {"id": None}}])
def test_a_device_whose_entry_is_broken_stays(account: Account, broken: Any) -> None:
    for minute in range(1, 10):
        account.answers(DEVICES[1:], minute * AGAIN, broken={DEVICES[0]: broken})
    assert account.listed() == set(DEVICES)


def test_a_broken_entry_of_an_unknown_device_is_none(account: Account) -> None:
    account.answers(DEVICES, AGAIN, broken={"0cb815fd44e1": None})
    assert account.listed() == set(DEVICES)


def test_the_devices_of_another_user_replace_these_at_once(account: Account) -> None:
    account.answers([DeviceId("0cb815fd44e1")], AGAIN, user="8")
    assert account.listed() == {DeviceId("0cb815fd44e1")}
