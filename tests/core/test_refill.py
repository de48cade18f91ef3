"""Everything again: in its order, after Home Assistant's start, and where nothing is retained."""

from __future__ import annotations

import pytest

from bridge.core import refill
from bridge.core.effects import Lane, Publish
from bridge.core.events import BrokerUp, Vitals
from bridge.core.model import DeviceId, LinkId
from bridge.core.refill import BIRTH_FROM, BIRTH_TO, STATES_AFTER
from tests.core import payloads
from tests.core.dialogue import DEVICE, OTHER, ROOT, Dialogue, Reply, grant, online

TOPIC = f"homeassistant/device/{DEVICE}/config"
STATUS = "homeassistant/status"


def told(**changes: bool) -> Dialogue:
    dialogue = online(status=payloads.two_switches(), **changes)
    dialogue.waits(10)
    return dialogue


def born(dialogue: Dialogue, payload: str = "online", *, stored: bool = False) -> Reply:
    return dialogue.says(dialogue.message(STATUS, payload, stored=stored, retain=stored))


def complete(reply: Reply) -> bool:
    """Whether a reply brings everything again."""
    wanted = {"shelly/bridge/state", "homeassistant/device/shelly_bridge/config", TOPIC}
    return set(reply.topics) >= {*wanted, f"{ROOT}/availability", f"{ROOT}/relay/0"}


def test_a_broker_is_told_the_device_before_its_availability_before_its_state() -> None:
    dialogue = told()
    reply = dialogue.says(BrokerUp("5"))
    assert complete(reply)
    order = [reply.topics.index(topic) for topic in (TOPIC, f"{ROOT}/availability")]
    states = [index for index, topic in enumerate(reply.topics) if "/relay/" in topic]
    assert order == sorted(order)
    assert order[-1] < min(states)
    lanes = {publish.lane for publish in reply.all(Publish)[1:]}
    assert lanes == {Lane.REFILL}
    assert dialogue.waits(60).on(TOPIC) == []


def test_an_empty_broker_is_told_the_health_again() -> None:
    dialogue = told()
    assert dialogue.says(BrokerUp("5")).on("shelly/bridge/health") == []
    (first,) = dialogue.says(Vitals({"rss": 5})).on("shelly/bridge/health")
    dialogue.waits(30)
    (again,) = dialogue.says(BrokerUp("5")).on("shelly/bridge/health")
    assert (again.payload, again.lane) == (first.payload, Lane.REFILL)


def test_home_assistant_is_told_everything_a_moment_after_its_start() -> None:
    dialogue = told()
    assert born(dialogue).effects == []
    assert not dialogue.waits(BIRTH_FROM - 0.1).all(Publish)
    reply = dialogue.waits(BIRTH_TO)
    assert complete(reply)
    assert reply.published["shelly/bridge/state"] == "online"
    assert len(reply.on(TOPIC)) == 1


def test_several_starts_in_a_row_are_one() -> None:
    dialogue = told()
    for _ in range(5):
        born(dialogue)
        dialogue.waits(0.1)
    assert len(dialogue.waits(60).on(TOPIC)) == 1
    born(dialogue)
    assert len(dialogue.waits(60).on(TOPIC)) == 1


@pytest.mark.parametrize("payload", ["offline", "", "ONLINE", "\x00"])
def test_what_is_no_start(payload: str) -> None:
    dialogue = told()
    born(dialogue, payload)
    assert dialogue.waits(60).on(TOPIC) == []


def test_a_start_that_the_broker_kept_is_from_before_we_came() -> None:
    dialogue = told()
    born(dialogue, stored=True)
    assert dialogue.waits(60).on(TOPIC) == []


def test_a_broker_that_comes_meanwhile_is_enough() -> None:
    dialogue = told()
    born(dialogue)
    assert complete(dialogue.says(BrokerUp("5")))
    assert dialogue.waits(60).on(TOPIC) == []


def test_bridges_spread_themselves() -> None:
    pauses = set()
    for bridge_id in ("00000001", "0a1b2c3d", "deadbeef", "fffffff0"):
        dialogue = told(bridge_id=bridge_id)  # type: ignore[arg-type]  # any setting will do
        born(dialogue)
        pauses.add(dialogue.engine.next_timer())
    assert len(pauses) == 4


def test_somebody_asks_for_it() -> None:
    dialogue = told()
    reply = dialogue.asks("discovery/republish")
    assert complete(reply)
    assert reply.json("shelly/bridge/response/discovery/republish") == {
        "data": {"devices": 1, "discovery": True},
        "status": "ok",
    }


def test_without_retained_messages_states_come_when_somebody_listens() -> None:
    dialogue = online(status=payloads.two_switches(), retain=False)
    reply = dialogue.waits(5)
    (publish,) = reply.on(TOPIC)
    assert publish.retain is False
    reply = dialogue.waits(STATES_AFTER)
    assert set(reply.topics) >= {f"{ROOT}/availability", f"{ROOT}/info", f"{ROOT}/relay/1"}
    assert reply.on(TOPIC) == []
    assert not dialogue.waits(60).on(f"{ROOT}/relay/1")
    # The same after a start of Home Assistant.
    born(dialogue)
    reply = dialogue.waits(BIRTH_TO)
    assert complete(reply)
    reply = dialogue.waits(STATES_AFTER)
    assert reply.on(f"{ROOT}/relay/1")
    assert reply.on(TOPIC) == []


def test_a_device_that_went_meanwhile_is_not_told_again() -> None:
    dialogue = online(status=payloads.two_switches(), retain=False)
    dialogue.waits(5)
    dialogue.asks("device/remove", DEVICE)
    dialogue.waits(2)
    assert not [topic for topic in dialogue.waits(60).topics if DEVICE in topic]


def test_very_many_devices_are_told_of_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refill, "PORTION", 2)
    devices = [DeviceId(f"{number:012x}") for number in range(1, 6)]
    dialogue = Dialogue(*(grant(device) for device in devices))
    dialogue.connects()
    for device in devices:
        dialogue.reports(payloads.two_switches(), full=True, device=device)
    dialogue.waits(10)

    def discovered(reply: Reply) -> list[str]:
        return [topic.split("/")[2] for topic in reply.topics if topic.endswith("/config")]

    reply = dialogue.says(BrokerUp("5"))
    assert discovered(reply) == ["shelly_bridge", *devices[:2]]
    dialogue.asks("device/remove", devices[3])
    assert discovered(dialogue.waits(0.5)) == [devices[2], devices[4]]
    assert discovered(dialogue.waits(60)) == []
    # One that begins anew does not leave the old one running.
    dialogue.says(BrokerUp("5"))
    again = Reply([*dialogue.says(BrokerUp("5")).effects, *dialogue.waits(60).effects])
    assert sorted(discovered(again)[1:]) == sorted({*devices} - {devices[3]})


def test_a_device_that_speaks_first_meanwhile_is_not_told_of_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refill, "PORTION", 1)
    devices = [DeviceId(f"{number:012x}") for number in range(1, 5)]
    known, heard, silent = devices[1:]
    dialogue = Dialogue(*(grant(device) for device in devices))
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True, device=known)
    dialogue.waits(10)

    def infos(reply: Reply, device: DeviceId) -> list[Publish]:
        found = reply.on(f"shelly/{device}/info")
        return [publish for publish in found if publish.lane is Lane.REFILL]

    dialogue.says(BrokerUp("5"))
    first = dialogue.reports(payloads.two_switches(), full=True, device=heard)
    everything = {"availability", "info", "relay/0", "relay/1"}
    assert {f"shelly/{heard}/{name}" for name in everything} <= set(first.topics)
    rest = dialogue.waits(60)
    assert [len(infos(rest, device)) for device in (known, heard, silent)] == [1, 0, 1]
    assert rest.on(f"shelly/{known}/relay/0")
    assert not rest.on(f"shelly/{heard}/relay/0")
    # Discovery, which waits for the settings, has come all the same.
    assert len(rest.on(f"homeassistant/device/{heard}/config")) == 1
    # The next time it is one like all others.
    dialogue.says(BrokerUp("5"))
    assert len(infos(dialogue.waits(60), heard)) == 1


def test_another_device_and_link_do_not_matter() -> None:
    dialogue = Dialogue(grant(), grant(OTHER, host="shelly-8-eu.shelly.cloud"))
    dialogue.connects()
    dialogue.connects(LinkId("shelly-8-eu.shelly.cloud"))
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.waits(10)
    reply = dialogue.says(BrokerUp("3.1.1"))
    assert reply.json("shelly/bridge/info")["mqtt_version"] == "3.1.1"
    assert not [topic for topic in reply.topics if f"/{OTHER}/config" in topic]
