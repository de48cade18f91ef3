"""A consent is forgotten when the broker has all that clears the topics of its device."""

from __future__ import annotations

from bridge.core.effects import DropGrant, Publish, Refresh
from bridge.core.events import Delivered, GrantRevoked, GrantStored, HostLost
from bridge.core.homes import PAUSE
from tests.core import payloads
from tests.core.cluster import HOME, Instance
from tests.core.dialogue import DEVICE, HOST, ROOT, Reply, grant


def serving() -> Instance:
    """An instance with a host and an account that have the device, and a broker that is away."""
    made = Instance(logins={HOME: None})
    made.gains(link=HOME)
    made.gains(grant())
    made.connects()
    made.reports(payloads.two_switches(), full=True)
    made.waits(5)
    made.acknowledges = False
    return made


def receipts(*replies: Reply) -> list[str]:
    """What is asked of whatever clears a topic of the device."""
    clears = [
        each
        for reply in replies
        for each in reply.all(Publish)
        if each.retain and not each.payload and DEVICE in each.topic
    ]
    assert clears
    return [each.receipt or "" for each in clears]


def test_what_still_waits_for_the_broker_keeps_the_consent_from_being_forgotten() -> None:
    made = serving()
    revoked = made.says(GrantRevoked(DEVICE, 3, HOST))
    waited = made.waits(600)
    *others, last = receipts(revoked, waited)
    assert len(others) > 5
    assert waited.all(DropGrant) == []
    for each in others:
        assert made.says(Delivered(each)).effects == []
    dropped = made.says(Delivered(last)).one(DropGrant)
    assert (dropped, dropped.revision) == (DropGrant(DEVICE), 3)
    assert made.says(Delivered(last)).effects == []


def test_what_clears_is_with_the_broker_before_the_last_topic_goes() -> None:
    made = serving()
    for each in receipts(made.says(GrantRevoked(DEVICE, 3, HOST))):
        assert made.says(Delivered(each)).effects == []
    made.acknowledges = True
    assert made.waits(2).all(DropGrant) == [DropGrant(DEVICE)]


def test_meanwhile_the_device_comes_by_no_other_way() -> None:
    made = serving()
    revoked = made.says(GrantRevoked(DEVICE, 3, HOST))
    made.lists(DEVICE)
    waited = made.waits(600)
    assert waited.all(Refresh) == []
    for each in receipts(revoked, waited):
        made.says(Delivered(each))
    assert made.waits(PAUSE).all(Refresh) == [Refresh(HOME, DEVICE)]
    told = made.reports(payloads.two_switches(), link=HOME, full=True)
    assert told.published[f"{ROOT}/availability"] == "online"


def test_a_receipt_that_comes_after_a_new_consent_or_for_the_next_owner_says_nothing() -> None:
    for event in (GrantStored(grant(), 4), HostLost(HOST)):
        made = serving()
        revoked = made.says(GrantRevoked(DEVICE, 3, HOST))
        waited = made.waits(5)
        made.says(event)
        for each in receipts(revoked, waited):
            assert made.says(Delivered(each)).effects == []
