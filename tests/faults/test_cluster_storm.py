"""Three bridges share the hosts by one registry, while they, their network and it are disturbed.

At random, and one at a time, until everything has healed: processes are killed, or stopped for a
while or until their manager kills them, one of them loses its network in silence, and PostgreSQL
is restarted or dies. Events, commands and consents go on all the while.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.brokers import wait_until
from tests.faults.broker_rig import EVERYTHING, Commander, retained_topics
from tests.faults.cable import laid
from tests.faults.cluster_rig import Cluster, Instance, availability, end_by_watchdog
from tests.faults.consents import Owner
from tests.faults.judge import Judge, Listener, wrong_states
from tests.faults.scale import LONG, scaled, seed, show

HOSTS = int(scaled(12, 100))
DEVICES = int(scaled(2, 3))
"""At each host."""
EVENTS = scaled(40, 150)
"""A second, of all devices together."""
SECONDS = scaled(30, 1_200)
"""For which something goes wrong."""
SERVED = 15.0
"""Seconds after a kill within which every host is served again."""
HEALED = scaled(45, 150)
"""Seconds after which a test gives up waiting for that, or after anything else: hosts go one by one
to an instance that comes back, and are served by nobody for some seconds meanwhile."""
WATCHDOG = scaled(7, 60)
"""Seconds that a manager waits for a sign of life."""
SETTLED = 30.0
"""Seconds for everything that follows from the last change to be told."""
MARGIN = 1.5
"""Seconds around the beginning and the end of a connection in which a command may get lost."""
UNHEARD = 15.0
"""A bridge and PostgreSQL have given each other up within so many seconds."""

pause = threading.Event()
"""Never set: waiting for it is letting time pass."""


class Fault(NamedTuple):
    """What went wrong; times are monotonic s."""

    name: str
    begin: float
    end: float
    """When all was served again."""


class Script:
    """Random faults, one at a time."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self._cluster = cluster
        self._chance = chance
        self.faults: list[Fault] = []
        self.slowest: dict[str, float] = {}
        """How long (s) it took at most to serve every host again, after each kind of fault."""
        self._kinds: dict[str, Callable[[], float]] = {
            "kill": self._kill,
            "kill two": self._kill_two,
            "stop until killed": self._watchdog,
            "stop": self._stop,
            "restart PostgreSQL": self._restart,
            "kill PostgreSQL": self._kill_postgres,
        }
        if cluster.cable is not None:
            self._kinds["cut"] = self._cut

    def run(self, seconds: float) -> None:
        """All kinds in random order, again and again; a kill comes first."""
        end = time.monotonic() + seconds
        kinds = ["kill"]
        while time.monotonic() < end:
            if not kinds:
                kinds = self._chance.sample(list(self._kinds), len(self._kinds))
            name = kinds.pop()
            began = time.monotonic()
            show(f"{len(self.faults)}: {name}")
            since = self._kinds[name]()
            self._heal(name, began, since)
            pause.wait(self._chance.uniform(0.5, 3))

    def _heal(self, name: str, began: float, since: float) -> None:
        self._cluster.wait_served(HEALED)
        took = self._cluster.took(since)
        self.slowest[name] = max(took, self.slowest.get(name, 0.0))
        show(f"  all is served {took:.1f} s later")
        self.faults.append(Fault(name, began, time.monotonic()))

    # Each gives the moment from which on everything should heal.

    def _kill(self, count: int = 1) -> float:
        victims = self._victims(count)
        for victim in victims:
            victim.kill()
        killed = time.monotonic()
        # Half the time the others have to do it.
        if self._chance.random() < 0.5:
            self._cluster.wait_served(HEALED)
        for victim in victims:
            victim.start()
        return killed

    def _victims(self, count: int) -> list[Instance]:
        """Some that have hosts, and others only if those are too few."""
        having = self._cluster.owners()
        instances = list(self._cluster.instances.values())
        self._chance.shuffle(instances)
        return sorted(instances, key=lambda one: not having[one.name])[:count]

    def _kill_two(self) -> float:
        return self._kill(2)

    def _watchdog(self) -> float:
        (victim,) = self._victims(1)
        end_by_watchdog(victim, WATCHDOG)
        killed = time.monotonic()
        victim.start()
        return killed

    def _stop(self) -> float:
        """For less long, or longer, than a bridge is sure of its hosts."""
        (victim,) = self._victims(1)
        victim.freeze()
        low, high = self._chance.choice([(0.2, 3.0), (5.5, 7.5)])
        pause.wait(self._chance.uniform(low, high))
        victim.thaw()
        return time.monotonic()

    def _cut(self) -> float:
        """For less long, or longer, than it takes others to have its hosts."""
        cluster = self._cluster
        assert cluster.cable is not None
        began = time.monotonic()
        cluster.far.hidden = True
        cluster.cable.lose(True)
        low, high = self._chance.choice([(0.5, 4.0), (UNHEARD, UNHEARD + scaled(2, 30))])
        pause.wait(self._chance.uniform(low, high))
        cluster.cable.lose(False)
        cluster.far.hidden = False
        return began + UNHEARD if low == UNHEARD else time.monotonic()

    def _restart(self) -> float:
        self._cluster.postgres.stop()
        pause.wait(self._chance.uniform(0, 3))
        self._cluster.postgres.start()
        return time.monotonic()

    def _kill_postgres(self) -> float:
        self._cluster.postgres.kill()
        pause.wait(self._chance.uniform(0, scaled(3, 20)))
        self._cluster.postgres.start()
        return time.monotonic()

    def unheard(self, at: float) -> bool:
        """Whether whoever had a host at that time may have been unable to hear or to answer."""
        return any(
            fault.begin - MARGIN <= at <= fault.end + MARGIN
            for fault in self.faults
            if fault.name in ("cut", "stop", "stop until killed")
        )


def unanswered(cluster: Cluster, script: Script, judge: Judge) -> list[str]:
    """Commands without a result although their host was served then, and not just since or only
    for a moment more: while a host has no owner nobody is there to answer."""
    spans = cluster.spans()
    missing = []
    for name in judge.without_result():
        at = judge.orders[name].at
        # As `Commander` goes round.
        device = cluster.devices[int(name.rpartition("-")[2]) % len(cluster.devices)]
        served = any(
            span.host == device.host and span.opened + MARGIN <= at <= span.closed - MARGIN
            for span in spans
        )
        if served and not script.unheard(at):
            missing.append(f"{name} at {device.host}")
    return missing


def complete(cluster: Cluster, listener: Listener) -> bool:
    """Whether a listener has heard that all are there, and of each device's relay."""
    values = listener.values
    states = {values.get(f"shelly/bridge/{name}/state") for name in cluster.instances}
    return states == {b"online"} and all(
        f"shelly/{device.hex_id}/relay/0" in values
        and values.get(f"shelly/{device.hex_id}/availability") == b"online"
        for device in cluster.devices
    )


def misled(cluster: Cluster, kept: dict[str, bytes]) -> dict[str, Any]:
    """Hosts that not exactly one instance calls its own and connected, and devices that Home
    Assistant does not take from the owner of their host."""
    owners: dict[str, list[str]] = {host: [] for host in cluster.hosts}
    for name in cluster.instances:
        for host in cluster.hosts:
            document = kept.get(f"shelly/bridge/{name}/hosts/{host}")
            if document and json.loads(document)["state"] == "connected":
                owners[host].append(json.loads(document)["owner"])
    wrong: dict[str, Any] = {host: names for host, names in owners.items() if len(names) != 1}
    for device in cluster.devices:
        names = availability(kept.get(f"homeassistant/device/{device.hex_id}/config"))
        if not {f"shelly/bridge/{name}/state" for name in owners[device.host]} <= names:
            wrong[device.hex_id] = (owners[device.host], names)
    return wrong


def history(ear: Listener, name: str) -> str:
    """What was said of a host, or to Home Assistant of a device, each time with its seconds."""
    return "".join(
        f"\n{each.at - ear.heard[0].at:.1f} {each.topic} {each.payload[:200]!r}"
        for each in ear.heard
        if name in each.topic and ("/hosts/" in each.topic or each.topic.endswith("/config"))
    )


def leftovers(owner: Owner, kept: dict[str, bytes]) -> dict[str, Any]:
    """Withdrawn devices of which something is kept, and granted ones of which nothing is."""
    known = {topic.split("/")[1] for topic in kept if topic.startswith("shelly/")}
    left = [device.hex_id for device in owner.withdrawn if device.hex_id in known]
    missing = [device.hex_id for device in owner.granted if device.hex_id not in known]
    return {name: found for name, found in (("left", left), ("missing", missing)) if found}


def settled(
    wrong: Callable[[dict[str, bytes]], dict[str, Any]], cluster: Cluster
) -> dict[str, bytes]:
    """What the broker keeps once nothing is wrong with it, or after a while in any case."""
    end = time.monotonic() + SETTLED
    while True:
        kept = retained_topics(cluster.broker.port, f"shelly/bridge/{cluster.far.name}/state")
        if not wrong(kept) or time.monotonic() > end:
            return kept


@pytest.mark.mosquitto
@pytest.mark.postgres
@pytest.mark.timeout(SECONDS * 2 + 300)
def test_random_faults_leave_each_host_one_owner(tmp_path: Path, postgres_cluster: Path) -> None:
    chance = random.Random(seed())  # noqa: S311 - repeatable, not secret
    judge = Judge()
    with ExitStack() as stack:
        cable = stack.enter_context(laid())
        show("with a network that can be cut" if cable else "without a network to cut")
        cluster = stack.enter_context(
            Cluster(tmp_path, postgres_cluster, HOSTS, cable=cable, cluster__max_hosts=str(HOSTS))
        )
        cluster.add_devices(DEVICES)
        ear = stack.enter_context(Listener(cluster.broker.port, *EVERYTHING, judge=judge))
        owner = Owner(cluster.world, cluster.callback, hosts=cluster.hosts, pause=0.2)
        cluster.start()
        cluster.wait_served(HEALED)
        wait_until(lambda: complete(cluster, ear), HEALED, "every device is there")
        load = cluster.world.run_load(EVENTS, devices=cluster.devices)
        script = Script(cluster, chance)
        with owner, Commander(cluster.broker.port, cluster.devices, judge) as commander:
            owner.wanted.set()
            script.run(SECONDS)
            commander.prove(HEALED)
            owner.wanted.clear()
        # From now on nothing is switched: an outlet that is counts by itself.
        assert load.stop()
        cluster.wait_served(HEALED)
        wait_until(lambda: not wrong_states(load, ear.values), 20, "the last values are heard")
        wait_until(lambda: complete(cluster, ear), 20, "every device is online")
        kept = settled(lambda kept: {**leftovers(owner, kept), **misled(cluster, kept)}, cluster)
        stored = cluster.stored()
        overlaps, silent = cluster.overlaps(), unanswered(cluster, script, judge)
        cluster.stop()
    for device in cluster.devices:
        judge.carried_out(device)
    show(f"{len(script.faults)} faults; served again (s): {script.slowest}")
    show(f"{judge.numbers} values, {commander.count} commands {judge.statuses()}")
    show(f"{owner.consents} consents, {len(judge.without_result())} commands without a result")
    assert overlaps == []
    for name in ("kill", "kill two", "stop until killed"):
        assert script.slowest.get(name, 0.0) <= SERVED, name
    assert judge.verdict(results_since=time.monotonic()) == {}
    assert silent == []
    assert wrong_states(load, kept) == []
    assert misled(cluster, kept) == {}, history(ear, next(iter(misled(cluster, kept))))
    assert owner.wrong(stored) == {}
    assert leftovers(owner, kept) == {}
    assert owner.consents >= (100 if LONG else 10)
