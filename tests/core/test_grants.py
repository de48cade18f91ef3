"""Consents: how devices come, change, move and go (contract 6.5, topic conventions 6)."""

from __future__ import annotations

import pytest

from bridge.core.effects import (
    Adopt,
    DropGrant,
    Log,
    Move,
    Publish,
    Release,
    SaveGrant,
    SaveTopics,
    SendCommand,
)
from bridge.core.events import (
    AccessReported,
    BrokerUp,
    DeviceMoved,
    GrantRevoked,
    GrantStored,
    RefreshAnswered,
    StatusReported,
)
from bridge.core.model import Access
from tests.core import payloads
from tests.core.dialogue import (
    DEVICE,
    HOST,
    OTHER,
    OTHER_HOST,
    ROOT,
    Dialogue,
    Reply,
    grant,
    online,
    override,
)

AVAILABILITY = f"{ROOT}/availability"


def held(dialogue: Dialogue) -> set[str]:
    return {topic for topic in dialogue.broker if topic.startswith(f"{ROOT}/")}


def device_ids(dialogue: Dialogue) -> list[str]:
    return [device["id"] for device in dialogue.holds("shelly/bridge/devices")]


# Coming


def test_stored_grants_are_served_from_the_start() -> None:
    grants = grant(), grant(OTHER)
    dialogue = Dialogue(*grants)
    assert dialogue.first.all(Adopt) == [Adopt(each) for each in grants]
    assert dialogue.first.happened() == []
    dialogue.waits(0)
    assert device_ids(dialogue) == [DEVICE, OTHER]


def test_a_new_consent_is_served_and_told() -> None:
    dialogue = Dialogue()
    new = grant(names=("Pump",))
    reply = dialogue.says(GrantStored(new))
    assert reply.one(Adopt) == Adopt(new)
    assert reply.happened() == ["consent_granted", "device_added"]
    dialogue.waits(3)
    assert device_ids(dialogue) == [DEVICE]
    assert dialogue.holds(f"{ROOT}/info")["name"] == "Pump"


def test_a_consent_given_anew_changes_names_and_host() -> None:
    dialogue = online(status=payloads.two_switches())
    changed = grant(names=("Tap", "Drain"), host=OTHER_HOST)
    reply = dialogue.says(GrantStored(changed))
    assert reply.one(Adopt) == Adopt(changed)
    assert reply.happened() == ["consent_granted"]
    info = dialogue.holds(f"{ROOT}/info")
    relays = [each["name"] for each in info["channels"] if each["kind"] == "relay"]
    assert relays == ["Tap", "Drain"]
    assert [source["link"] for source in info["sources"]] == [OTHER_HOST]
    assert f"{ROOT}/relay/0" in dialogue.broker


def test_a_status_of_a_device_that_was_never_granted_is_bad_input() -> None:
    dialogue = online()
    reply = dialogue.reports(payloads.two_switches(), device=OTHER)
    assert not reply.all(Publish)
    assert OTHER in reply.one(Log).text
    assert not dialogue.reports(payloads.two_switches(), link=OTHER_HOST).all(Publish)


# Disabled


def test_a_disabled_device_is_left_alone() -> None:
    dialogue = Dialogue(grant(), overrides=override(disabled=True))
    assert dialogue.first.all(Adopt) == []
    dialogue.connects()
    assert dialogue.reports(payloads.two_switches()).effects == []
    reply = dialogue.says(GrantStored(grant()))
    assert not reply.all(Adopt)
    assert reply.happened() == ["consent_granted"]
    dialogue.waits(10)
    assert held(dialogue) == set()
    assert device_ids(dialogue) == []


def test_what_was_published_of_it_before_goes_offline_first() -> None:
    left = {AVAILABILITY, f"{ROOT}/info", f"{ROOT}/relay/0"}
    dialogue = Dialogue(grant(), known={DEVICE: set(left)}, overrides=override(disabled=True))
    assert dialogue.first.topics[0] == AVAILABILITY
    assert dialogue.first.published == {
        AVAILABILITY: "offline",
        f"{ROOT}/info": "",
        f"{ROOT}/relay/0": "",
    }
    reply = dialogue.waits(5)
    assert reply.published[AVAILABILITY] == ""
    assert SaveTopics(DEVICE, frozenset()) in reply.all(SaveTopics)


# Changing


def test_the_cloud_decides_about_control_and_that_is_saved() -> None:
    dialogue = online(grant(control=False))
    reply = dialogue.says(AccessReported(HOST, DEVICE, Access.CONTROL, "SNSW-002P16EU"))
    assert reply.one(SaveGrant) == SaveGrant(DEVICE, control=True)
    assert dialogue.holds(f"{ROOT}/info")["access"] == "control"
    assert not dialogue.says(AccessReported(HOST, DEVICE, Access.CONTROL)).all(SaveGrant)
    reply = dialogue.says(AccessReported(HOST, DEVICE, Access.READ))
    assert reply.one(SaveGrant) == SaveGrant(DEVICE, control=False)


def test_a_model_that_was_not_known_is_saved() -> None:
    dialogue = online(grant(code=""))
    reply = dialogue.says(AccessReported(HOST, DEVICE, Access.CONTROL, "S3SW-001P8EU"))
    assert reply.one(SaveGrant) == SaveGrant(DEVICE, control=True, code="S3SW-001P8EU")
    info = dialogue.holds(f"{ROOT}/info")
    assert (info["model"], info["gen"]) == ("S3SW-001P8EU", 3)


def test_lost_access_is_offline_but_not_forgotten() -> None:
    dialogue = online(status=payloads.two_switches())
    reply = dialogue.says(AccessReported(HOST, DEVICE, Access.NONE))
    assert not reply.all(SaveGrant)
    assert dialogue.broker[AVAILABILITY] == "offline"
    info = dialogue.holds(f"{ROOT}/info")
    assert (info["access"], info["offline_reason"]) == ("none", "not_authorized")
    reply = dialogue.says(AccessReported(HOST, DEVICE, Access.CONTROL))
    assert reply.one(SaveGrant) == SaveGrant(DEVICE, control=True)
    assert dialogue.broker[AVAILABILITY] == "online"


def test_what_is_said_of_a_foreign_device_is_nothing() -> None:
    dialogue = online()
    assert dialogue.says(AccessReported(HOST, OTHER, Access.CONTROL)).effects == []
    assert dialogue.says(AccessReported(OTHER_HOST, DEVICE, Access.NONE)).effects == []
    assert dialogue.says(DeviceMoved(HOST, OTHER, OTHER_HOST)).effects == []


# Moving


def test_a_device_that_moved_is_served_by_its_new_host() -> None:
    dialogue = online(status=payloads.two_switches())
    reply = dialogue.says(DeviceMoved(HOST, DEVICE, OTHER_HOST))
    assert reply.one(SaveGrant) == SaveGrant(DEVICE, host=OTHER_HOST)
    assert reply.one(Move) == Move(DEVICE, OTHER_HOST)
    assert [s["link"] for s in dialogue.holds(f"{ROOT}/info")["sources"]] == [OTHER_HOST]
    # What the old one still says of it no longer counts.
    assert not dialogue.reports({"switch:0": {"output": True}}).all(Publish)
    dialogue.connects(OTHER_HOST)
    reply = dialogue.reports({"switch:0": {"output": True}}, link=OTHER_HOST)
    assert reply.json(f"{ROOT}/relay/0")["state"] == "ON"
    assert dialogue.broker[AVAILABILITY] == "online"


def test_a_silent_device_starts_anew_at_its_new_host() -> None:
    dialogue = online(status=payloads.two_switches())
    dialogue.says(RefreshAnswered(HOST, DEVICE, "timeout"))
    dialogue.says(DeviceMoved(HOST, DEVICE, OTHER_HOST))
    dialogue.connects(OTHER_HOST)
    dialogue.reports({"switch:0": {"output": True}}, link=OTHER_HOST)
    assert dialogue.broker[AVAILABILITY] == "online"


# Going


def gone(dialogue: Dialogue) -> Reply:
    return dialogue.says(GrantRevoked(DEVICE))


@pytest.mark.parametrize("options", [{}, {"values": True, "device_state": True, "raw": True}])
def test_a_revoked_consent_leaves_nothing_behind(options: dict[str, bool]) -> None:
    dialogue = online(status=payloads.two_switches(), **options)
    dialogue.says(BrokerUp("5"))
    before = held(dialogue)
    reply = gone(dialogue)
    assert reply.one(Release) == Release(DEVICE)
    assert reply.happened() == ["consent_revoked", "device_removed"]
    # `offline` comes first, so that Home Assistant sees it; then every other topic goes.
    own = [topic for topic in reply.topics if topic.startswith(ROOT)]
    assert own[0] == AVAILABILITY
    assert set(own) >= before
    assert held(dialogue) == {AVAILABILITY}
    assert dialogue.broker[AVAILABILITY] == "offline"
    # A moment later that goes too.
    reply = dialogue.waits(1.0)
    assert reply.published[AVAILABILITY] == ""
    assert held(dialogue) == set()
    assert SaveTopics(DEVICE, frozenset()) in reply.all(SaveTopics)
    dialogue.waits(5)
    assert device_ids(dialogue) == []


def test_nothing_of_it_comes_back() -> None:
    dialogue = online(status=payloads.two_switches())
    gone(dialogue)
    dialogue.waits(5)
    dialogue.says(
        StatusReported(HOST, DEVICE, payloads.two_switches()),
        RefreshAnswered(HOST, DEVICE, "ok"),
        AccessReported(HOST, DEVICE, Access.CONTROL),
        BrokerUp("5"),
    )
    dialogue.loses()
    dialogue.waits(100)
    assert held(dialogue) == set()


def test_its_commands_are_finished() -> None:
    dialogue = online(status=payloads.two_switches())
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    dialogue.sets("relay/1", "ON")
    reply = gone(dialogue)
    assert reply.results == [("unknown", "refused"), ("unknown", "sent")]
    assert dialogue.answers(sent).effects == []
    assert dialogue.waits(60).results == []


def test_a_device_that_published_nothing_goes_quietly() -> None:
    dialogue = Dialogue(grant())
    reply = gone(dialogue)
    assert reply.all(Release)
    dialogue.waits(5)
    assert held(dialogue) == set()


def test_a_consent_that_nobody_knows_is_no_trouble() -> None:
    dialogue = online()
    assert not dialogue.says(GrantRevoked(OTHER)).all(Release)
    dialogue.waits(5)
    assert device_ids(dialogue) == [DEVICE]


def test_one_that_is_given_again_within_that_moment_keeps_the_device() -> None:
    dialogue = online(status=payloads.two_switches())
    gone(dialogue)
    dialogue.waits(0.5)
    reply = dialogue.says(GrantStored(grant()))
    assert reply.one(Adopt) == Adopt(grant())
    assert reply.happened() == ["consent_granted", "device_added"]
    dialogue.reports(payloads.two_switches(), full=True)
    assert dialogue.broker[AVAILABILITY] == "online"
    dialogue.waits(10)
    assert dialogue.broker[AVAILABILITY] == "online"
    assert {f"{ROOT}/relay/0", f"{ROOT}/info"} <= held(dialogue)
    assert device_ids(dialogue) == [DEVICE]


def test_a_removed_one_waits_for_the_next_consent() -> None:
    dialogue = online(status=payloads.two_switches())
    reply = dialogue.asks("device/remove", DEVICE)
    assert reply.one(DropGrant).device == DEVICE
    assert reply.happened() == ["device_removed"]
    dialogue.waits(5)
    assert held(dialogue) == set()
    dialogue.says(GrantStored(grant()))
    dialogue.reports(payloads.two_switches(), full=True)
    assert f"{ROOT}/relay/0" in dialogue.broker


def test_an_alias_is_free_again() -> None:
    dialogue = online(status=payloads.two_switches(), overrides=override(topic="pump"))
    gone(dialogue)
    dialogue.waits(5)
    assert not [topic for topic in dialogue.broker if topic.startswith("shelly/pump")]


def test_other_devices_stay() -> None:
    dialogue = online(grant(), grant(OTHER))
    for device in (DEVICE, OTHER):
        dialogue.reports(payloads.two_switches(), device=device, full=True)
    gone(dialogue)
    dialogue.waits(5)
    assert dialogue.broker[f"shelly/{OTHER}/availability"] == "online"
    assert f"shelly/{OTHER}/relay/1" in dialogue.broker
