"""The process: it stops in time, whoever is frozen, and a kill loses no confirmed consent."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bridge.errors import ConnectionLost
from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import Peer, free_port, wait_until
from tests.system.process import BridgeProcess, wait_healthy
from tests.system.rig import HOSTS, callback_path, store_grants, write_config

RELAY = "SNSW-001P16EU"


def test_sigterm_under_load_ends_it_in_time_and_answers_what_is_pending(tmp_path: Path) -> None:
    with World(HOSTS) as world, Broker() as broker, Peer(broker.port, "shelly/#") as peer:
        devices = [world.add_device(RELAY, HOSTS[number % 2]) for number in range(50)]
        store_grants(tmp_path, devices)
        with BridgeProcess(write_config(world, broker.port, tmp_path)) as bridge:
            wait_until(lambda: peer.values.get(f"shelly/{devices[0].hex_id}/relay/0"), 15)
            world.run_load(500, seconds=30)
            for host in world.hosts:
                host.faults.answer_delay = 60
            topic = f"shelly/{devices[0].hex_id}/relay/0"
            peer.publish(f"{topic}/set", "ON")
            wait_until(lambda: devices[0].received, 10)
            began = time.monotonic()
            assert bridge.terminate() == 0
            assert time.monotonic() - began <= 10
            wait_until(lambda: peer.values["shelly/bridge/state"] == b"offline")
            wait_until(lambda: peer.payloads(f"{topic}/result"))
            result = json.loads(peer.payloads(f"{topic}/result")[-1])
            assert "shutting down" in result["error"]
        assert "CRITICAL" not in bridge.log


def test_sigterm_with_every_peer_frozen_ends_it_in_time(tmp_path: Path) -> None:
    with World() as world, Broker() as broker:
        device = world.add_device(RELAY)
        store_grants(tmp_path, [device])
        with BridgeProcess(write_config(world, broker.port, tmp_path)) as bridge:
            wait_until(lambda: world.host().counters.verifies, 15)
            world.host().freeze()
            broker.freeze()
            began = time.monotonic()
            bridge.terminate()
            assert time.monotonic() - began <= 10
            broker.thaw()
            world.host().thaw()


def test_it_starts_without_broker_and_cloud_and_finds_both_later(tmp_path: Path) -> None:
    port = free_port()
    with World() as world:
        device = world.add_device(RELAY)
        world.host().faults.refuse = 503
        store_grants(tmp_path, [device])
        admin = free_port()
        config = write_config(
            world, port, tmp_path, web__admin__listen=f"127.0.0.1:{admin}", reconnect__longest="1"
        )
        with BridgeProcess(config) as bridge:
            wait_until(lambda: len(world.host().counters.refused) >= 2, 15)
            with Broker(port=port) as broker, Peer(broker.port, "shelly/#") as peer:
                wait_healthy(admin)
                world.host().faults.refuse = None
                wait_until(lambda: peer.values.get(f"shelly/{device.hex_id}/relay/0"), 15)
                assert bridge.terminate() == 0


@pytest.mark.parametrize("round_", range(3))
def test_a_consent_that_was_confirmed_is_stored_whatever_happens_next(
    tmp_path: Path, round_: int
) -> None:
    with World() as world, Broker() as broker:
        public = free_port()
        config = write_config(
            world, broker.port, tmp_path, web__public__listen=f"127.0.0.1:{public}"
        )
        with BridgeProcess(config, **({"CRASH_AFTER_COMMIT": "1"} if round_ else {})) as bridge:
            wait_healthy(public)
            url = f"http://127.0.0.1:{public}{callback_path(tmp_path)}"
            device = world.add_device(RELAY, granted=False)
            confirmed = False
            try:
                confirmed = world.grant_by_callback(device, url).status == 200
            except ConnectionLost:
                bridge.running.wait(10)
            bridge.kill()
        with Store.open(tmp_path / "data", exclusive=False) as store:
            stored = [grant.device for grant in store.grants()]
        # Without the answer it may be stored or not, and Shelly's page tells the owner so.
        assert stored == [device.hex_id]
        assert confirmed is (round_ == 0)


def test_a_second_bridge_on_the_same_base_topic_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with World() as world, Broker() as broker, Peer(broker.port, "shelly/#") as peer:
        first = write_config(world, broker.port, tmp_path / "one")
        second = write_config(world, broker.port, tmp_path / "two")
        with BridgeProcess(first) as bridge:
            wait_until(lambda: peer.values.get("shelly/bridge/info"), 15)
            with BridgeProcess(second) as other:
                assert other.running.wait(15) == 1
                assert "another bridge" in other.log
            assert peer.values["shelly/bridge/state"] == b"online"
            assert bridge.terminate() == 0


def test_a_second_bridge_on_the_same_data_directory_refuses_to_start(tmp_path: Path) -> None:
    with World() as world, Broker() as broker, Peer(broker.port, "shelly/#") as peer:
        config = write_config(world, broker.port, tmp_path)
        with BridgeProcess(config):
            wait_until(lambda: peer.values.get("shelly/bridge/info"), 15)
            with BridgeProcess(config) as other:
                assert other.running.wait(15) == 1
                assert "Traceback" not in other.log


def test_secrets_are_in_no_log_topic_or_process_list(tmp_path: Path) -> None:
    with World() as world, Broker() as broker, Peer(broker.port, "#") as peer:
        devices = [world.add_device(model) for model in (RELAY, "SHSW-25:relay")]
        store_grants(tmp_path, devices)
        config = write_config(world, broker.port, tmp_path, log__level="debug", mqtt__raw="true")
        with BridgeProcess(config) as bridge:
            for device in devices:
                wait_until(
                    lambda device=device: peer.values.get(f"shelly/{device.hex_id}/info"),  # type: ignore[misc]  # mypy and lambda defaults
                    15,
                )
            world.host().drop()
            wait_until(lambda: len(world.host().counters.opened) == 2, 15)
            commandline = Path(f"/proc/{bridge.running.pid}/cmdline").read_text()
            assert bridge.terminate() == 0
        with Store.open(tmp_path / "data", exclusive=False) as store:
            secret = store.callback_secret
        published = "".join(
            message.topic + message.payload.decode(errors="replace") for message in peer.heard
        )
        for canary in (*world.secrets, secret, "eyJ"):
            assert canary not in bridge.log
            assert canary not in commandline
            assert canary not in published
