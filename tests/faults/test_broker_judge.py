"""The judge finds what it is for, and the fault broker does what it says."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

import pytest

from bridge.simulator.devices.base import Device, Received
from tests.brokers import Peer, wait_until
from tests.faults.broker import FaultBroker
from tests.faults.judge import Judge, Listener

RELAY = "shelly/a1/relay/0"
RESULT = f"{RELAY}/result"


def value(energy: float) -> bytes:
    return json.dumps({"state": "ON", "energy": energy}).encode()


def result(name: str, status: str = "ok", stage: str = "confirmed") -> bytes:
    return json.dumps({"id": name, "status": status, "stage": stage}).encode()


def device(*received: Received, hex_id: str = "a1") -> Device:
    return cast(Device, SimpleNamespace(received=received, hex_id=hex_id))


def applied(at: float, timer: int) -> Received:
    return Received(at, "relay", {"turn": "toggle", "timeout": timer}, 1, None)


def test_a_value_that_goes_backwards_is_found_over_all_connections_of_a_listener() -> None:
    judge = Judge()
    for energy in (1.0, 2.0, 2.0, 1.5):
        judge.heard("one", RELAY, value(energy))
    judge.heard("two", RELAY, value(1.0))
    judge.heard("one", "shelly/a2/relay/0", value(0.5))
    judge.heard("one", RELAY, b"")
    assert judge.backwards() == [f"{RELAY} went from 2.0 to 1.5 (one)"]
    assert list(judge.verdict()) == ["backwards"]


def test_every_command_has_one_final_result() -> None:
    judge = Judge()
    for name in ("good", "silent", "doubled"):
        judge.ordered(name)
    judge.heard("one", RESULT, result("good", stage="accepted"))
    for name in ("good", "doubled", "doubled"):
        judge.heard("one", RESULT, result(name))
    found = judge.verdict()
    assert found == {"no result": ["silent"], "more than one result": ["doubled"]}
    assert judge.statuses() == {"ok": 3}


def test_what_reached_the_device_twice_late_or_in_spite_of_a_refusal_is_found() -> None:
    judge = Judge()
    for number, name in enumerate(("good", "twice", "late", "refused", "never")):
        judge.ordered(name, number)
        status = ("expired", "refused") if name == "refused" else ("ok", "confirmed")
        judge.heard("one", RESULT, result(name, *status))
    began = judge.orders["good"].at
    judge.carried_out(device(applied(began, 0), applied(began, 1), applied(began + 30, 2)))
    judge.carried_out(device(applied(began, 3), applied(began + 1, 1)))
    assert judge.verdict() == {
        "carried out twice": ["twice"],
        "carried out late": ["late"],
        "refused and carried out": ["refused"],
    }


def test_the_time_of_a_command_that_a_broker_held_begins_when_it_goes_on() -> None:
    judge = Judge()
    judge.ordered("held", 1)
    judge.heard("one", RESULT, result("held"))
    began = judge.orders["held"].at
    judge.carried_out(device(applied(began + 65, 1)))
    assert judge.late() == ["held"]
    judge.held(began, began + 60)
    assert judge.late() == []
    judge.carried_out(device(applied(began + 75, 1)))
    assert judge.late() == ["held"]


def acknowledged(broker: FaultBroker) -> int:
    packets = [(entry.client_id, entry.packet) for _, entry in broker.log]
    return packets.count(("bridge-1", "PUBACK"))


@pytest.mark.timeout(60)
def test_a_listener_lasts_over_a_broker_that_comes_back() -> None:
    judge = Judge()
    with FaultBroker() as broker, Listener(broker.port, "shelly/#", judge=judge) as ear:
        assert ear.subscribed.wait(10)
        broker.publish(RELAY, value(1.0), retain=True)
        wait_until(lambda: judge.numbers == 1)
        broker.stop()
        wait_until(lambda: not ear.subscribed.is_set())
        broker.start()
        assert ear.subscribed.wait(10)
        assert ear.values == {}
        broker.publish(RELAY, value(0.5))
        wait_until(judge.backwards)
        assert [each.connection for each in ear.heard] == [1, 2]


def test_only_the_victim_is_harmed() -> None:
    with FaultBroker(victim="bridge") as broker, Listener(broker.port, "#") as ear:
        assert ear.subscribed.wait(10)
        broker.withhold_puback = True
        with Peer(broker.port, client_id="somebody") as other:
            other.publish("a", b"1")
        with Peer(broker.port, client_id="bridge-1") as victim:
            victim.client.publish("b", b"1", qos=1)
            wait_until(lambda: broker.published("b") == [b"1"])
        assert acknowledged(broker) == 0
        assert len(broker.connects()) == 1
