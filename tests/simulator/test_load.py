"""The load generator: numbered, ordered, and in step with what a device says when asked."""

from __future__ import annotations

import pytest

from bridge.simulator.load import Load
from bridge.simulator.world import World
from tests.simulator.client import LIMIT, Client
from tests.simulator.conftest import HOSTS

PLUG = "SNSW-001P16EU"


def sent(load: Load, count: int) -> bool:
    return load.sent >= count


def test_numbers_rise_one_by_one_and_the_device_agrees(world: World) -> None:
    devices = [world.add_device(PLUG), world.add_device("SHSW-PM")]
    with Client(world) as client:
        load = world.run_load(400, seconds=0.3)
        assert load.wait(LIMIT)
        world.emit(None, '{"event":"end"}')
        numbers: dict[str, list[float]] = {device.id: [] for device in devices}
        while (message := client.next())["event"] != "end":
            status = message["status"]
            if "switch:0" in status:
                number = status["switch:0"]["aenergy"]["total"]
                assert status["switch:0"]["apower"] == pytest.approx(number / 10)
                assert status["sys"]["mac"] == devices[0].hex_id.upper()
                assert status["ts"] == status["serial"]
            else:
                number = status["meters"][0]["total"] / 60
                assert status["meters"][0]["power"] == pytest.approx(number / 10)
            numbers[message["deviceId"]].append(number)
        for device in devices:
            last = load.number(device)
            assert last > 20
            assert numbers[device.id] == list(range(1, last + 1))
        assert client.verify(devices[0])["deviceStatus"]["switch:0"]["aenergy"]["total"] == (
            load.number(devices[0])
        )
        assert load.sent == sum(load.number(device) for device in devices)


def test_the_rate_is_kept(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        load = world.run_load(200, seconds=0.5)
        assert load.wait(LIMIT)
        assert client.status()
    assert 20 <= load.number(device) <= 101


def test_a_partial_load_carries_one_component(world: World) -> None:
    device = world.add_device("SNSW-102P16EU:switch")
    with Client(world) as client:
        load = world.run_load(100, whole=False)
        status = client.status()
        assert load.stop()
    assert status.keys() == {"switch:0", "id", "code", "ts", "serial"}
    assert load.number(device) >= 1


def test_a_command_in_between_shows_in_the_load(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        load = world.run_load(200)
        assert client.status()["switch:0"]["output"] is False
        assert client.command(device, "relay", turn="on")["isok"] is True
        seen = [client.status()["switch:0"] for _ in range(10)]
        assert load.stop()
    energies = [switch["aenergy"]["total"] for switch in seen if "aenergy" in switch]
    assert energies == sorted(energies)
    assert seen[-1]["output"] is True


def test_a_stamp_takes_the_place_of_the_power(world: World) -> None:
    world.add_device(PLUG)
    with Client(world) as client:
        load = world.run_load(100, stamp=True)
        first, second = (client.status()["switch:0"]["apower"] for _ in range(2))
        assert load.stop()
    assert 0 < (second - first) % 1_000_000 < 5000


def test_as_fast_as_it_is_taken_and_only_where_somebody_listens(world: World) -> None:
    heard, unheard = world.add_device(PLUG), world.add_device(PLUG, HOSTS[1])
    load = world.run_load(None)
    with Client(world) as client:
        for _ in range(3000):
            client.socket.recv()
        assert load.stop()
    assert load.sent >= 3000
    assert load.number(heard) == load.sent
    assert load.number(unheard) == 0


def test_a_reader_that_does_not_read_holds_the_load_back(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        load = world.run_load(None)
        assert world.wait_for(lambda: load.held_back > 0, LIMIT)
        assert load.stop()
        for number in range(1, load.number(device) + 1):
            assert client.status()["switch:0"]["aenergy"]["total"] == number
        assert client.quiet()
    assert world.host().counters.overruns == 0


def test_nobody_connected_and_devices_go_on(world: World) -> None:
    device = world.add_device(PLUG)
    load = world.run_load(500)
    assert world.wait_for(lambda: load.number(device) > 5, LIMIT)
    assert load.stop()
    assert load.sent == 0
    with Client(world) as client:
        status = client.verify(device)["deviceStatus"]
    assert status["switch:0"]["aenergy"]["total"] == load.number(device)


def test_devices_without_a_meter_cannot_take_part(world: World) -> None:
    world.add_device("SNSN-0024X")
    with pytest.raises(ValueError, match="none of the devices measures power"):
        world.run_load(10)
    plug = world.add_device(PLUG)
    load = world.run_load(10)
    assert load.devices == [plug]
    assert load.stop()


def test_a_load_ends_with_its_world() -> None:
    with World() as world:
        world.add_device(PLUG)
        load = world.run_load(100)
    assert load.wait(LIMIT)
