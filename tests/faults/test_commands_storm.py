"""Many commands while answers get lost, cloud connections are cut and the broker dies.

Each command that reaches the bridge has one final result, none is carried out twice or late, and
what the broker keeps for us is never carried out at all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.faults import CommandFault
from bridge.simulator.world import World
from tests.brokers import wait_until
from tests.faults.broker import FaultBroker
from tests.faults.cloud_rig import names
from tests.faults.judge import Judge
from tests.faults.scale import scaled, show
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config

RELAY = "SNSW-001P16EU"
HOSTS = names(4)
COMMANDS = int(scaled(300, 10_000))
RATE = scaled(50.0, 40.0)
CLOUD_KILLS = int(scaled(4, 50))
BROKER_KILLS = int(scaled(2, 20))
TIME_TO_LIVE = scaled(2.0, 10.0)
NEW_STATE = scaled(1.0, 5.0)
SETTLED = 2 * TIME_TO_LIVE + NEW_STATE + 3
"""A command has its final result by then (s): its turn, its answer and the new state have a limit
each."""
BUSY = 10.0
"""What a busy machine may need besides (s)."""
DEVICES = 40
LOSES_ANSWERS = 20
"""Each of so many devices never answers: 5 %."""
IN_FLIGHT = 20
"""Results that a dying broker can take with it: unacknowledged ones are not sent again."""


class Storm:
    """The broker, the world and the commands; the bridge is a process."""

    def __init__(self, world: World, broker: FaultBroker, devices: list[Device]) -> None:
        self.world = world
        self.broker = broker
        self.devices = devices
        self.judge = Judge()
        self.sent: dict[str, float] = {}
        self.killed: list[float] = []
        self._hosts = cycle(world.hosts)

    def online(self) -> bool:
        """Whether the bridge is with the broker and hears commands."""
        return any(name.startswith("shelly-bridge") for name in self.broker.clients) and (
            self.broker.retained.get("shelly/bridge/state") == b"online"
        )

    def command(self, number: int, device: Device) -> None:
        """Publish one, of which its time tells it from all others at the device."""
        name = f"command {number}"
        timer = 10_000 + number
        self.judge.ordered(name, timer, TIME_TO_LIVE)
        self.sent[name] = time.monotonic()
        state = "TOGGLE" if number % 2 else "ON"
        body = json.dumps({"id": name, "state": state, "timer": timer})
        self.broker.publish(f"shelly/{device.hex_id}/relay/0/set", body.encode())

    def kill_cloud(self) -> None:
        """Cut the connection to one host."""
        next(self._hosts).drop()

    def kill_broker(self, stored: str) -> None:
        """The broker dies; when it is back it keeps a command."""
        self.killed.append(time.monotonic())
        self.broker.stop()
        self.broker.refuse = True
        self.broker.start()
        self.broker.publish(stored, b"TOGGLE", retain=True)
        self.broker.refuse = False
        wait_until(self.online, 30, "the bridge is back")

    def answered(self) -> int:
        """How many final results the bridge has sent."""
        finals = {
            result["id"]
            for _, entry in self.broker.log
            if entry.direction == "in" and entry.topic.endswith("/result")
            if (result := json.loads(entry.payload))["stage"] != "accepted"
        }
        # What the broker keeps has no id.
        return len(finals - {None})


def due(count: int, of: int) -> set[int]:
    """At which of so many commands something happens so often, evenly."""
    return {round((number + 0.5) * of / count) for number in range(count)}


@contextmanager
def storm(directory: Path) -> Iterator[Storm]:
    """Everything, and the bridge with all devices online."""
    with World(HOSTS) as world, FaultBroker() as broker:
        devices = [world.add_device(RELAY, HOSTS[number % 4]) for number in range(DEVICES + 1)]
        for device in devices[::LOSES_ANSWERS]:
            device.command_fault = CommandFault.LOSE_ANSWER
        store_grants(directory, devices)
        config = write_config(
            world,
            broker.port,
            directory,
            mqtt__protocol="3.1.1",
            commands__timeout=str(TIME_TO_LIVE),
            commands__confirm_timeout=str(NEW_STATE),
            reconnect__longest="2",
        )
        with BridgeProcess(config) as bridge:
            made = Storm(world, broker, devices)
            topics = {f"shelly/{device.hex_id}/relay/0" for device in devices}
            wait_until(lambda: topics <= broker.retained.keys(), 30, "all devices are there")
            yield made
            assert bridge.terminate() == 0
            assert "CRITICAL" not in bridge.log


@pytest.mark.timeout(COMMANDS / RATE * 3 + 120)
def test_a_storm_of_commands_has_one_result_each_and_nothing_twice_or_late(tmp_path: Path) -> None:
    with storm(tmp_path) as running:
        untouched, *devices = running.devices
        stored = f"shelly/{untouched.hex_id}/relay/0/set"
        cloud, broker = due(CLOUD_KILLS, COMMANDS), due(BROKER_KILLS, COMMANDS)
        following = time.monotonic()
        for number in range(COMMANDS):
            following = max(following + 1 / RATE, time.monotonic() - 1)
            time.sleep(max(0.0, following - time.monotonic()))
            running.command(number, devices[number % len(devices)])
            if number in cloud:
                running.kill_cloud()
            if number in broker:
                running.kill_broker(stored)
        last = time.monotonic()
        wait_until(
            lambda: running.answered() == COMMANDS or time.monotonic() > last + SETTLED + BUSY,
            SETTLED + 2 * BUSY,
        )
        judge = running.judge
        own = f"shelly/{untouched.hex_id}/"
        entries = (entry for _, entry in running.broker.log if not entry.topic.startswith(own))
        judge.wire(entries, bridge_id(running.broker))
        for device in devices:
            judge.carried_out(device)
        missing = judge.without_result()
        show(f"{COMMANDS} commands: {dict(judge.statuses())}, {len(missing)} without a result")
        assert judge.verdict(results_since=time.monotonic()) == {}
        assert untouched.received == ()
        assert judge.statuses()["ok"] >= COMMANDS / 2
        for name in missing:
            at = running.sent[name]
            assert any(at - 0.5 <= killed <= at + SETTLED for killed in running.killed), name
        assert len(missing) <= IN_FLIGHT * BROKER_KILLS


def bridge_id(broker: FaultBroker) -> str:
    """The bridge's name at the broker."""
    return next(name for name in broker.clients if name.startswith("shelly-bridge"))
