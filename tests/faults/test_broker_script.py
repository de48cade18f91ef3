"""Faults at random moments, numbered values, one judge; and the order of the wire itself."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.simulator.devices.base import Device
from bridge.simulator.devices.things import Outlet
from tests.brokers import MosquittoProcess, wait_until
from tests.faults.broker import FaultBroker
from tests.faults.broker_rig import (
    EVENTS,
    EVERYTHING,
    Commander,
    running,
    wait_complete,
    wait_kept,
)
from tests.faults.judge import Judge, Listener, counted_energy, wrong_states
from tests.faults.proxy import Proxy, Towards
from tests.faults.scale import scaled, seed, show

DEVICES = 30
KEEPALIVE = 2
HEALED = 30.0
"""Seconds after the last fault, on a busy machine."""
IN_FLIGHT = 17
"""Devices whose old values are all unacknowledged at once; the window is 20."""

pause = threading.Event()
"""Never set: waiting for it is letting time pass."""


class Script:
    """Faults between the bridge and a real broker, each over after at most a second or so."""

    def __init__(
        self, broker: MosquittoProcess, proxy: Proxy, judge: Judge, chance: random.Random
    ) -> None:
        self._broker = broker
        self._proxy = proxy
        self._judge = judge
        self._chance = chance
        self.hit = 0
        """Faults that hit while values were passing."""
        self.faults: dict[str, Callable[[], None]] = {
            "kill": self._kill,
            "stop": self._stop,
            "reset": proxy.cut,
            "withhold": self._withhold,
            "withhold and reset": self._withhold_and_reset,
            "refuse": self._refuse,
        }

    def run(self, moments: int) -> None:
        """So many faults, one at a time, some of them while the bridge connects again."""
        for moment in range(moments):
            if moment % 3 == 0:
                heard = self._judge.numbers
                wait_until(lambda heard=heard: self._judge.numbers > heard + DEVICES, 30, "values")  # type: ignore[misc]  # mypy and lambda defaults
                self.hit += 1
            pause.wait(self._chance.uniform(0, 0.6))
            name = self._chance.choice(list(self.faults))
            show(f"{moment}: {name}")
            self.faults[name]()

    def _kill(self) -> None:
        self._broker.kill()
        pause.wait(self._chance.uniform(0, 0.6))
        self._broker.start()

    def _stop(self) -> None:
        self._broker.freeze()
        pause.wait(self._chance.uniform(0, 1.0))
        self._broker.thaw()

    def _withhold(self) -> None:
        self._proxy.freeze([Towards.CLIENT])
        pause.wait(self._chance.uniform(0, 0.8))
        self._proxy.heal()

    def _withhold_and_reset(self) -> None:
        self._proxy.swallow([Towards.CLIENT])
        pause.wait(self._chance.uniform(0, 0.4))
        self._proxy.cut()
        self._proxy.heal()

    def _refuse(self) -> None:
        self._proxy.refuse()
        self._proxy.cut()
        pause.wait(self._chance.uniform(0, 0.6))
        self._proxy.accept()


@pytest.mark.mosquitto
@pytest.mark.timeout(int(scaled(120, 1_200)))
def test_random_faults_move_nothing_backwards(tmp_path: Path) -> None:
    chance = random.Random(seed())  # noqa: S311 - repeatable, not secret
    judge = Judge()
    with (
        MosquittoProcess() as broker,
        Proxy(broker.port) as proxy,
        Listener(broker.port, *EVERYTHING, judge=judge) as ear,
        running(tmp_path, proxy.port, DEVICES, mqtt__keepalive=str(KEEPALIVE)) as system,
    ):
        wait_complete(system, ear)
        load = system.world.run_load(EVENTS)
        with Commander(broker.port, system.devices, judge) as commander:
            wait_until(lambda: judge.numbers > 4 * DEVICES, 30, "the load is heard")
            script = Script(broker, proxy, judge, chance)
            script.run(int(scaled(12, 200)))
            wait_until(
                lambda: ear.subscribed.is_set() and system.complete(ear), HEALED, "all is up"
            )
            served = commander.prove(HEALED)
        # From now on nothing is switched: an outlet that is counts by itself.
        assert load.stop()
        wait_until(lambda: not wrong_states(load, ear.values), HEALED, "the last values")
        wait_kept(load, broker.port)
        for device in system.devices:
            judge.carried_out(device)
        show(
            f"{judge.numbers} values, {ear.connections} connections of the listener, "
            f"{script.hit} hits, {commander.count} commands {judge.statuses()}"
        )
        assert script.hit
        assert judge.verdict(results_since=served) == {}


def say(devices: list[Device], number: int) -> None:
    """Let devices have counted so many Wh."""
    for device in devices:
        outlet = device.channels[0].thing
        assert isinstance(outlet, Outlet)
        with device.world.lock:
            outlet.counts = False
            outlet.energy = float(number)
            device.publish()


def test_an_old_value_on_its_way_never_follows_the_new_one(tmp_path: Path) -> None:
    """The broker takes `old`, hangs up without acknowledging it, and accepts again."""
    judge = Judge()
    rounds = int(scaled(3, 6))
    with FaultBroker() as broker, running(tmp_path, broker.port, IN_FLIGHT) as system:
        topics = [f"shelly/{device.hex_id}/relay/0" for device in system.devices]

        def kept(number: int) -> bool:
            return all(
                counted_energy(topic, broker.retained.get(topic, b"")) == number / 1000
                for topic in topics
            )

        wait_until(lambda: all(topic in broker.retained for topic in topics), 20)
        # What else is said at the start would take up the window.
        wait_until(lambda: broker.log[-1].at < time.monotonic() - 1.0, 30, "all is said")
        for old in range(1, 2 * rounds, 2):
            broker.withhold_puback = True
            say(system.devices, old)
            wait_until(lambda old=old: kept(old), 10, "the old values are taken")  # type: ignore[misc]  # mypy and lambda defaults
            if old % 4 == 1:
                # The new value waits behind the window, or while nobody is connected.
                say(system.devices, old + 1)
            broker.refuse = True
            broker.cut()
            broker.withhold_puback = False
            if old % 4 == 3:
                say(system.devices, old + 1)
            broker.refuse = False
            wait_until(lambda old=old: kept(old + 1), 20, "the new values are kept")  # type: ignore[misc]  # mypy and lambda defaults
        newest = [counted_energy(topic, broker.published(topic)[-1]) for topic in topics]
        clients = {entry.client_id for _, entry in broker.log}
        for client in clients:
            judge.wire([entry for _, entry in broker.log], client)
        assert newest == [2 * rounds / 1000] * IN_FLIGHT
        assert judge.numbers >= 2 * rounds * IN_FLIGHT
        assert judge.verdict() == {}
        assert not any(entry.duplicate for _, entry in broker.log)
