"""A device with a consent is served by its host's owner alone, whatever other way it comes by."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.effects import Publish, Refresh, Release, SaveVisitor, SendCommand
from bridge.core.events import (
    ConsentsKnown,
    DeviceArrived,
    DeviceLeft,
    DeviceLost,
    DeviceMoved,
    DevicesListed,
    Event,
    GrantStored,
    HostLost,
    LinkChanged,
    OnlineReported,
    PressReported,
    SettingsReported,
    StatusReported,
)
from bridge.core.homes import PAUSE
from bridge.core.model import DeviceId, LinkId, LinkState, ListedDevice, SourceKind, Visitor
from bridge.core.visitors import LINK
from tests.core import payloads
from tests.core.cluster import HOME, Instance
from tests.core.dialogue import DEVICE, HOST, OTHER, OTHER_HOST, ROOT, Reply, grant

SOMEWHERE = ConsentsKnown({DEVICE: HOST})
NOWHERE = ConsentsKnown({DEVICE: None})
WAYS = [HOME, LINK]


def instance(**changes: Any) -> Instance:
    """One to which devices come by an account and by themselves."""
    made = Instance(logins={HOME: None}, **changes)
    made.gains(link=HOME)
    made.says(
        LinkChanged(HOME, SourceKind.ACCOUNT, LinkState.CONNECTED),
        LinkChanged(LINK, SourceKind.OUTBOUND, LinkState.CONNECTED, native_rpc=True),
    )
    return made


def comes(made: Instance, link: LinkId) -> Reply:
    """The device comes by one of these ways."""
    if link == HOME:
        return made.says(DevicesListed(HOME, (ListedDevice(DEVICE), ListedDevice(OTHER))))
    return made.says(DeviceArrived(LINK, DEVICE))


def serving(link: LinkId) -> Instance:
    """One that serves the device, and told everything of it."""
    made = instance()
    comes(made, link)
    tells(made, link)
    made.waits(10)
    assert made.broker[f"{ROOT}/availability"] == "online"
    return made


def tells(made: Instance, link: LinkId) -> Reply:
    """The device tells all that there is to tell."""
    return made.says(
        StatusReported(link, DEVICE, dict(payloads.two_switches()), full=True),
        SettingsReported(link, DEVICE, {}),
        OnlineReported(link, DEVICE, online=True),
        PressReported(link, DEVICE, "input:0", "single_push"),
    )


def said(reply: Reply) -> list[Publish]:
    """What is said of the device, or of bad input."""
    return [each for each in reply.all(Publish) if DEVICE in each.topic or DEVICE in each.payload]


@pytest.mark.parametrize("link", WAYS)
def test_a_consent_for_the_host_of_another_is_a_silent_end(link: LinkId) -> None:
    made = serving(link)
    before = dict(made.broker)
    (sent,) = made.sets("relay/0/set", '{"id": 1, "state": "TOGGLE"}').all(SendCommand)
    assert sent.link == link
    reply = made.says(SOMEWHERE)
    assert reply.results == [("host_down", "sent")]
    assert reply.happened() == ["command_failed"]
    about = {topic: text for topic, text in made.broker.items() if DEVICE in topic}
    assert about == {topic: text for topic, text in before.items() if DEVICE in topic}
    assert said(made.waits(120)) == []
    assert DEVICE not in made.broker["shelly/bridge/attic/devices"]


@pytest.mark.parametrize("link", WAYS)
def test_what_others_serve_is_left_alone(link: LinkId) -> None:
    made = instance()
    made.says(SOMEWHERE)
    for reply in (
        comes(made, link),
        tells(made, link),
        made.sets("relay/0/set", "TOGGLE"),
        made.says(made.message(f"{ROOT}/get", "")),
        made.says(DeviceLeft(LINK, DEVICE)),
        made.waits(120),
    ):
        assert said(reply) == []
        assert not {type(each) for each in reply.effects} & {SendCommand, Refresh, SaveVisitor}
    assert (
        made.says(made.message("shelly/bridge/attic/request/health_check", "")).json(
            "shelly/bridge/attic/response/health_check"
        )["data"]["bad_input"]
        == {}
    )
    # The rest of the account is served.
    assert (OTHER in made.broker["shelly/bridge/attic/devices"]) == (link == HOME)


@pytest.mark.parametrize("link", WAYS)
def test_the_other_ways_are_taken_up_once_nothing_is_left_of_the_consent(link: LinkId) -> None:
    made = serving(link)
    made.says(SOMEWHERE)
    assert said(made.says(NOWHERE)) == []
    # Whoever had the host may just be clearing the last topic.
    assert said(tells(made, link)) == []
    assert said(made.waits(PAUSE - 0.5)) == []
    reply = made.waits(1)
    assert reply.all(Refresh) == [Refresh(link, DEVICE)]
    assert [each.visitor.device for each in reply.all(SaveVisitor)] == [DEVICE] * (link == LINK)
    assert tells(made, link).published[f"{ROOT}/availability"] == "online"
    (sent,) = made.sets("relay/0/set", "ON").all(SendCommand)
    assert sent.link == link


@pytest.mark.parametrize("link", WAYS)
def test_whoever_gets_the_host_has_all_ways_at_once(link: LinkId) -> None:
    made = instance()
    made.says(SOMEWHERE)
    comes(made, link)
    topics = {DEVICE: frozenset({f"{ROOT}/relay/0", f"{ROOT}/roller/0", f"{ROOT}/availability"})}
    reply = made.gains(grant(), topics=topics)
    assert reply.all(Refresh) == [Refresh(link, DEVICE)]
    assert made.gains(grant(), topics=topics).all(Refresh) == []
    told = tells(made, link)
    # What its last owner published, and is no more.
    assert told.published[f"{ROOT}/roller/0"] == ""
    made.connects()
    assert {each["link"] for each in made.holds(f"{ROOT}/info")["sources"]} == {HOST, link}
    (sent,) = made.sets("relay/0/set", "ON").all(SendCommand)
    assert sent.link == link
    # And loses all of them with the host.
    assert made.says(HostLost(HOST)).results == [("host_down", "sent")]
    assert said(tells(made, link)) == []


@pytest.mark.parametrize("link", WAYS)
@pytest.mark.parametrize("first", [True, False])
def test_a_new_consent_for_a_host_of_ours_changes_nothing(link: LinkId, first: bool) -> None:
    made = instance()
    made.gains()
    made.gains(grant(OTHER), link=HOST)
    made.connects()
    comes(made, link)
    tells(made, link)
    events: list[Event] = [SOMEWHERE, GrantStored(grant(), 2)]
    replies = [made.says(each) for each in (events if first else reversed(events))]
    assert [each.all(Release) for each in replies] == [[], []]
    assert {each["link"] for each in made.holds(f"{ROOT}/info")["sources"]} == {HOST, link}
    tells(made, link)
    (sent,) = made.sets("relay/0/set", "ON").all(SendCommand)
    assert sent.link == link


@pytest.mark.parametrize("link", WAYS)
@pytest.mark.parametrize(
    "events",
    [
        (DeviceMoved(HOST, DEVICE, OTHER_HOST),),
        (ConsentsKnown({DEVICE: OTHER_HOST}), DeviceLost(DEVICE)),
        (GrantStored(grant(host=OTHER_HOST), 2),),
    ],
)
def test_a_device_that_moves_to_the_host_of_another_goes_with_all_its_ways(
    link: LinkId, events: tuple[Any, ...]
) -> None:
    made = instance()
    made.gains(grant())
    made.connects()
    comes(made, link)
    tells(made, link)
    reply = made.says(*events)
    assert reply.all(Release) == [Release(DEVICE, SourceKind.INTEGRATOR)]
    assert said(reply) == []
    assert said(tells(made, link)) == []


def test_a_consent_withdrawn_while_nobody_had_the_host_is_cleared_before_the_account_counts() -> (
    None
):
    made = instance()
    made.says(SOMEWHERE)
    comes(made, HOME)
    left = {DEVICE: frozenset({f"{ROOT}/availability", f"{ROOT}/relay/0"})}
    made.broker |= dict.fromkeys(left[DEVICE], "{}")
    made.gains(withdrawn=(DEVICE,), topics=left)
    assert said(tells(made, HOME)) == []
    made.waits(1.5)
    assert not any(DEVICE in topic for topic in made.broker)
    made.says(NOWHERE)
    assert made.waits(PAUSE).all(Refresh) == [Refresh(HOME, DEVICE)]
    assert tells(made, HOME).published[f"{ROOT}/availability"] == "online"


def test_visitors_with_consents_are_left_alone_from_the_start_and_keep_their_place() -> None:
    known = {DEVICE: {f"{ROOT}/availability"}, OTHER: {f"shelly/{OTHER}/availability"}}
    visitors = (Visitor(DEVICE, "SNSW-001P16EU", "Boiler"), Visitor(OTHER))
    made = instance(known=known, visitors=visitors, homes={DEVICE: HOST}, approve_visitors=True)
    reply = made.waits(120)
    assert reply.published[f"shelly/{OTHER}/availability"] == "offline"
    assert said(reply) == []
    assert made.topics[DEVICE] == known[DEVICE]
    comes(made, LINK)
    made.says(NOWHERE)
    back = made.waits(PAUSE)
    assert back.all(SaveVisitor) == [SaveVisitor(visitors[0])]
    # It was let in long ago.
    assert back.all(Refresh) == [Refresh(LINK, DEVICE)]
    assert tells(made, LINK).published[f"{ROOT}/availability"] == "online"


def test_a_visitor_that_is_not_connected_just_then_is_told_of_when_its_consent_ends() -> None:
    made = instance(visitors=(Visitor(DEVICE, "SNSW-001P16EU", "Boiler"),), homes={DEVICE: HOST})
    made.says(NOWHERE)
    made.waits(PAUSE + 5)
    (listed,) = made.holds("shelly/bridge/attic/devices")
    assert (listed["id"], listed["name"]) == (DEVICE, "Boiler")
    assert made.holds(f"{ROOT}/info")["name"] == "Boiler"
    assert made.waits(120).published[f"{ROOT}/availability"] == "offline"


def test_a_device_that_waits_for_approval_waits_no_more_when_others_serve_it() -> None:
    made = instance(approve_visitors=True)
    assert comes(made, LINK).happened() == ["device_pending"]
    made.says(SOMEWHERE)
    made.waits(10)
    assert made.holds("shelly/bridge/attic/devices") == []
    made.says(NOWHERE)
    assert made.waits(PAUSE).happened() == ["device_pending"]


def test_a_list_of_all_consents_ends_those_that_it_does_not_have() -> None:
    made = instance()
    made.says(ConsentsKnown({DEVICE: HOST, DeviceId("0cb815fd44e9"): HOST}, whole=True))
    comes(made, HOME)
    made.says(ConsentsKnown({OTHER: HOST}))
    assert said(tells(made, HOME)) == []
    made.waits(10)
    assert made.holds("shelly/bridge/attic/devices") == []
    made.says(ConsentsKnown({OTHER: HOST}, whole=True))
    made.waits(10)
    (listed,) = made.holds("shelly/bridge/attic/devices")
    assert listed["id"] == DEVICE


def test_an_account_that_was_given_away_brings_nothing_back() -> None:
    made = instance()
    made.says(SOMEWHERE)
    comes(made, HOME)
    made.says(HostLost(HOME), NOWHERE)
    assert made.waits(60).all(Refresh) == []


def test_where_devices_come_by_consent_alone_nothing_is_remembered() -> None:
    made = Instance(mixed=False)
    made.gains(grant())
    ownership = made.engine._ownership
    assert ownership is not None
    assert ownership._homes._hosts == {}
    plain = made.engine._handlers[StatusReported]
    assert plain == made.engine._status_told
