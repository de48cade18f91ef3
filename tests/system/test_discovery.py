"""Home Assistant's discovery messages on a real broker, through everything that can happen.

Judged by what is on the broker and in which order it came; what a message says is judged elsewhere.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from tests.brokers import MosquittoProcess, Peer, wait_until
from tests.system.process import BridgeProcess
from tests.system.rig import HOSTS, Rig, store_grants, write_config

pytestmark = pytest.mark.mosquitto

RELAY, COVER, LIGHT = "SNSW-001P16EU", "SNSW-102P16EU:cover", "S3DM-0A101WWL"
SWITCHES = "SNSW-102P16EU:switch"
MODELS = (RELAY, COVER, LIGHT, "SHSW-25:relay", "SHIX3-1")

BRIDGE = "homeassistant/device/shelly_bridge/config"
BIRTH = "homeassistant/status"

NO_DROPS = "max_queued_messages 0"
"""For Mosquitto: a listener that shares this process with everything else may be slow."""

MANY = 1_000
COMPLETE = 30.0
"""Seconds from the start until everything about so many devices is on the broker.

Ten are promised; the rest is for a machine that does other things, too.
"""
BURST, RATE = 500, 400.0
"""So many messages at once, and so many per second, repeat what is known."""
REPEATED = 120.0
"""Seconds from Home Assistant's birth message until everything was repeated; for a busy machine."""

Component = dict[str, Any]


def config_topic(device: Device) -> str:
    return f"homeassistant/device/{device.hex_id}/config"


def read(payload: bytes | None) -> dict[str, Component]:
    """The components of a discovery message."""
    found: dict[str, Component] = json.loads(payload)["cmps"] if payload else {}
    return found


def platform(component: Component) -> str:
    return str(component["p"])


def is_stub(component: Component) -> bool:
    return len(component) == 1


def topics_in(value: Any, root: str) -> set[str]:
    """Every topic below `root` that a discovery message names."""
    if isinstance(value, str):
        return {value} if value.startswith(root) else set()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {topic for each in inner for topic in topics_in(each, root)}


def by_platform(components: dict[str, Component], topic: str) -> dict[str, str]:
    """Platform → id of the entities that show the state of a channel."""
    return {
        platform(component): name
        for name, component in components.items()
        if component.get("stat_t") == topic and "value_json.state }}" in component["val_tpl"]
    }


def commands(components: dict[str, Component]) -> set[str]:
    """The platforms that take commands for a channel of the device."""
    return {
        platform(component)
        for component in components.values()
        if any("/set" in topic for topic in topics_in(component, "shelly/"))
    }


@contextmanager
def listening(broker: MosquittoProcess) -> Iterator[Peer]:
    """Somebody who hears everything of the bridge's, in order."""
    with Peer(broker.port, "shelly/#", "homeassistant/device/#") as peer:
        yield peer


def twice(peer: Peer) -> list[str]:
    """The topics on which the same was published twice in a row."""
    by_topic: dict[str, list[bytes]] = defaultdict(list)
    for message in list(peer.heard):
        if not message.topic.startswith(("shelly/bridge/event", "shelly/bridge/log")):
            by_topic[message.topic].append(bytes(message.payload))
    return [
        topic
        for topic, payloads in by_topic.items()
        if any(earlier == later for earlier, later in pairwise(payloads))
    ]


def incomplete(devices: list[Device], peer: Peer) -> list[Device]:
    """The devices of which something is not on the broker yet."""
    return [device for device in devices if not is_complete(device, peer)]


def all_complete(devices: list[Device], peer: Peer) -> Callable[[], bool]:
    """A condition to wait for."""
    return lambda: not incomplete(devices, peer)


def is_complete(device: Device, peer: Peer) -> bool:
    """Discovery, availability, `info`, all channels in it, and all that discovery names."""
    root = f"shelly/{device.hex_id}/"
    config = peer.values.get(config_topic(device))
    info = peer.values.get(f"{root}info")
    if not config or not info or peer.values.get(f"{root}availability") != b"online":
        return False
    channels = {channel["topic"] for channel in json.loads(info)["channels"]}
    named = topics_in(json.loads(config), root)
    states = {topic for topic in named if "/set" not in topic and not topic.endswith("/event")}
    states -= {topic for topic in named if topic.endswith("/result")}
    return bool(channels & named) and all(peer.values.get(topic) for topic in channels | states)


@pytest.mark.quiet
@pytest.mark.timeout(400)
def test_a_thousand_devices_are_complete_soon_and_come_again_at_a_birth(tmp_path: Path) -> None:
    with (
        World(HOSTS[:1]) as world,
        MosquittoProcess(NO_DROPS) as broker,
        listening(broker) as peer,
    ):
        devices = [
            world.add_device(MODELS[number % len(MODELS)], name=f"Device {number}")
            for number in range(MANY)
        ]
        store_grants(tmp_path, devices)
        config = write_config(world, broker.port, tmp_path)
        began = time.monotonic()
        with BridgeProcess(config) as bridge:
            wait_until(
                lambda: bridge.running.poll() is not None or not incomplete(devices[-1:], peer),
                2 * COMPLETE,
            )
            assert bridge.running.poll() is None, bridge.log
            while waiting := incomplete(devices, peer):
                wait_until(all_complete(waiting[:1], peer), 2 * COMPLETE)
            took = time.monotonic() - began
            messages = len(peer.heard)
            print(f"\n{MANY} devices: complete after {took:.1f} s, {messages} messages")  # noqa: T201
            assert took < COMPLETE
            wait_until(lambda: len(listed(peer)) == MANY and settled(world, peer), 30)
            assert twice(peer) == []
            assert peer.values[BRIDGE]

            wanted = {
                topic
                for topic, payload in peer.values.items()
                if payload
                and topic.startswith(("homeassistant/device/", "shelly/"))
                and is_told_again(topic)
            }
            before = len(peer.heard)
            began = time.monotonic()
            peer.publish(BIRTH, "online")
            wait_until(lambda: len(peer.heard) > before, 60, "the first of it comes")
            first = time.monotonic()
            wait_until(lambda: wanted <= again(peer, before), REPEATED, "everything comes again")
            took = time.monotonic() - began
            count = len(peer.heard) - before
            print(f"birth: {count} messages, complete after {took:.1f} s")  # noqa: T201
            assert count <= BURST + 1.2 * RATE * (time.monotonic() - first) + 100
            assert discovery_leads(peer, before)
            assert bridge.terminate() == 0
        assert "CRITICAL" not in bridge.log
        assert "ERROR" not in bridge.log


def listed(peer: Peer) -> list[Any]:
    payload = peer.values.get("shelly/bridge/devices")
    found: list[Any] = json.loads(payload) if payload else []
    return [device for device in found if device["channels"]]


def settled(world: World, peer: Peer) -> bool:
    """Whether every device's settings came and what they said is in its `info`."""
    if len(world.host().counters.settings_asked) < MANY:
        return False
    infos = [payload for topic, payload in list(peer.values.items()) if topic.endswith("/info")]
    return sum(b'"firmware":"' in payload for payload in infos) == MANY


def is_told_again(topic: str) -> bool:
    """Whether Home Assistant needs the topic: not what only the bridge itself is about."""
    return not topic.startswith("shelly/bridge/") or topic == "shelly/bridge/state"


def again(peer: Peer, before: int) -> set[str]:
    """The topics heard since."""
    return {message.topic for message in peer.heard[before:]}


def discovery_leads(peer: Peer, before: int) -> bool:
    """Whether each device's discovery message came before its states."""
    discovered: set[str] = set()
    for message in peer.heard[before:]:
        levels = message.topic.split("/")
        if levels[0] == "homeassistant":
            discovered.add(levels[2])
        elif levels[1] != "bridge" and levels[1] not in discovered:
            return False
    return True


@pytest.mark.usefixtures("short_stubs")
def test_entities_change_their_class_with_the_consent_and_back(tmp_path: Path) -> None:
    with (
        MosquittoProcess(NO_DROPS) as broker,
        listening(broker) as peer,
        Rig(tmp_path, port=broker.port) as rig,
    ):
        relay = rig.add(RELAY, control=False)
        rig.start().wait_online(relay)
        topic = config_topic(relay)
        channel = f"shelly/{relay.hex_id}/relay/0"

        def now() -> dict[str, Component]:
            return read(peer.values.get(topic))

        rig.wait(lambda: "binary_sensor" in by_platform(now(), channel), what="a read-only relay")
        assert commands(now()) == set()
        sensor = by_platform(now(), channel)["binary_sensor"]

        assert rig.consent(relay, control=True).status == 200
        rig.wait(lambda: commands(now()) == {"switch"} and not has_stub(now()), what="a switch")
        switch = by_platform(now(), channel)["switch"]
        assert was_stubbed(peer, topic, sensor, "binary_sensor")
        assert switch != sensor, "an id belongs to one platform for ever"
        assert sensor not in now()
        rig.tell(f"{relay.hex_id}/relay/0/set", "ON")
        rig.wait(lambda: rig.json(f"{relay.hex_id}/relay/0")["state"] == "ON")

        assert rig.consent(relay, control=False).status == 200
        rig.wait(lambda: sensor in now() and not has_stub(now()), what="read-only again")
        assert commands(now()) == set()
        assert was_stubbed(peer, topic, switch, "switch")
        assert switch not in now()
        assert twice(peer) == []


@pytest.fixture
def short_stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Home Assistant does not start anew here, so that stubs need not wait for it."""
    monkeypatch.setattr("bridge.core.homeassistant.discovery.STUBS_FOR", 1.0)


def has_stub(components: dict[str, Component]) -> bool:
    return any(is_stub(component) for component in components.values())


def was_stubbed(peer: Peer, topic: str, name: str, kind: str) -> bool:
    """Whether a component was taken away as Home Assistant wants it: reduced to its platform."""
    return any(
        name in components and is_stub(components[name]) and platform(components[name]) == kind
        for components in map(read, peer.payloads(topic))
    )


@pytest.mark.usefixtures("short_stubs")
def test_a_cover_that_becomes_two_switches_leaves_nothing_behind(tmp_path: Path) -> None:
    with (
        MosquittoProcess(NO_DROPS) as broker,
        listening(broker) as peer,
        Rig(tmp_path, port=broker.port) as rig,
    ):
        device = rig.add(COVER)
        template = rig.add(SWITCHES, granted=False)
        rig.start().wait_online(device)
        topic, root = config_topic(device), f"shelly/{device.hex_id}"

        def now() -> dict[str, Component]:
            return read(peer.values.get(topic))

        rig.wait(lambda: commands(now()) == {"cover"}, what="a cover")
        cover = by_platform(now(), f"{root}/roller/0")["cover"]

        status = {**template.status(), "id": device.hex_id}
        vars(device)["status"] = lambda: status
        vars(device)["settings"] = template.settings
        rig.tell(f"{device.hex_id}/get", "")
        rig.wait(lambda: commands(now()) == {"switch"} and not has_stub(now()), what="switches")
        assert was_stubbed(peer, topic, cover, "cover")
        gone = f"{root}/roller/0"
        assert topics_in(list(now().values()), gone) == set()
        for number in (0, 1):
            assert "switch" in by_platform(now(), f"{root}/relay/{number}")
            rig.wait(lambda number=number: peer.values.get(f"{root}/relay/{number}"))  # type: ignore[misc]  # mypy and lambda defaults
        rig.wait(lambda: peer.values[gone] == b"", what="the cover's topic is cleared")
        left = [name for name, payload in peer.values.items() if payload and name.startswith(gone)]
        assert left == []
        assert twice(peer) == []


def test_a_broker_that_comes_back_empty_gets_everything_again(tmp_path: Path) -> None:
    with MosquittoProcess(NO_DROPS) as broker, Rig(tmp_path, port=broker.port) as rig:
        devices = [rig.add(model) for model in MODELS]
        rig.start().wait_online(*devices)
        with listening(broker) as peer:
            rig.wait(lambda: not incomplete(devices, peer), what="all is there")
            before = of_devices(peer)
        broker.kill()
        broker.start()
        with listening(broker) as peer:
            rig.wait(lambda: not incomplete(devices, peer), 20, "all is there again")
            rig.wait(lambda: of_devices(peer).keys() == before.keys())
            assert of_devices(peer) == before


def of_devices(peer: Peer) -> dict[str, bytes]:
    """What the broker holds of devices, less what tells when they were heard of."""
    return {
        topic: payload
        for topic, payload in retained(peer).items()
        if not topic.startswith("shelly/bridge/") and not topic.endswith("/info")
    }


def retained(peer: Peer) -> dict[str, bytes]:
    """What the broker holds."""
    return {topic: payload for topic, payload in list(peer.values.items()) if payload}


def test_a_device_that_is_gone_is_taken_away_in_the_right_order(tmp_path: Path) -> None:
    with (
        MosquittoProcess(NO_DROPS) as broker,
        listening(broker) as peer,
        Rig(tmp_path, port=broker.port) as rig,
    ):
        relay, stays = rig.add(RELAY), rig.add(LIGHT)
        rig.start().wait_online(relay, stays)
        rig.wait(lambda: not incomplete([relay, stays], peer))
        before = len(peer.heard)
        assert rig.withdraw(relay).status == 200
        root = f"shelly/{relay.hex_id}"
        rig.wait(lambda: peer.values[f"{root}/availability"] == b"", what="the last is cleared")
        told = [
            (message.topic, bytes(message.payload))
            for message in peer.heard[before:]
            if relay.hex_id in message.topic
        ]
        assert told[0] == (f"{root}/availability", b"offline")
        assert told[1] == (config_topic(relay), b"")
        assert told[-1] == (f"{root}/availability", b"")
        assert all(payload == b"" for _, payload in told[1:])
        assert not [topic for topic in retained(peer) if relay.hex_id in topic]
        assert is_complete(stays, peer)
        with listening(broker) as late:
            rig.wait(lambda: late.values.get("shelly/bridge/state"))
            assert not [topic for topic in retained(late) if relay.hex_id in topic]


@pytest.mark.parametrize("how", ["birth", "request"])
def test_everything_comes_again_when_it_is_wanted(tmp_path: Path, how: str) -> None:
    with (
        MosquittoProcess(NO_DROPS) as broker,
        listening(broker) as peer,
        Rig(tmp_path, port=broker.port) as rig,
    ):
        devices = [rig.add(model) for model in MODELS]
        rig.start().wait_online(*devices)
        rig.wait(lambda: not incomplete(devices, peer), what="all is there")
        peer.publish(BIRTH, "offline")
        wanted = {topic for topic in retained(peer) if is_told_again(topic)}
        before = len(peer.heard)
        if how == "birth":
            peer.publish(BIRTH, "online")
        else:
            rig.tell("bridge/request/discovery/republish", "")
            answer = "bridge/response/discovery/republish"
            rig.wait(lambda: (rig.json(answer) or {}).get("status") == "ok")
        rig.wait(lambda: wanted <= again(peer, before), 60, "all comes again")
        assert discovery_leads(peer, before)
