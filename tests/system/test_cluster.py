"""Several bridges share the hosts: by a registry that all have, or by patterns for good."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from tests.brokers import MosquittoProcess, Peer, wait_until
from tests.faults.broker_rig import EVERYTHING
from tests.faults.cluster_rig import NAMES, Cluster, availability
from tests.faults.consents import MODEL
from tests.faults.scale import show
from tests.system.accounts import EMAIL, PASSWORD
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]

LONG = 45.0
"""Seconds that a busy machine gets for what takes a few."""
SERVED = 15.0
"""Seconds within which others serve what a killed instance had."""
CONSENT = 3.0
"""Seconds from the answer to a consent until its device is there."""


class Seen:
    """What a lasting subscriber knows of the cluster."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def document(self, topic: str) -> Any:
        """The newest payload of a topic as JSON; None if there is none, or it was cleared."""
        payload = self.peer.values.get(topic)
        return json.loads(payload) if payload else None

    def owners(self, hosts: list[str], names: tuple[str, ...] = NAMES) -> dict[str, list[str]]:
        """For each host the instances that say that they own it and are connected."""
        found: dict[str, list[str]] = {host: [] for host in hosts}
        for name in names:
            for host in hosts:
                document = self.document(f"shelly/bridge/{name}/hosts/{host}")
                if document and document["state"] == "connected":
                    assert document["owner"] == name
                    found[host].append(name)
        return found

    def new_owners(self, hosts: list[str], *others: str) -> dict[str, str]:
        """Who has each host, once it has one owner among these."""
        wait_until(
            lambda: all(len(each) == 1 for each in self.owners(hosts, others).values()),
            LONG,
            "each host has a new owner",
        )
        return {host: names[0] for host, names in self.owners(hosts, others).items()}

    def shares(self, cluster: Cluster) -> Counter[str]:
        """How many hosts each instance owns, once each host has one owner; empty before."""
        owners = list(self.owners(cluster.hosts).values())
        return Counter(names[0] for names in owners if all(len(each) == 1 for each in owners))

    def is_there(self, device: Device) -> bool:
        """Whether a device is available and its relay is published."""
        root = f"shelly/{device.hex_id}"
        there = self.peer.values.get(f"{root}/availability") == b"online"
        return there and bool(self.peer.values.get(f"{root}/relay/0"))

    def follows(self, device: Device, owner: str) -> bool:
        """Whether Home Assistant looks for a device with this owner, and no other."""
        names = availability(self.peer.values.get(f"homeassistant/device/{device.hex_id}/config"))
        return {name for name in names if "/bridge/" in name} == {f"shelly/bridge/{owner}/state"}

    def results(self, device: Device) -> list[dict[str, Any]]:
        """Every result of a device."""
        return [
            json.loads(text)
            for text in self.peer.payloads(f"shelly/{device.hex_id}/relay/0/result")
        ]

    def said(self, topic: str, payload: bytes, since: int) -> list[int]:
        """At which places of all that was heard since then a payload stands."""
        return [
            place
            for place, message in enumerate(self.peer.heard[since:])
            if message.topic == topic and message.payload == payload
        ]


@pytest.fixture(scope="module")
def calm(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: Path
) -> Iterator[tuple[Cluster, Seen]]:
    """A cluster of three with nine hosts, which tests share and leave as it was."""
    with running(tmp_path_factory.mktemp("calm"), postgres_cluster, 9) as found:
        yield found
        found[0].stop()


@contextmanager
def running(
    directory: Path, postgres_cluster: Path, hosts: int, **values: Any
) -> Iterator[tuple[Cluster, Seen]]:
    """A cluster of which everything is there, and who listens."""
    with Cluster(directory, postgres_cluster, hosts, **values) as cluster:
        cluster.add_devices(1)
        with Peer(cluster.broker.port, *EVERYTHING) as peer:
            seen = Seen(peer)
            cluster.start()
            share = hosts // len(NAMES)
            wait_until(lambda: seen.shares(cluster) == dict.fromkeys(NAMES, share), LONG, "shares")
            wait_until(lambda: all(map(seen.is_there, cluster.devices)), LONG, "and its devices")
            yield cluster, seen


Calm = tuple[Cluster, Seen]


@pytest.mark.postgres
def test_hosts_are_spread_evenly_over_instances_that_start_together(calm: Calm) -> None:
    cluster, seen = calm
    assert seen.shares(cluster) == {"one": 3, "two": 3, "three": 3}
    cluster.wait_served(LONG)
    assert cluster.overlaps() == []


@pytest.mark.postgres
def test_what_an_instance_says_of_itself_is_below_its_name(calm: Calm) -> None:
    cluster, seen = calm
    own = {
        topic.split("/")[2]
        for topic, payload in seen.peer.values.items()
        if topic.startswith("shelly/bridge/") and payload
    }
    assert own == set(NAMES)
    for name in NAMES:
        assert seen.peer.values[f"shelly/bridge/{name}/state"] == b"online"
        info = seen.document(f"shelly/bridge/{name}/info")
        assert info["cluster"] == {"instance": name, "hosts": [], "shared": True}
    for host, (owner,) in seen.owners(cluster.hosts).items():
        document = seen.document(f"shelly/bridge/{owner}/hosts/{host}")
        assert document["owned_since"]


@pytest.mark.postgres
def test_a_command_has_one_result_by_one_of_them(calm: Calm) -> None:
    cluster, seen = calm
    for number, device in enumerate(cluster.devices):
        body = json.dumps({"id": f"one {number}", "state": "ON"})
        seen.peer.publish(f"shelly/{device.hex_id}/relay/0/set", body)
    wait_until(
        lambda: all(
            any(each["stage"] == "confirmed" for each in seen.results(device))
            for device in cluster.devices
        ),
        LONG,
        "each is answered",
    )
    # Whoever has answered this has taken every command before.
    answers = [f"shelly/bridge/{name}/response/health_check" for name in NAMES]
    for name in NAMES:
        seen.peer.publish(f"shelly/bridge/{name}/request/health_check", "{}")
    wait_until(lambda: all(seen.peer.payloads(answer) for answer in answers), LONG)
    for device in cluster.devices:
        finals = [each for each in seen.results(device) if each["stage"] != "accepted"]
        assert len(finals) == 1
        assert len(device.received) == 1


@pytest.mark.postgres
def test_a_consent_that_any_of_them_took_is_served_by_the_owner(calm: Calm) -> None:
    cluster, seen = calm
    (host,) = cluster.hosts[:1]
    (owner,) = seen.owners(cluster.hosts)[host]
    for name in NAMES:
        device = cluster.world.add_device(MODEL, host, granted=False)
        callback = cluster.callback(name)
        assert cluster.world.grant_by_callback(device, callback).status == 200
        answered = time.monotonic()
        wait_until(lambda device=device: seen.is_there(device), LONG)  # type: ignore[misc]  # mypy and lambda defaults
        show(f"by {name}, owner {owner}: {time.monotonic() - answered:.2f} s")
        assert time.monotonic() - answered <= CONSENT
        assert device.hex_id in cluster.stored()
        # Within one second the proof of a withdrawal would be that of the consent.
        next_second = int(time.time()) + 1
        wait_until(lambda end=next_second: time.time() >= end)  # type: ignore[misc]  # mypy and lambda defaults
        assert cluster.world.revoke_by_callback(device, callback).status == 200
        prefix = f"shelly/{device.hex_id}/"
        wait_until(
            lambda prefix=prefix: (
                not any(  # type: ignore[misc]  # mypy and lambda defaults
                    payload
                    for topic, payload in list(seen.peer.values.items())
                    if topic.startswith(prefix) and not topic.endswith(("/result", "/event"))
                )
            ),
            LONG,
            "nothing is left of it",
        )


@pytest.mark.postgres
def test_a_second_instance_of_the_same_name_does_not_start(calm: Calm, tmp_path: Path) -> None:
    cluster, _ = calm
    second = cluster.another(NAMES[0], tmp_path)
    with second:
        assert second.running.wait(LONG) not in (0, None)
    assert f"another instance is called {NAMES[0]}" in second.log
    assert "Traceback" not in second.log
    assert cluster.instances[NAMES[0]].lives


@pytest.mark.postgres
def test_others_serve_what_a_killed_instance_had_and_home_assistant_follows(
    tmp_path: Path, postgres_cluster: Path
) -> None:
    with running(tmp_path, postgres_cluster, 6) as (cluster, seen):
        before = {host: names[0] for host, names in seen.owners(cluster.hosts).items()}
        for device in cluster.devices:
            wait_until(lambda device=device: seen.follows(device, before[device.host]), LONG)  # type: ignore[misc]  # mypy and lambda defaults
        heard = len(seen.peer.heard)
        cluster.instances["one"].kill()
        killed = time.monotonic()
        cluster.wait_served(LONG)
        show(f"all hosts are served {cluster.took(killed):.1f} s after the kill")
        assert cluster.took(killed) <= SERVED
        after = seen.new_owners(cluster.hosts, "two", "three")
        assert {host for host in cluster.hosts if before[host] != after[host]} == {
            host for host in cluster.hosts if before[host] == "one"
        }
        for device in cluster.devices:
            wait_until(lambda device=device: seen.follows(device, after[device.host]), LONG)  # type: ignore[misc]  # mypy and lambda defaults
            assert seen.said(f"shelly/{device.hex_id}/availability", b"offline", heard) == []
        assert seen.peer.values["shelly/bridge/one/state"] == b"offline"
        # It comes back to its share.
        cluster.instances["one"].start()
        wait_until(lambda: set(seen.shares(cluster).values()) == {2}, LONG, "two hosts each")
        cluster.wait_served(LONG)
        assert cluster.overlaps() == []
        cluster.stop()


@pytest.mark.postgres
def test_a_stop_hands_over_and_calls_no_device_offline(
    tmp_path: Path, postgres_cluster: Path
) -> None:
    with running(tmp_path, postgres_cluster, 6) as (cluster, seen):
        heard = len(seen.peer.heard)
        one = cluster.instances["one"]
        one.running.send_signal(signal.SIGTERM)
        assert one.running.wait(15) == 0
        stopped = time.monotonic()
        cluster.wait_served(LONG)
        show(f"all hosts are served {cluster.took(stopped):.1f} s after the stop")
        assert cluster.took(stopped) <= SERVED
        seen.new_owners(cluster.hosts, "two", "three")
        for device in cluster.devices:
            assert seen.said(f"shelly/{device.hex_id}/availability", b"offline", heard) == []
            assert seen.is_there(device)
        for host in cluster.hosts:
            assert seen.document(f"shelly/bridge/one/hosts/{host}") is None
        assert seen.peer.values["shelly/bridge/one/state"] == b"offline"
        assert cluster.overlaps() == []
        cluster.stop()


@pytest.mark.postgres
def test_keep_leaves_connections_alone_while_the_registry_is_away(
    tmp_path: Path, postgres_cluster: Path
) -> None:
    with running(tmp_path, postgres_cluster, 6, cluster__on_registry_loss="keep") as (
        cluster,
        seen,
    ):
        cluster.wait_served(LONG)
        before = cluster.spans()
        cluster.postgres.stop()
        device = cluster.devices[0]
        seen.peer.publish(f"shelly/{device.hex_id}/relay/0/set", "ON")
        wait_until(lambda: seen.results(device), LONG, "it still works")
        cluster.postgres.start()
        granted = cluster.world.add_device(MODEL, cluster.hosts[0], granted=False)
        wait_until(
            lambda: cluster.world.grant_by_callback(granted, cluster.callback()).status == 200, LONG
        )
        wait_until(lambda: seen.is_there(granted), LONG, "the registry is followed again")
        assert cluster.spans() == before
        cluster.stop()


def account_values(cluster: Cluster, directory: Path) -> dict[str, str]:
    """What the configuration says of an account that logs in by itself."""
    password = directory / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    world = cluster.world
    values = {
        "ca_file": str(world.ca_file),
        "login_page": world.login_url,
        "api_url": world.api_url,
        "wss_port": str(world.port),
        "email": EMAIL,
        "password_file": str(password),
    }
    return {f"accounts__home__{key}": value for key, value in values.items()}


@pytest.mark.postgres
def test_a_consent_and_an_account_at_two_instances_carry_a_command_out_once(
    tmp_path: Path, postgres_cluster: Path
) -> None:
    with Cluster(tmp_path, postgres_cluster, 1, names=("host",)) as cluster:
        world = cluster.world
        account = world.add_account(EMAIL, PASSWORD)
        # The second one shows when the account is served.
        both = world.add_device(MODEL, account=account, granted=True)
        other = world.add_device(MODEL, account=account)
        cluster.devices.append(both)
        relay, before = f"shelly/{both.hex_id}/relay/0", 0

        def toggles(times: int) -> None:
            """Toggle, once what was before is known, and see that nobody does so besides."""
            nonlocal before
            for number in range(before, before + times):
                state = seen.document(relay)["state"]
                body = json.dumps({"id": number, "state": "TOGGLE"})
                peer.publish(f"{relay}/set", body)
                wait_until(
                    lambda state=state: seen.document(relay)["state"] != state,  # type: ignore[misc]  # mypy and lambda defaults
                    LONG,
                    "the other state",
                )
                settled(number)
            before += times
            assert len(both.received) == before
            assert [each.refusal for each in both.received] == [None] * before

        def settled(number: int) -> None:
            """Whoever has answered this has taken the command before."""
            for instance in cluster.living():
                name = instance.name
                answer = f"shelly/bridge/{name}/response/health_check"
                heard = len(peer.payloads(answer))
                peer.publish(f"shelly/bridge/{name}/request/health_check", "{}")
                wait_until(lambda at=answer, heard=heard: len(peer.payloads(at)) > heard, LONG)  # type: ignore[misc]  # mypy and lambda defaults
            wait_until(lambda: final(number), LONG, "a final result")
            assert len(final(number)) == 1

        def final(number: int) -> list[dict[str, Any]]:
            found = [each for each in seen.results(both) if each["id"] == number]
            return [each for each in found if each["stage"] != "accepted"]

        with Peer(cluster.broker.port, *EVERYTHING) as peer:
            seen = Seen(peer)
            cluster.start()
            wait_until(lambda: seen.is_there(both), LONG, "it comes by its consent")
            second = cluster.another("account", tmp_path, **account_values(cluster, tmp_path))
            with second:
                cluster.instances["account"] = second
                wait_until(lambda: seen.is_there(other), LONG, "the account is served")
                toggles(3)
                wait_until(lambda: seen.follows(both, "host"), LONG, "the host's owner tells of it")
                wait_until(lambda: seen.follows(other, "account"), LONG, "and not of the other")
                heard = len(peer.heard)
                cluster.instances["host"].kill()
                killed = time.monotonic()
                wait_until(lambda: seen.follows(both, "account"), LONG, "the other one has both")
                show(f"has both {time.monotonic() - killed:.1f} s after the kill")
                assert seen.said(f"shelly/{both.hex_id}/availability", b"offline", heard) == []
                info = f"shelly/{both.hex_id}/info"
                wait_until(lambda: len(seen.document(info)["sources"]) == 2, LONG, "both ways")
                toggles(3)
                world.revoke_by_callback(both, cluster.callback("account"))
                wait_until(
                    lambda: len(seen.document(info)["sources"]) == 1, LONG, "one way is left"
                )
                toggles(1)
                assert second.terminate() == 0
                assert "bad input" not in second.log


def shard(
    world: World, broker: MosquittoProcess, directory: Path, name: str, host: str
) -> BridgeProcess:
    """A bridge with a registry of its own, that may own one host."""
    directory = directory / name
    directory.mkdir(mode=0o700)
    # Each knows all consents: what it may own is decided by the pattern alone.
    store_grants(directory, world.devices)
    values: dict[str, Any] = {"cluster__instance": name, "cluster__hosts": host}
    return BridgeProcess(write_config(world, broker.port, directory, **values))


def test_shards_without_a_registry_own_their_patterns_for_good(tmp_path: Path) -> None:
    east, west, nobody = (
        f"shelly-{number}-{side}.shelly.cloud"
        for number, side in ((1, "east"), (2, "west"), (3, "north"))
    )
    with World([east, west, nobody]) as world, MosquittoProcess() as broker:
        lamps = {host: world.add_device(MODEL, host) for host in (east, west, nobody)}
        with (
            Peer(broker.port, *EVERYTHING) as peer,
            shard(world, broker, tmp_path, "east", east) as first,
            shard(world, broker, tmp_path, "west", west) as second,
        ):
            seen = Seen(peer)
            for host in (east, west):
                wait_until(lambda host=host: seen.is_there(lamps[host]), LONG)  # type: ignore[misc]  # mypy and lambda defaults
            assert seen.owners([east, west], ("east", "west")) == {east: ["east"], west: ["west"]}
            wait_until(
                lambda: seen.document("shelly/bridge/west/info"), LONG, "it introduces itself"
            )
            info = seen.document("shelly/bridge/west/info")
            assert info["cluster"] == {
                "instance": "west",
                "hosts": [west],
                "shared": False,
            }
            for lamp in lamps.values():
                peer.publish(f"shelly/{lamp.hex_id}/relay/0/set", '{"id": "once", "state": "ON"}')
            for host in (east, west):
                wait_until(
                    lambda host=host: any(  # type: ignore[misc]  # mypy and lambda defaults
                        each["stage"] == "confirmed" for each in seen.results(lamps[host])
                    ),
                    LONG,
                )
            reported = f"shelly/bridge/east/hosts/{nobody}"
            wait_until(lambda: seen.document(reported), LONG, "nobody's host is reported")
            assert seen.document(reported)["state"] == "disabled"
            assert seen.document(reported)["error"] == "in no instance's cluster.hosts"
            events = [json.loads(text) for text in peer.payloads("shelly/bridge/east/event")]
            assert [event["host"] for event in events if event["type"] == "host_unowned"] == [
                nobody
            ]
            assert len([e for e in seen.results(lamps[east]) if e["stage"] != "accepted"]) == 1
            assert len([e for e in seen.results(lamps[west]) if e["stage"] != "accepted"]) == 1
            assert seen.results(lamps[nobody]) == []
            assert [len(host.counters.opened) for host in world.hosts] == [1, 1, 0]
            assert first.terminate() == 0
            assert second.terminate() == 0
            assert first.log.count(nobody) == 1
            assert "bad input" not in first.log
