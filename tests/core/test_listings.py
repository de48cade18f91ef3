"""Devices of accounts: they come with a list, share a device with a consent, and go."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.effects import Release, ScanRetained, SendCommand
from bridge.core.events import (
    BrokerUp,
    DevicesListed,
    GrantRevoked,
    GrantStored,
    LinkChanged,
    OnlineReported,
    RetainedFound,
    StatusReported,
)
from bridge.core.listings import DOUBTED
from bridge.core.model import DeviceId, LinkId, LinkState, ListedDevice, SourceKind
from tests.core.dialogue import DEVICE, HOST, OTHER, ROOT, Dialogue, Reply, grant, override

HOME, CABIN = LinkId("home"), LinkId("cabin")
PAGE = "http://127.0.0.1:8080/login/home"


def dialogue(*grants: Any, **changes: Any) -> Dialogue:
    """An engine that serves the account `home`, which is connected."""
    talk = Dialogue(*grants, **{"logins": {HOME: PAGE}, **changes})
    talk.says(BrokerUp("5", "0a1b2c3d"), connected(HOME))
    return talk


def connected(link: LinkId, state: LinkState = LinkState.CONNECTED) -> LinkChanged:
    kind = SourceKind.INTEGRATOR if "." in link else SourceKind.ACCOUNT
    return LinkChanged(link, kind, state)


def listed(*devices: Any, link: LinkId = HOME, **more: Any) -> DevicesListed:
    made = [each if isinstance(each, ListedDevice) else ListedDevice(each) for each in devices]
    return DevicesListed(link, tuple(made), **more)


def relay(on: bool, link: LinkId = HOME, device: Any = DEVICE, **more: Any) -> StatusReported:
    status = {"switch:0": {"id": 0, "output": on, "apower": 1.5}}
    return StatusReported(link, device, status, **more)


def known_before(*devices: Any) -> dict[Any, set[str]]:
    return {each: {f"shelly/{each}/availability", f"shelly/{each}/info"} for each in devices}


def cleared(reply: Reply) -> set[str]:
    return {topic for topic, payload in reply.published.items() if payload == ""}


def test_a_listed_device_is_there_with_name_model_and_access() -> None:
    talk = dialogue()
    reply = talk.says(listed(ListedDevice(DEVICE, "SNSW-001P16EU", "Boiler")))
    assert reply.happened() == ["device_added"]
    talk.says(relay(True, full=True))
    info = talk.holds(f"{ROOT}/info")
    assert (info["name"], info["model"], info["access"]) == ("Boiler", "SNSW-001P16EU", "control")
    assert info["sources"] == [{"kind": "account", "link": "home", "access": "control"}]
    assert talk.broker[f"{ROOT}/availability"] == "online"
    assert '"state":"ON"' in talk.broker[f"{ROOT}/relay/0"]


def test_the_same_list_again_says_nothing() -> None:
    talk = dialogue()
    talk.says(listed(DEVICE, OTHER))
    assert talk.says(listed(DEVICE, OTHER)).effects == []
    assert talk.says(listed(ListedDevice(DEVICE, name="Boiler"), OTHER)).topics == [f"{ROOT}/info"]


def test_a_device_that_is_away_keeps_what_was_known_last() -> None:
    talk = dialogue()
    talk.says(listed(DEVICE))
    reply = talk.says(relay(True, full=True, live=False))
    assert reply.published[f"{ROOT}/availability"] == "offline"
    assert [publish.payload for publish in reply.on(f"{ROOT}/availability")] == ["offline"]
    assert '"state":"ON"' in talk.broker[f"{ROOT}/relay/0"]
    reply = talk.says(relay(False))
    assert reply.published[f"{ROOT}/availability"] == "online"


def test_a_device_that_is_listed_no_more_leaves_nothing() -> None:
    talk = dialogue()
    talk.says(listed(DEVICE, OTHER), relay(True, full=True))
    reply = talk.says(listed(OTHER))
    assert reply.happened() == ["device_removed"]
    talk.waits(2)
    assert not [topic for topic in talk.broker if DEVICE in topic]


def test_a_disabled_device_stays_out() -> None:
    talk = dialogue(overrides=override(disabled=True), known=known_before(DEVICE))
    talk.waits(2)
    assert not talk.broker.get(f"{ROOT}/availability")
    assert talk.says(listed(DEVICE), relay(True, full=True)).topics == []


# One device by two ways


def both() -> Dialogue:
    talk = dialogue(grant())
    talk.says(connected(HOST), listed(DEVICE))
    talk.says(relay(False, full=True), relay(False, HOST, full=True))
    return talk


def test_two_ways_are_one_device() -> None:
    talk = both()
    assert sources(talk) == ["integrator", "account"]
    assert talk.broker[f"{ROOT}/availability"] == "online"
    talk.says(relay(True, HOST))
    assert '"state":"ON"' in talk.broker[f"{ROOT}/relay/0"]
    talk.says(relay(False))
    assert '"state":"OFF"' in talk.broker[f"{ROOT}/relay/0"]


OLD, NEW = "2020-01-01 00:00:00", "2030-01-01 00:00:00"


def told(on: bool, link: LinkId, updated: str, **more: Any) -> StatusReported:
    """A whole status, and when the cloud got it."""
    status = {"switch:0": {"id": 0, "output": on, "apower": 1.5}, "_updated": updated}
    return StatusReported(link, DEVICE, status, full=True, **more)


@pytest.mark.parametrize(("link", "other"), [(HOME, HOST), (HOST, HOME)])
def test_an_old_status_by_one_way_is_not_laid_over_what_the_other_told(
    link: LinkId, other: LinkId
) -> None:
    talk = both()
    talk.says(relay(True, other), told(False, link, OLD))
    assert talk.holds(f"{ROOT}/relay/0")["state"] == "ON"
    talk.says(told(False, link, NEW, live=False))
    assert talk.holds(f"{ROOT}/relay/0")["state"] == "ON"
    assert talk.broker[f"{ROOT}/availability"] == "online"
    talk.says(told(False, link, NEW))
    assert talk.holds(f"{ROOT}/relay/0")["state"] == "OFF"


@pytest.mark.parametrize("link", [HOME, HOST])
def test_an_old_status_counts_where_no_other_way_works(link: LinkId) -> None:
    talk = both()
    other = HOST if link == HOME else HOME
    talk.says(relay(True, other), connected(other, LinkState.BACKOFF), told(False, link, OLD))
    assert talk.holds(f"{ROOT}/relay/0")["state"] == "OFF"


def sources(talk: Dialogue) -> list[str]:
    """By which ways the list of devices says that the only one comes."""
    talk.waits(3)
    (device,) = talk.holds("shelly/bridge/devices")
    found: list[str] = device["sources"]
    return found


def test_commands_go_by_the_account_and_by_the_consent_when_that_is_down() -> None:
    talk = both()
    sent = talk.sets("relay/0/set", "ON").one(SendCommand)
    assert sent.link == HOME
    talk.says(connected(HOME, LinkState.BACKOFF))
    talk.waits(1)
    sent = talk.sets("relay/0/set", "OFF").one(SendCommand)
    assert sent.link == HOST


def test_a_device_is_online_as_long_as_any_way_says_so() -> None:
    talk = both()
    talk.says(OnlineReported(HOME, DEVICE, False))
    assert talk.broker[f"{ROOT}/availability"] == "online"
    talk.says(OnlineReported(HOST, DEVICE, False))
    assert talk.broker[f"{ROOT}/availability"] == "offline"


def test_a_withdrawn_consent_leaves_the_way_by_the_account() -> None:
    talk = both()
    talk.says(relay(False))
    assert "Pump" in talk.broker[f"{ROOT}/info"]
    reply = talk.says(GrantRevoked(DEVICE))
    assert reply.happened() == ["consent_revoked"]
    assert reply.one(Release) == Release(DEVICE, SourceKind.INTEGRATOR)
    # What its owner called the channels was part of the consent.
    assert "Pump" not in talk.broker[f"{ROOT}/info"]
    talk.waits(2)
    assert talk.broker[f"{ROOT}/availability"] == "online"
    assert sources(talk) == ["account"]
    talk.says(relay(True))
    assert '"state":"ON"' in talk.broker[f"{ROOT}/relay/0"]


def test_a_consent_stays_when_the_account_lists_the_device_no_more() -> None:
    talk = both()
    assert talk.says(listed()).happened() == []
    talk.waits(2)
    assert sources(talk) == ["integrator"]
    assert talk.sets("relay/0/set", "ON").one(SendCommand).link == HOST


def test_a_consent_for_a_listed_device_is_no_new_device() -> None:
    talk = dialogue()
    talk.says(listed(DEVICE), relay(True, full=True))
    assert talk.says(GrantStored(grant())).happened() == ["consent_granted"]


def test_a_press_that_both_ways_tell_is_one_event() -> None:
    talk = both()
    frame = {"v_eve:0": {"id": 0, "ev": "S", "ttl": 1}, "serial": 17.5}
    told = [
        *talk.says(StatusReported(HOME, DEVICE, dict(frame))).on(f"{ROOT}/input/0/event"),
        *talk.says(StatusReported(HOST, DEVICE, dict(frame))).on(f"{ROOT}/input/0/event"),
    ]
    assert len(told) == 1


# Former runs


def test_devices_of_former_runs_stay_until_the_first_list() -> None:
    talk = dialogue(known=known_before(DEVICE, OTHER))
    talk.broker |= {f"{ROOT}/availability": "online", f"{ROOT}/info": "{}"}
    talk.waits(5)
    assert talk.broker[f"{ROOT}/info"] == "{}"
    talk.says(listed(DEVICE))
    reply = talk.waits(2)
    assert f"shelly/{OTHER}/availability" in cleared(reply)
    assert talk.broker[f"{ROOT}/info"]


def left_of_former_runs(*devices: Any) -> Dialogue:
    """An engine that finds its own topics of these devices on the broker."""
    talk = dialogue(known=known_before(*devices))
    talk.broker |= {f"shelly/{each}/info": "{}" for each in devices}
    return talk


THIRD = DeviceId("0000000000ff")


def test_a_device_that_a_first_list_lacks_stays_until_a_second_one_lacks_it() -> None:
    talk = left_of_former_runs(DEVICE, OTHER)
    talk.says(listed(DEVICE, settled=False))
    talk.waits(40)
    assert talk.broker[f"shelly/{OTHER}/info"]
    assert talk.broker[f"shelly/{OTHER}/availability"] == "offline"
    assert talk.says(listed(DEVICE)).happened() == []
    assert f"shelly/{OTHER}/availability" in cleared(talk.waits(2))
    assert f"shelly/{OTHER}/info" not in talk.broker
    assert talk.broker[f"{ROOT}/info"]


def test_a_device_that_comes_only_on_the_second_list_loses_nothing() -> None:
    talk = left_of_former_runs(DEVICE, OTHER)
    first = talk.says(listed(DEVICE, settled=False))
    second = talk.says(listed(DEVICE, OTHER))
    assert cleared(first) | cleared(second) | cleared(talk.waits(10)) == set()
    talk.says(StatusReported(HOME, OTHER, {"switch:0": {"id": 0, "output": True}}, full=True))
    assert talk.broker[f"shelly/{OTHER}/availability"] == "online"


def test_lists_that_lack_most_devices_of_former_runs_are_not_believed_for_an_hour() -> None:
    talk = left_of_former_runs(DEVICE, OTHER, THIRD)
    first = talk.says(listed(DEVICE))
    found = tuple((f"shelly/{each}/info", b"{}") for each in (DEVICE, OTHER, THIRD))
    scan = first.one(ScanRetained)
    talk.says(RetainedFound(scan.token, found, complete=True), listed(DEVICE))
    talk.waits(DOUBTED - 5)
    assert {talk.broker[f"shelly/{each}/info"] for each in (OTHER, THIRD)} == {"{}"}
    assert talk.broker[f"shelly/{OTHER}/availability"] == "offline"
    assert f"shelly/{THIRD}/info" in cleared(talk.says(listed(DEVICE, OTHER)))
    assert talk.broker[f"shelly/{OTHER}/info"]


def test_after_an_hour_they_are_believed() -> None:
    talk = left_of_former_runs(DEVICE, OTHER, THIRD)
    talk.says(listed(DEVICE))
    talk.waits(DOUBTED + 5)
    assert not [topic for topic in talk.broker if OTHER in topic or THIRD in topic]
    assert talk.broker[f"{ROOT}/info"]


def test_a_device_of_which_only_nonsense_is_listed_stays() -> None:
    talk = left_of_former_runs(DEVICE, OTHER)
    talk.says(listed(DEVICE, unread=frozenset({OTHER})))
    talk.waits(DOUBTED + 5)
    assert talk.broker[f"shelly/{OTHER}/info"] == "{}"
    talk.says(listed(DEVICE, OTHER))
    assert talk.says(listed(DEVICE)).happened() == ["device_removed"]


def test_who_cleans_up_may_clear_what_is_doubted_but_nothing_before_the_lists() -> None:
    talk = left_of_former_runs(DEVICE, OTHER, THIRD)
    found = tuple((f"shelly/{each}/info", b"{}") for each in (DEVICE, OTHER, THIRD))
    for lists, wanted in (((), set()), ((listed(DEVICE),), {OTHER, THIRD})):
        talk.says(*lists)
        scan = talk.asks("retained/clean", "{}").one(ScanRetained)
        reply = talk.says(RetainedFound(scan.token, found, complete=True))
        assert cleared(reply) == {f"shelly/{each}/info" for each in wanted}


def test_devices_whose_account_does_not_tell_of_them_are_offline_after_a_while() -> None:
    talk = dialogue(known=known_before(DEVICE))
    talk.says(connected(HOME, LinkState.AUTH_REQUIRED))
    talk.waits(29)
    assert f"{ROOT}/availability" not in talk.broker
    talk.waits(2)
    assert talk.broker[f"{ROOT}/availability"] == "offline"
    talk.says(connected(HOME), listed(DEVICE), relay(True, full=True))
    assert talk.broker[f"{ROOT}/availability"] == "online"


def test_nothing_is_taken_for_a_leftover_before_every_account_has_told() -> None:
    talk = dialogue(logins={HOME: PAGE, CABIN: None}, known=known_before(DEVICE))
    talk.says(connected(CABIN))
    assert talk.says(listed(OTHER)).all(ScanRetained) == []
    reply = talk.says(listed(DEVICE, link=CABIN))
    scan = reply.one(ScanRetained)
    topics = tuple((f"shelly/{each}/info", b"{}") for each in (DEVICE, OTHER, "0000000000ff"))
    found = talk.says(RetainedFound(scan.token, topics, complete=True))
    assert cleared(found) == {"shelly/0000000000ff/info"}


def test_without_accounts_nothing_waits() -> None:
    talk = Dialogue(known=known_before(DEVICE))
    talk.waits(2)
    assert not talk.broker.get(f"{ROOT}/availability")


# What people are told


def test_who_has_to_log_in_is_told_where() -> None:
    talk = dialogue()
    reply = talk.says(connected(HOME, LinkState.AUTH_REQUIRED))
    event = reply.json("shelly/bridge/event")
    assert (event["type"], event["host"], event["url"]) == ("login_required", "home", PAGE)


def test_the_address_can_be_asked_for() -> None:
    talk = dialogue(logins={HOME: PAGE, CABIN: None})
    for asked in ("home", '{"account": "home"}', '{"id": "home"}'):
        answer = talk.asks("login_url", asked).json("shelly/bridge/response/login_url")
        assert answer["data"] == {"account": "home", "url": PAGE}
    answer = talk.asks("login_url", "cabin").json("shelly/bridge/response/login_url")
    assert "shelly-bridge login cabin" in answer["error"]
    for wrong in ("", "elsewhere", '{"account": 5}'):
        answer = talk.asks("login_url", wrong).json("shelly/bridge/response/login_url")
        assert answer["error"] == "account: must be one of the accounts: cabin, home"


def test_a_device_of_an_account_is_not_removed_here() -> None:
    talk = dialogue()
    talk.says(listed(DEVICE))
    answer = talk.asks("device/remove", DEVICE).json("shelly/bridge/response/device/remove")
    assert answer["error"] == (
        "it comes by the account home: remove it in the Shelly app, "
        f"or set devices.{DEVICE}.disabled: true in the configuration"
    )
