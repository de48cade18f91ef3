"""Discovery through the running bridge: told, changed, told again at a birth, and taken away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.core.events import AccessReported
from bridge.core.homeassistant import discovery
from bridge.core.ids import device_from_hex
from bridge.core.model import Access, LinkId
from bridge.simulator.devices.base import Device
from tests.brokers import MosquittoProcess, Peer
from tests.core.homeassistant.guard import Guard
from tests.system.rig import HOSTS, Rig

RELAY = "SNSW-001P16EU"


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is slow here."""
    monkeypatch.setattr(discovery, "SOON", 0.1)
    monkeypatch.setattr(discovery, "STUBS_FOR", 0.2)
    monkeypatch.setattr("bridge.core.refill.BIRTH_TO", 1.2)


def topic(device: Device) -> str:
    return f"homeassistant/device/{device.hex_id}/config"


def components(peer: Peer, device: Device) -> dict[str, Any]:
    payload = peer.values.get(topic(device))
    return json.loads(payload)["cmps"] if payload else {}


def test_a_device_comes_changes_and_goes(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start()
        with Peer(rig.port, "homeassistant/#") as peer:
            rig.wait(lambda: components(peer, relay).get("relay_0"), what="it is told")
            assert peer.values["homeassistant/device/shelly_bridge/config"]
            read = AccessReported(LinkId(HOSTS[0]), device_from_hex(relay.hex_id), Access.READ)
            vars(rig.bridge)["_inbox"].put(read)
            rig.wait(
                lambda: (
                    "relay_0" not in components(peer, relay)
                    and "relay_0_state_binary_sensor" in components(peer, relay)
                ),
                what="it may only be read",
            )
            assert {"p": "switch"} in [
                json.loads(payload)["cmps"].get("relay_0")
                for payload in peer.payloads(topic(relay))
            ]
            before = len(peer.payloads(topic(relay)))
            peer.publish("homeassistant/status", "online")
            rig.wait(
                lambda: len(peer.payloads(topic(relay))) == before + 1, what="it is told again"
            )
            rig.withdraw(relay)
            rig.wait(lambda: peer.values[topic(relay)] == b"", what="it is gone")
            guard = Guard(canaries=[rig.world.token])
            for message in peer.heard:
                if message.topic.endswith("/config"):
                    assert guard.check(message.topic, message.payload.decode()) == []


def test_what_is_no_longer_wanted_goes_with_the_next_start(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start()
        with Peer(rig.port, "homeassistant/#") as peer:
            rig.wait(lambda: components(peer, relay))
            rig.stop()
            unwanted = replace(rig.settings.homeassistant, enabled=False)
            rig.settings = replace(rig.settings, homeassistant=unwanted)
            rig.start().wait_online(relay)
            rig.wait(lambda: not any(peer.values.values()), what="nothing is left")


@pytest.mark.mosquitto
def test_the_same_with_a_real_broker(tmp_path: Path) -> None:
    with MosquittoProcess() as broker, Rig(tmp_path, port=broker.port) as rig:
        relay = rig.add(RELAY)
        rig.start()
        with Peer(broker.port, "homeassistant/#") as peer:
            rig.wait(lambda: components(peer, relay).get("relay_0"))
            rig.withdraw(relay)
            rig.wait(lambda: peer.values[topic(relay)] == b"")
