"""Hosts that several instances share: taking over, leaving alone, and shards that are for good."""

from __future__ import annotations

import json
import logging

import pytest

from bridge.core.effects import (
    Adopt,
    DropGrant,
    LetGo,
    Log,
    Move,
    Publish,
    Release,
    SaveComponents,
    SaveGrant,
    SaveTopics,
)
from bridge.core.events import (
    AccessReported,
    BrokerUp,
    DeviceLost,
    DeviceMoved,
    DevicesListed,
    GrantRevoked,
    GrantStored,
    HostLost,
    HostsKnown,
    LinkChanged,
    RetainedFound,
    SettingsReported,
    StatusReported,
)
from bridge.core.model import (
    Access,
    DeviceId,
    DeviceOptions,
    LinkId,
    LinkState,
    ListedDevice,
    Owner,
    SourceKind,
    Visitor,
)
from bridge.core.publications import THE_BRIDGE
from bridge.core.retained import AT_START
from tests.core import payloads
from tests.core.cluster import HOME, A, Instance
from tests.core.dialogue import (
    DEVICE,
    HOST,
    OTHER,
    OTHER_HOST,
    ROOT,
    WALL,
    Dialogue,
    Reply,
    grant,
    override,
)

OWN = f"shelly/bridge/{A}"


def owner(**changes: object) -> Instance:
    """An instance that has the host, and a device that told everything."""
    instance = Instance(**changes)  # type: ignore[arg-type]  # settings of any kind
    instance.gains(grant())
    instance.connects()
    instance.reports(payloads.two_switches(), full=True)
    return instance


def shard(*patterns: str, **changes: object) -> Instance:
    """An instance that owns for good what matches, with a consent for each of two hosts."""
    consents = grant(), grant(OTHER, host=OTHER_HOST)
    return Instance(A, *consents, patterns=patterns, shared=False, **changes)  # type: ignore[arg-type]  # as above


def about_devices(reply: Reply) -> list[Publish]:
    """What is said of devices, and not of the bridge itself."""
    own = ("shelly/bridge/", "homeassistant/device/shelly_bridge")
    return [each for each in reply.all(Publish) if not each.topic.startswith(own)]


def test_nothing_is_served_before_it_is_owned() -> None:
    known = {DEVICE: {f"{ROOT}/relay/0", f"{ROOT}/availability"}}
    published = {DEVICE: (("", (("relay_0", "switch"),)),)}
    instance = Instance(A, grant(), known=known, disk=published)
    instance.waits(600)
    assert instance.topics[DEVICE] == known[DEVICE]
    assert instance.published[DEVICE] == published[DEVICE]
    assert set(instance.broker) == {
        f"{OWN}/devices",
        f"homeassistant/device/shelly_bridge_{A}/config",
    }
    assert instance.holds(f"{OWN}/devices") == []


def test_what_was_published_stays_until_the_cloud_tells_how_it_is() -> None:
    instance = Instance()
    topics = {DEVICE: frozenset({f"{ROOT}/relay/0", f"{ROOT}/roller/0", f"{ROOT}/availability"})}
    reply = instance.gains(grant(), topics=topics)
    assert reply.all(Adopt) == [Adopt(grant())]
    assert about_devices(reply) == []
    instance.connects()
    told = instance.reports(payloads.two_switches(), full=True)
    assert told.published[f"{ROOT}/availability"] == "online"
    assert told.published[f"{ROOT}/relay/0"]
    # What its last owner published, and is no more.
    assert told.published[f"{ROOT}/roller/0"] == ""


def test_home_assistant_is_told_of_the_new_owner() -> None:
    instance = owner()
    instance.says(SettingsReported(HOST, DEVICE, {}))
    instance.waits(5)
    single = Dialogue(grant())
    single.connects()
    single.reports(payloads.two_switches(), full=True)
    single.says(SettingsReported(HOST, DEVICE, {}))
    single.waits(5)
    topic = f"homeassistant/device/{DEVICE}/config"
    mine, alone = instance.holds(topic), single.holds(topic)
    hub = f"shelly_bridge_{A}"
    assert mine["avty"][0] == {"t": f"{OWN}/state"}
    assert mine["dev"] == alone["dev"] | {"via_device": hub}
    assert {each["uniq_id"] for each in mine["cmps"].values()} == {
        each["uniq_id"] for each in alone["cmps"].values()
    }
    bridge = instance.holds(f"homeassistant/device/{hub}/config")
    assert bridge["dev"]["ids"] == [hub]
    assert bridge["cmps"]["connected"]["uniq_id"] == f"{hub}_connected"
    assert "host_unowned" in bridge["cmps"]["event"]["evt_typ"]
    assert "homeassistant/device/shelly_bridge/config" not in instance.broker


def test_components_that_the_last_owner_told_of_are_taken_back() -> None:
    instance = Instance()
    known = {DEVICE: (("", (("relay_7", "switch"),)),)}
    topic = f"homeassistant/device/{DEVICE}/config"
    instance.gains(grant(), topics={DEVICE: frozenset({topic})}, published=known)
    instance.connects()
    instance.reports(payloads.two_switches(), full=True)
    instance.says(SettingsReported(HOST, DEVICE, {}))
    instance.waits(5)
    assert instance.holds(topic)["cmps"]["relay_7"] == {"p": "switch"}
    instance.waits(100)
    assert "relay_7" not in instance.holds(topic)["cmps"]


def test_a_lost_host_is_left_in_silence() -> None:
    instance = owner()
    before = dict(instance.broker)
    reply = instance.says(HostLost(HOST))
    waited = instance.waits(600)
    for each in (reply, waited):
        assert about_devices(each) == []
        assert each.happened() == []
        assert not any(
            isinstance(effect, SaveTopics | SaveComponents | DropGrant)
            for effect in each.effects
            if getattr(effect, "device", None) == DEVICE
        )
    # Its source may have been told of the device after it closed the connection.
    assert reply.all(Release) == [Release(DEVICE, SourceKind.INTEGRATOR)]
    kept = {topic: text for topic, text in before.items() if DEVICE in topic}
    assert kept == {topic: text for topic, text in instance.broker.items() if DEVICE in topic}
    assert f"{OWN}/hosts/{HOST}" not in instance.broker
    assert instance.holds(f"{OWN}/devices") == []


def test_what_still_waits_of_a_lost_host_is_let_go() -> None:
    instance = owner()
    reply = instance.says(HostLost(HOST))
    (let_go,) = [effect for effect in reply.effects if isinstance(effect, LetGo)]
    assert let_go.topics == {topic for topic in instance.broker if DEVICE in topic}


def test_commands_under_way_when_a_host_is_lost() -> None:
    instance = owner()
    sent = instance.sets("relay/0/set", '{"state": "ON", "id": 1}')
    waiting = instance.sets("relay/1/set", '{"state": "ON", "id": 2}')
    assert sent.results == waiting.results == []
    reply = instance.says(HostLost(HOST))
    assert sorted(reply.results) == [("host_down", "refused"), ("host_down", "sent")]
    assert instance.waits(60).results == []


def test_a_question_about_a_lost_device_is_answered() -> None:
    instance = owner()
    instance.says(instance.message(f"{OWN}/request/device/verify", DEVICE))
    reply = instance.says(HostLost(HOST))
    answer = reply.json(f"{OWN}/response/device/verify")
    assert (answer["status"], "another instance" in answer["error"]) == ("error", True)


def test_what_comes_late_from_a_lost_host_is_no_bad_input() -> None:
    instance = owner()
    instance.says(HostLost(HOST))
    late = instance.says(
        StatusReported(HOST, DEVICE, payloads.two_switches(), full=True),
        LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.BACKOFF, "closed"),
        HostLost(HOST),
    )
    assert late.effects == []
    assert instance.waits(60).all(Log) == []


@pytest.mark.parametrize("message", ["relay/0/set", "relay/0/set/state", "get", "rpc"])
def test_messages_for_devices_of_others_are_ignored(message: str) -> None:
    instance = owner(rpc_methods=frozenset({"sys.getstatus"}))
    payload = '{"id": 1, "method": "Sys.GetStatus"}' if message == "rpc" else "ON"
    other = instance.message(f"shelly/{OTHER}/{message}", payload)
    assert instance.says(other).effects == []
    assert instance.engine.overloaded(other, instance.now) == []
    # An answer to those who press a button on our own page, though.
    if "set" in message:
        asked = instance.message(f"shelly/{OTHER}/{message}", payload, asker=7)
        assert instance.says(asked).results == [("unknown", "refused")]
    assert Dialogue(grant()).says(other).effects or message == "get"


def test_commands_sent_by_a_lost_way_have_their_result_at_once() -> None:
    instance = Instance(logins={HOME: None})
    instance.gains(link=HOME)
    instance.says(
        LinkChanged(HOME, SourceKind.ACCOUNT, LinkState.BACKOFF),
        DevicesListed(HOME, (ListedDevice(DEVICE),)),
    )
    instance.gains(grant())
    instance.connects()
    instance.reports(payloads.two_switches(), full=True)
    instance.sets("relay/0/set", "ON")
    assert instance.says(HostLost(HOST)).results == [("host_down", "sent")]


def test_all_that_belongs_to_a_host_is_told_anew() -> None:
    instance = Instance()
    instance.gains(grant(), grant(OTHER))
    again = instance.gains(grant())
    assert again.all(Adopt) == []
    assert again.all(Release) == [Release(OTHER, SourceKind.INTEGRATOR)]
    assert about_devices(again) == []
    changed = instance.gains(grant(names=("Pond",)))
    assert changed.all(Adopt) == [Adopt(grant(names=("Pond",)))]
    gone = instance.gains(withdrawn=(DEVICE,), revisions={DEVICE: 5})
    assert gone.happened() == ["consent_revoked", "device_removed"]
    assert instance.waits(2).all(DropGrant) == [DropGrant(DEVICE, 5)]


def test_a_consent_that_was_withdrawn_while_nobody_had_the_host() -> None:
    instance = Instance()
    topics = frozenset({f"{ROOT}/relay/0", f"{ROOT}/availability"})
    instance.broker |= dict.fromkeys(topics, "online")
    reply = instance.gains(withdrawn=(DEVICE,), revisions={DEVICE: 3}, topics={DEVICE: topics})
    assert reply.happened() == ["consent_revoked", "device_removed"]
    assert [each.payload for each in reply.on(f"{ROOT}/availability")] == ["offline"]
    later = instance.waits(2)
    assert (later.one(DropGrant), later.one(DropGrant).revision) == (DropGrant(DEVICE), 3)
    assert not any(DEVICE in topic for topic in instance.broker)
    # Of one that never was published nothing need be taken away.
    assert about_devices(instance.gains(withdrawn=(OTHER,))) == []


def test_a_consent_that_was_withdrawn_before_its_device_moved_away_is_cleared() -> None:
    instance = owner()
    instance.waits(5)
    topics = frozenset(instance.topics[DEVICE])
    # The registry has no consent any more that could be given another host.
    instance.says(DeviceMoved(HOST, DEVICE, OTHER_HOST))
    reply = instance.says(GrantRevoked(DEVICE, 4, HOST, topics))
    assert reply.happened() == ["consent_revoked", "device_removed"]
    # A newer one came and went meanwhile.
    assert instance.says(GrantRevoked(DEVICE, 6, HOST, topics)).effects == []
    drop = instance.waits(5).one(DropGrant)
    assert (drop, drop.revision) == (DropGrant(DEVICE), 6)
    assert not any(DEVICE in topic for topic in instance.broker)


def test_a_consent_that_came_and_went_unheard_is_forgotten() -> None:
    instance = owner()
    assert instance.says(GrantRevoked(OTHER, 4, HOST)).effects == [DropGrant(OTHER, 4)]
    assert instance.says(GrantRevoked(OTHER, 4, OTHER_HOST)).effects == []
    # What an account brings stays, and so does what is published of it.
    instance = Instance(logins={HOME: None})
    instance.gains(link=HOME)
    instance.lists(DEVICE)
    instance.gains(grant(OTHER))
    revoked = instance.says(GrantRevoked(DEVICE, 4, HOST, frozenset({f"{ROOT}/relay/0"})))
    assert revoked.effects == [DropGrant(DEVICE, 4, kept=True)]
    again = instance.gains(grant(OTHER), withdrawn=(DEVICE,), revisions={OTHER: 1, DEVICE: 5})
    assert again.all(DropGrant) == [DropGrant(DEVICE, 5, kept=True)]


def test_options_come_with_the_device() -> None:
    instance = Instance()
    instance.gains(grant(), options=(DeviceOptions(DEVICE, name="Pool"),))
    instance.connects()
    instance.reports(payloads.two_switches(), full=True)
    assert instance.holds(f"{ROOT}/info")["name"] == "Pool"


def test_options_come_with_a_device_that_another_instance_had() -> None:
    instance = Instance()
    instance.gains()
    instance.connects()
    topics = frozenset({f"{ROOT}/meter/7"})
    named = DeviceOptions(DEVICE, name="Pool")
    instance.says(GrantStored(grant(), 4, topics, (), named))
    instance.reports(payloads.two_switches(), full=True)
    assert instance.holds(f"{ROOT}/info")["name"] == "Pool"
    # What its last owner published beyond that goes with it.
    instance.says(GrantRevoked(DEVICE, 5))
    assert f"{ROOT}/meter/7" not in instance.broker


def test_nothing_is_kept_of_a_disabled_device_whose_consent_is_withdrawn() -> None:
    instance = Instance(overrides=override(disabled=True))
    instance.gains(grant())
    (drop,) = instance.says(GrantRevoked(DEVICE, 1)).all(DropGrant)
    assert (drop.device, drop.revision) == (DEVICE, 1)


def test_a_disabled_device_is_taken_away_by_whoever_has_its_host() -> None:
    instance = Instance(overrides=override(disabled=True))
    instance.broker[f"{ROOT}/relay/0"] = "{}"
    topics = {DEVICE: frozenset({f"{ROOT}/relay/0"})}
    assert instance.gains(grant(), topics=topics).all(Adopt) == []
    instance.waits(2)
    assert not any(DEVICE in topic for topic in instance.broker)


def test_what_we_wrote_ourselves_comes_back_and_is_no_new_consent() -> None:
    instance = owner()
    saved = instance.says(AccessReported(HOST, DEVICE, Access.READ)).one(SaveGrant)
    assert saved.revision == 1
    back = instance.says(GrantStored(grant(control=False), revision=2))
    assert back.effects == []
    assert instance.says(AccessReported(HOST, DEVICE, Access.CONTROL)).one(SaveGrant).revision == 2
    assert instance.says(GrantStored(grant(names=("Pond",)), 3)).happened() == ["consent_granted"]
    # Given again after all access was taken away: the cloud is to be asked.
    instance.says(AccessReported(HOST, DEVICE, Access.NONE))
    again = instance.says(GrantStored(grant(names=("Pond",)), 4))
    assert again.all(Adopt) == [Adopt(grant(names=("Pond",)))]


def test_consents_of_others_are_no_concern_of_ours() -> None:
    instance = owner()
    assert instance.says(GrantStored(grant(OTHER, host=OTHER_HOST), 1)).effects == []
    assert instance.says(GrantRevoked(OTHER, 2)).effects == []
    assert instance.says(DeviceLost(OTHER)).effects == []
    assert OTHER not in {each.device for each in instance.waits(5).all(SaveTopics)}


@pytest.mark.parametrize(
    "event",
    [
        GrantStored(grant(host=OTHER_HOST), 2),
        DeviceLost(DEVICE),
        DeviceMoved(HOST, DEVICE, OTHER_HOST),
    ],
)
def test_a_device_whose_new_host_is_somebody_elses(event: GrantStored | DeviceMoved) -> None:
    instance = owner()
    instance.waits(10)
    reply = instance.says(event)
    moved = isinstance(event, DeviceMoved)
    assert reply.all(SaveGrant) == [SaveGrant(DEVICE, host=OTHER_HOST)] * moved
    assert reply.all(Release) == [Release(DEVICE, SourceKind.INTEGRATOR)]
    assert not any(isinstance(each, Adopt | Move | DropGrant) for each in reply.effects)
    assert about_devices(reply) == []
    assert about_devices(instance.waits(60)) == []


def test_a_device_that_moves_between_hosts_of_ours() -> None:
    instance = owner()
    instance.gains(link=OTHER_HOST)
    reply = instance.says(DeviceMoved(HOST, DEVICE, OTHER_HOST))
    assert reply.one(Move) == Move(DEVICE, OTHER_HOST)
    assert instance.says(GrantStored(grant(host=OTHER_HOST), 2)).effects == []


def test_documents_say_who_has_a_connection() -> None:
    instance = owner()
    host = instance.holds(f"{OWN}/hosts/{HOST}")
    assert (host["owner"], host["owned_since"]) == (A, "2026-09-21T14:13:20.000Z")
    reply = instance.says(HostsKnown({HOST: Owner(A, WALL + 5), OTHER_HOST: Owner("barn", WALL)}))
    assert list(reply.published) == [f"{OWN}/hosts/{HOST}"]
    assert instance.holds(f"{OWN}/hosts/{HOST}")["owned_since"] == "2026-09-21T14:13:25.000Z"
    instance.says(BrokerUp("5"))
    told = instance.holds(f"{OWN}/info")["cluster"]
    assert told == {"instance": A, "hosts": [], "shared": True}
    single = Dialogue(grant())
    single.says(BrokerUp("5"))
    assert "cluster" not in single.holds("shelly/bridge/info")
    single.connects()
    assert "owner" not in single.holds(f"shelly/bridge/hosts/{HOST}")


def test_devices_that_connect_to_us_are_ours_from_the_beginning() -> None:
    known = {DEVICE: {f"{ROOT}/availability"}}
    instance = Instance(visitors=(Visitor(DEVICE),), known=known)
    reply = instance.says(LinkChanged(LinkId("outbound"), SourceKind.OUTBOUND, LinkState.CONNECTED))
    assert json.loads(reply.published[f"{OWN}/hosts/outbound"])["owner"] == A
    assert instance.waits(60).published[f"{ROOT}/availability"] == "offline"


# Hosts that are divided for good


def test_a_shard_serves_what_matches_its_patterns_and_leaves_the_rest_alone() -> None:
    known = {OTHER: {f"shelly/{OTHER}/relay/0"}}
    published = {OTHER: (("", (("relay_0", "switch"),)),)}
    instance = shard(HOST, known=known, disk=published)
    assert instance.first.all(Adopt) == [Adopt(grant())]
    instance.waits(600)
    assert instance.topics[OTHER] == known[OTHER]
    assert instance.published[OTHER] == published[OTHER]
    assert not any(OTHER in topic for topic in instance.broker)
    instance.connects()
    document = instance.holds(f"{OWN}/hosts/{HOST}")
    assert (document["owner"], document["owned_since"]) == (A, "2026-09-21T14:13:15.000Z")


def test_a_shard_still_clears_what_was_revoked_just_before_its_end() -> None:
    gone = DeviceId("aabbccddeeff")
    instance = shard("*.shelly.cloud", known={gone: {f"shelly/{gone}/relay/0"}})
    assert instance.first.published[f"shelly/{gone}/relay/0"] == ""
    assert len(instance.first.all(Adopt)) == 2


def test_a_consent_for_the_host_of_another_shard_is_told_of() -> None:
    instance = shard(HOST)
    instance.introduces("barn", OTHER_HOST)
    instance.says(BrokerUp("5"))
    third = DeviceId("0cb815fd44e9")
    reply = instance.says(GrantStored(grant(third, host=OTHER_HOST)))
    assert reply.all(Adopt) == []
    assert [each.level for each in reply.all(Log)] == [logging.WARNING]
    assert OTHER_HOST in reply.one(Log).text
    # A device of ours whose consent is for such a host now is another's.
    moved = instance.says(GrantStored(grant(host=OTHER_HOST)))
    assert moved.all(Release) == [Release(DEVICE, SourceKind.INTEGRATOR)]
    assert f"{ROOT}/availability" not in moved.published
    assert instance.says(GrantStored(grant())).all(Adopt) == [Adopt(grant())]
    # Withdrawn again: nobody misses the host any more.
    instance.introduces("barn", "else.shelly.cloud")
    instance.says(GrantRevoked(third), GrantRevoked(OTHER))
    assert instance.waits(60).happened() == []


def test_a_shard_gives_up_a_device_that_moves_to_anothers_host() -> None:
    instance = shard(HOST)
    instance.connects()
    instance.reports(payloads.two_switches(), full=True)
    reply = instance.says(DeviceMoved(HOST, DEVICE, LinkId("shelly-9-eu.shelly.cloud")))
    assert reply.one(SaveGrant).host == "shelly-9-eu.shelly.cloud"
    assert reply.all(Move) == []
    assert about_devices(instance.waits(600)) == []


# What is retained


def test_leftovers_of_devices_are_nobodys_to_clear() -> None:
    instance = owner()
    strangers = [f"shelly/{OTHER}/relay/0", f"shelly/{OTHER}/relay/0/set", "shelly/bridge/hosts/x"]
    hosts = f"{OWN}/hosts/gone.shelly.cloud"
    stored = f"{ROOT}/relay/0/set"
    found = tuple((topic, b"x") for topic in [*strangers, hosts, stored])
    reply = instance.says(RetainedFound(AT_START, found, complete=True))
    assert [each.topic for each in reply.all(Publish) if not each.payload] == [hosts]
    assert [each.topic for each in reply.all(Publish) if each.topic.endswith("/result")] == [
        f"{ROOT}/relay/0/result"
    ]


def test_a_bridge_that_was_alone_leaves_nothing_of_itself_behind() -> None:
    alone = Dialogue(grant())
    alone.says(BrokerUp("5"))
    alone.connects()
    alone.waits(60)
    assert "homeassistant/device/shelly_bridge/config" in alone.broker
    instance = Instance(A, grant(), known=alone.topics, disk=alone.published)
    cleared = {each.topic for each in instance.first.all(Publish) if not each.payload}
    own = {f"shelly/bridge/{name}" for name in ("state", "info", "devices", "health")}
    assert cleared == own | {"homeassistant/device/shelly_bridge/config"}
    instance.waits(1)
    assert instance.topics[THE_BRIDGE] == set()
    # And the other way round.
    back = Dialogue(grant(), known={f"shelly_bridge_{A}": {f"ha/device/shelly_bridge_{A}/config"}})
    assert back.first.published[f"ha/device/shelly_bridge_{A}/config"] == ""


@pytest.mark.parametrize("told", [0, 7])
def test_a_withdrawn_consent_is_forgotten_once_nothing_is_left_of_the_device(told: int) -> None:
    instance = owner()
    assert instance.says(GrantRevoked(DEVICE, told)).all(DropGrant) == []
    # The number of the consent itself is as good.
    assert instance.waits(2).one(DropGrant).revision == (told or 1)
