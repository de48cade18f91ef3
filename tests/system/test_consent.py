"""Consents: from the callback to topics on MQTT, and back to nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bridge.store import Store
from tests.system.rig import HOSTS, Rig

RELAY = "SNSW-001P16EU"


def test_a_device_on_a_new_host_is_on_mqtt_within_three_seconds(tmp_path: Path) -> None:
    with Rig(tmp_path, hosts=HOSTS) as rig:
        first = rig.add(RELAY)
        rig.start().wait_online(first)
        second = rig.world.add_device(RELAY, HOSTS[1], granted=False)
        began = time.monotonic()
        assert rig.consent(second).status == 200
        rig.wait_online(second, limit=3)
        rig.wait(lambda: rig.json(f"{second.hex_id}/relay/0"), limit=3)
        assert time.monotonic() - began < 3
        assert rig.world.host(HOSTS[0]).counters.opened


def test_a_withdrawn_consent_leaves_nothing_behind(tmp_path: Path) -> None:
    with Rig(tmp_path, hosts=HOSTS) as rig:
        stays, goes = rig.add(RELAY), rig.add(RELAY, HOSTS[1])
        rig.start().wait_online(stays, goes)
        assert rig.withdraw(goes).status == 200
        rig.wait(lambda: not rig.topics_of(goes), limit=5)
        availability = rig.peer.payloads(f"shelly/{goes.hex_id}/availability")
        assert availability[-2:] == [b"offline", b""]
        rig.wait(lambda: rig.world.host(HOSTS[1]).counters.open_now == 0)
        rig.wait(lambda: rig.text(f"bridge/hosts/{HOSTS[1]}") is None)
        rig.wait(lambda: len(rig.json("bridge/devices")) == 1)
        assert rig.topics_of(stays)
        rig.stop()
        with Store.open(rig.settings.data_dir, exclusive=False) as store:
            assert [grant.device for grant in store.grants()] == [stays.hex_id]
            assert goes.hex_id not in store.topics()


def test_a_device_granted_again_comes_back(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        assert rig.withdraw(relay).status == 200
        # Shelly's tokens differ by the second of their expiry only.
        rig.wait(lambda: time.time() % 1 < 0.1)
        answer = rig.consent(relay)
        while answer.status == 401:
            rig.wait(lambda: time.time() % 1 < 0.1)
            answer = rig.consent(relay)
        assert answer.status == 200
        rig.wait_online(relay)
        rig.wait(lambda: rig.json(f"{relay.hex_id}/relay/0"))


def test_control_is_what_the_cloud_says_not_what_the_callback_claims(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start()
        relay = rig.world.add_device(RELAY, control=False)
        answer = rig.world.consent.add(rig.callback, relay, accessGroups="01")
        assert answer.status == 200
        rig.wait_online(relay)
        rig.wait(lambda: (rig.json(f"{relay.hex_id}/info") or {}).get("access") == "read")
        rig.tell(f"{relay.hex_id}/relay/0/set", "ON")
        rig.wait(lambda: rig.results(f"{relay.hex_id}/relay/0"))
        assert rig.results(f"{relay.hex_id}/relay/0")[0]["status"] == "read_only"
        assert not relay.received


def test_access_that_the_owner_took_back_unheard_is_found_out(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.world.revoke(relay)
        rig.tell("bridge/request/device/verify", f'{{"id": "{relay.hex_id}", "transaction": 7}}')
        rig.wait(lambda: rig.text(f"{relay.hex_id}/availability") == "offline")
        rig.wait(lambda: rig.json(f"{relay.hex_id}/info")["offline_reason"] == "not_authorized")
        rig.wait(lambda: rig.json("bridge/response/device/verify"), what="it is answered")
        answer = rig.json("bridge/response/device/verify")
        assert answer["data"] == {"id": relay.hex_id, "result": "not_authorized"}
        assert answer["transaction"] == 7


def test_a_device_whose_owner_moved_is_followed_to_the_new_host(tmp_path: Path) -> None:
    with Rig(tmp_path, hosts=HOSTS) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.world.move(relay, HOSTS[1])
        rig.tell(f"{relay.hex_id}/get", "")
        rig.wait(
            lambda: rig.json(f"{relay.hex_id}/info")["sources"][0]["link"] == HOSTS[1], what="moved"
        )
        rig.wait(lambda: (rig.json(f"bridge/hosts/{HOSTS[1]}") or {}).get("state") == "connected")
        rig.tell(f"{relay.hex_id}/relay/0/set", "ON")
        rig.wait(lambda: relay.received)
        rig.wait(lambda: rig.text(f"bridge/hosts/{HOSTS[0]}") is None)
        rig.stop()
        with Store.open(rig.settings.data_dir, exclusive=False) as store:
            assert store.grants()[0].host == HOSTS[1]


@pytest.mark.parametrize(
    "host", ["evil.example.com", "shelly.cloud.evil.com", "127.0.0.1", "a@b", "x.shelly.cloud:1"]
)
def test_a_hostile_host_is_refused_and_never_asked_for(tmp_path: Path, host: str) -> None:
    with Rig(tmp_path) as rig:
        rig.start()
        relay = rig.world.add_device(RELAY)
        answer = rig.world.consent.add(rig.callback, relay, host=host)
        assert answer.status == 403
        good = rig.world.add_device(RELAY)
        assert rig.consent(good).status == 200
        rig.wait_online(good)
        assert host not in rig.resolved
        assert rig.json("bridge/devices") is None or relay.hex_id not in str(
            rig.json("bridge/devices")
        )


@pytest.mark.quiet
def test_leftovers_of_unknown_devices_are_cleared_at_the_start(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relays = [rig.add(RELAY) for _ in range(3)]
        rig.start().wait_online(*relays)
        rig.stop()
        rig.tell("0123456789ab/relay/0", "{}", retain=True)
        rig.tell("0123456789ab/availability", "online", retain=True)
        rig.tell("notes", "somebody's own", retain=True)
        rig.start().wait_online(*relays)
        rig.wait(lambda: rig.text("notes"))
        rig.wait(lambda: rig.text("0123456789ab/availability") is None)
        rig.wait(lambda: rig.text("0123456789ab/relay/0") is None)
        assert rig.text("notes") == "somebody's own"


def test_cleaning_on_request_shows_first_what_it_would_do(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.tell("0123456789ab/relay/0", "{}", retain=True)
        rig.tell("bridge/request/retained/clean", '{"dry_run": true}')
        topic = "bridge/response/retained/clean"
        rig.wait(lambda: rig.json(topic))
        assert rig.json(topic)["data"]["topics"] == ["shelly/0123456789ab/relay/0"]
        assert rig.text("0123456789ab/relay/0") == "{}"
        rig.tell("bridge/request/retained/clean", "")
        rig.wait(lambda: rig.text("0123456789ab/relay/0") is None)
        assert rig.topics_of(relay)
