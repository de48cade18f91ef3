"""A broker that hangs up on what it is sent, and one that does not let the bridge in."""

from __future__ import annotations

import json
import threading
import time
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.world import World
from tests.brokers import MosquittoProcess, wait_until
from tests.faults.broker import FaultBroker
from tests.faults.broker_rig import EVENTS, METERED, running, wait_complete
from tests.faults.judge import Listener, wrong_states
from tests.faults.scale import scaled, show
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config

LIMIT = 10_000
"""Bytes that the broker takes; the list of all devices is longer."""
DEVICES = 20
TOO_LONG = "not published to 'shelly/bridge/devices'"
POISON = ("switch:0\0", "\0", "poison\0:0", "+:0", "#:0", "a/b:0")
GAP = 2.0
"""Seconds for which the others may be silent."""
LOGIN = {"bridge": "the right one"}


def healed(broker: FaultBroker) -> bool:
    """Whether the bridge is let in and says so."""
    return broker.retained.get("shelly/bridge/state") == b"online"


@pytest.mark.timeout(int(scaled(120, 900)))
def test_a_wrong_password_is_tried_seldom_and_told_once(tmp_path: Path) -> None:
    """Short: two attempts; long: ten minutes."""
    with FaultBroker(credentials=LOGIN) as broker, World() as world:
        store_grants(tmp_path, [world.add_device(METERED)])
        login: dict[str, Any] = {"mqtt__username": "bridge", "mqtt__password": "the wrong one"}
        with BridgeProcess(write_config(world, broker.port, tmp_path, **login)) as bridge:
            wait_until(lambda: "Not authorized" in bridge.log, 20, "it is refused")
            began, computed = time.monotonic(), bridge.processor_time
            threading.Event().wait(scaled(5, 600))
            share = (bridge.processor_time - computed) / (time.monotonic() - began)
            attempts = len(broker.connects())
            lines = [line for line in bridge.log.splitlines() if "MQTT broker" in line]
            broker.credentials = {"bridge": "the wrong one"}
            right = time.monotonic()
            wait_until(lambda: healed(broker), 65, "it is let in")
            took = time.monotonic() - right
            show(
                f"{attempts} attempts, {len(lines)} lines, {100 * share:.2f} % of a processor, "
                f"healed {took:.1f} s after the password was right"
            )
            assert attempts <= scaled(2, 20)
            assert len(lines) == 1
            assert share < 0.01
            assert took <= 60
            assert "the wrong one" not in bridge.log
            assert bridge.terminate() == 0


WILL = ("shelly/bridge/state", b"offline")


def longest_silence(listener: Listener, since: float) -> float:
    """The longest time (s) in which no value of a device was heard."""
    values = [each.at for each in listener.since(since) if each.topic.endswith("/relay/0")]
    marks = [since, *values, time.monotonic()]
    return max(later - earlier for earlier, later in pairwise(marks))


@pytest.mark.mosquitto
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_poison_costs_one_connection_at_most(tmp_path: Path, protocol: str) -> None:
    """Components whose keys are no level of a topic, and documents above the broker's limit.

    To a client of MQTT 5 the broker says what its limit is; it hangs up on one of 3.1.1.
    """
    with (
        MosquittoProcess(f"max_packet_size {LIMIT}") as broker,
        Listener(broker.port, "shelly/#") as ear,
        running(tmp_path, broker.port, DEVICES, mqtt__protocol=protocol) as system,
    ):
        wait_complete(system, ear)
        began = time.monotonic()
        load = system.world.run_load(EVENTS)
        for device, key in product(system.devices, POISON):
            status = {key: {"id": 0, "output": True, "value": 1}}
            frame = {"event": "Shelly:StatusOnChange", "deviceId": device.id, "status": status}
            system.world.emit(device.host, json.dumps(frame))
        wait_until(lambda: TOO_LONG in system.bridge.log, 30, "it is named")
        threading.Event().wait(scaled(3, 25))
        silence = longest_silence(ear, began)
        assert load.stop()
        wait_until(lambda: not wrong_states(load, ear.values), 10, "the last values")
        # Each time the broker hangs up, it sends the will.
        lost = [(each.topic, each.payload) for each in ear.heard].count(WILL)
        show(f"MQTT {protocol}: {lost} connections lost, longest silence {silence:.1f} s")
        assert lost <= (0 if protocol == "5" else 1)
        assert silence <= GAP
        assert system.bridge.log.count("not published to") == 1
        assert all("\0" not in each.topic for each in ear.heard)
