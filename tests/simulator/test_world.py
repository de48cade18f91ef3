"""The simulated world as a whole."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from bridge.core.hosts import HostRule
from bridge.errors import StartError
from bridge.simulator.clock import Clock
from bridge.simulator.devices.model import Options
from bridge.simulator.world import HOST, World
from tests.simulator.client import LIMIT, Client, token
from tests.simulator.conftest import HOSTS

PLUG = "SNSW-001P16EU"


def test_it_starts_at_once_and_leaves_no_thread_and_no_file() -> None:
    before = set(threading.enumerate())
    started = time.monotonic()
    with World() as world:
        directory = world.directory
        with Client(world), socket.create_connection(("127.0.0.1", world.port), LIMIT):
            assert world.port > 0
            assert set(threading.enumerate()) > before
            world.stop()
        world.stop()
    assert set(threading.enumerate()) == before
    assert not directory.exists()
    assert time.monotonic() - started < LIMIT


def test_a_chosen_directory_stays(tmp_path: Path) -> None:
    with World(directory=tmp_path) as world:
        assert world.ca_file.parent == tmp_path
    assert {path.name for path in tmp_path.iterdir()} == {
        *("ca.pem", "server.pem", "trust-key.pem"),
    }


def test_a_port_that_is_taken_is_said_clearly(world: World) -> None:
    other = World(port=world.port)
    with pytest.raises(StartError, match=f"127.0.0.1:{world.port}: .*; choose another port"):
        other.start()
    other.stop()


def test_it_goes_down_and_comes_back_as_it_was(world: World) -> None:
    device = world.add_device(PLUG)
    port = world.port
    with Client(world) as client:
        world.go_down()
        assert client.closed() is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), LIMIT).close()
    device.change(0, on=True)
    world.start()
    assert world.port == port
    with Client(world) as client:
        assert client.verify(device)["deviceStatus"]["switch:0"]["output"] is True
        device.change(0, on=False)
        assert client.status()["switch:0"]["output"] is False


def test_names_lead_to_this_machine_only_through_the_resolver(world: World) -> None:
    assert world.resolver(HOSTS[1], 6113) == ("127.0.0.1", world.port)
    assert world.resolver("elsewhere.example", 443) == ("elsewhere.example", 443)
    assert world.host().name == HOSTS[0]
    assert world.host(HOSTS[1]).name == HOSTS[1]
    assert [host.name for host in world.hosts] == list(HOSTS)


def test_the_bridge_accepts_the_names_of_the_hosts(world: World) -> None:
    rule = HostRule(world.allowed_hosts)
    assert all(rule.accepts(name) for name in HOSTS)
    assert HostRule(["*.shelly.cloud"]).accepts(HOST)


def test_the_api_is_found_without_a_resolver(world: World) -> None:
    assert world.api_url == f"https://localhost:{world.port}"
    assert token(world)[0] == 200


def test_secrets_are_known(world: World) -> None:
    assert world.token in world.secrets
    assert len(world.secrets) > 5


def test_time_passes_only_when_told(world: World) -> None:
    device = world.add_device("SNSW-102P16EU:cover", options=Options(travel=10.0))
    with Client(world) as client:
        client.command(device, "roller", go="close")
        before = world.now()
        world.advance(4.0)
        assert world.now() == before + 4
        assert device.status()["cover:0"]["state"] == "closing"
        assert 50 <= device.status()["cover:0"]["current_pos"] <= 70
        world.advance(10.0)
        assert device.status()["cover:0"]["state"] == "closed"


def test_time_passes_by_itself_with_the_machine_s_clock() -> None:
    with World() as world:
        device = world.add_device(PLUG)
        with Client(world) as client:
            client.command(device, "relay", turn="on", timeout=1)
            assert client.status()["switch:0"]["output"] is True
            assert client.status()["switch:0"]["output"] is False


def test_a_clock_that_stands_still_can_be_moved() -> None:
    clock = Clock(1000.0)
    assert clock.now() == 1000
    clock.skip(5)
    assert clock.now() == 1005
    assert abs(Clock().now() - time.time()) < LIMIT


def test_messages_come_in_the_order_of_what_happened(world: World) -> None:
    devices = [world.add_device(PLUG) for _ in range(4)]

    def change(device_number: int) -> None:
        device = devices[device_number]
        for count in range(1, 101):
            device.change(0, energy=float(count))

    with Client(world) as client:
        threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        seen: dict[str, list[float]] = {device.id: [] for device in devices}
        for _ in range(400):
            message = client.next()
            seen[message["deviceId"]].append(message["status"]["switch:0"]["aenergy"]["total"])
        for thread in threads:
            thread.join()
    assert all(numbers == list(range(1, 101)) for numbers in seen.values())


def test_waiting_has_an_end(world: World) -> None:
    started = time.monotonic()
    assert not world.wait_for(lambda: False, 0.1)
    assert 0.1 <= time.monotonic() - started < LIMIT
    assert world.wait_for(lambda: True, 0)


def test_waiting_ends_as_soon_as_it_is_true(world: World) -> None:
    device = world.add_device(PLUG)

    def act() -> None:
        with Client(world) as client:
            client.command(device, "relay", turn="on")

    thread = threading.Thread(target=act)
    thread.start()
    assert world.wait_for(lambda: device.received, LIMIT)
    thread.join()
    assert device.received[0].cmd == "relay"


def test_devices_are_told_apart(world: World) -> None:
    first = world.add_device(PLUG, name="Boiler", hex_id="0000a1")
    assert (first.hex_id, first.id, first.names) == ("0000a1", "161", ["Boiler"])
    with pytest.raises(ValueError, match="0000a1 already"):
        world.add_device(PLUG, hex_id="0000a1")
    with pytest.raises(KeyError):
        world.add_device(PLUG, "unknown.host")
    with pytest.raises(ValueError, match="no model"):
        world.add_device("UNKNOWN")
    assert world.devices == [first]


def test_a_mistake_of_the_simulator_s_own_is_not_hidden(world: World) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    other = World().start()
    other.soon(fail)
    with pytest.raises(ZeroDivisionError):
        other.stop()
    other.stop()
    assert world.wait_for(lambda: True)
