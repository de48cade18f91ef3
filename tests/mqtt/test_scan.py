"""The short connections: scans, the check of the login, the owner of the base topic."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from bridge.mqtt.connection import ConnectFailed, ConnectionSettings, Failure
from bridge.mqtt.scan import scan_retained, try_login
from bridge.mqtt.wakeup import Wakeup
from bridge.simulator.broker import Broker
from tests.brokers import Peer, free_port, wait_until


def settings(port: int, protocol: str = "auto") -> ConnectionSettings:
    return ConnectionSettings("127.0.0.1", port, "me", protocol=protocol)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_scan_finds_what_is_retained_and_nothing_else(broker: Broker, protocol: str) -> None:
    broker.publish("s/1", b"x", retain=True)
    broker.publish("s/2/deep", b"\xff\x00", retain=True)
    broker.publish("other", b"x", retain=True)
    broker.publish("more/1", b"y", retain=True)
    found = scan_retained(settings(broker.port, protocol), ["s/#", "more/+"])
    assert found.complete
    assert dict(found.topics) == {"s/1": b"x", "s/2/deep": b"\xff\x00", "more/1": b"y"}
    assert "me" not in {entry.client_id for entry in broker.wire_log}


def test_an_empty_broker_is_a_complete_answer(broker: Broker) -> None:
    found = scan_retained(settings(broker.port), ["s/#"])
    assert (found.topics, found.complete) == ((), True)


def test_a_limit_makes_it_incomplete(broker: Broker) -> None:
    for number in range(20):
        broker.publish(f"s/{number}", b"x", retain=True)
    found = scan_retained(settings(broker.port), ["s/#"], limit=10)
    assert len(found.topics) == 10
    assert not found.complete


@pytest.mark.parametrize("retain", [False, True])
def test_live_traffic_does_not_prolong_it(broker: Broker, retain: bool) -> None:
    broker.publish("s/1", b"x", retain=True)
    broker.publish("s/live", b"x", retain=True)
    done = threading.Event()

    def chatter() -> None:
        with Peer(broker.port) as mouth:
            while not done.is_set():
                mouth.publish("s/live", "x", retain=retain)

    thread = threading.Thread(target=chatter)
    thread.start()
    begin = time.monotonic()
    found = scan_retained(settings(broker.port), ["s/#"])
    took = time.monotonic() - begin
    done.set()
    thread.join(5)
    assert took < 5
    assert dict(found.topics) == {"s/1": b"x", "s/live": b"x"}
    assert found.complete


def test_what_is_found_anew_again_and_again_ends_with_its_time(broker: Broker) -> None:
    done = threading.Event()

    def chatter() -> None:
        with Peer(broker.port) as mouth:
            for number in itertools.count():
                if done.wait(0.1):
                    return
                mouth.publish(f"s/{number}", "x", retain=True)

    thread = threading.Thread(target=chatter)
    thread.start()
    begin = time.monotonic()
    found = scan_retained(settings(broker.port), ["s/#"], timeout=1.5)
    done.set()
    thread.join(5)
    assert time.monotonic() - begin < 3
    assert not found.complete


def test_what_is_cleared_meanwhile_is_not_found(broker: Broker) -> None:
    broker.publish("s/1", b"x", retain=True)
    broker.publish("s/2", b"x", retain=True)
    clearer = threading.Timer(0.3, broker.publish, ("s/1", b""), {"retain": True})
    clearer.start()
    found = scan_retained(settings(broker.port, "5"), ["s/#"])
    clearer.join(5)
    assert dict(found.topics) == {"s/2": b"x"}


def test_it_can_be_stopped(broker: Broker) -> None:
    wakeup = Wakeup()
    stopper = threading.Timer(0.2, wakeup.stop)
    stopper.start()
    begin = time.monotonic()
    found = scan_retained(settings(broker.port), ["s/#"], wakeup=wakeup)
    assert time.monotonic() - begin < 0.9
    assert not found.complete
    stopper.join(5)
    wakeup.close()


def test_a_refused_filter_makes_it_incomplete(broker: Broker) -> None:
    assert not scan_retained(settings(broker.port), ["$share/a/s/#"]).complete


def test_nobody_there() -> None:
    with pytest.raises(ConnectFailed) as caught:
        scan_retained(settings(free_port()), ["s/#"])
    assert caught.value.failure is Failure.UNREACHABLE


def test_the_login_is_tried_without_disturbing_the_bridge(broker: Broker) -> None:
    with Peer(broker.port, client_id="me") as bridge:
        assert try_login(settings(broker.port)) == "5"
        broker.protocols = {4}
        assert try_login(settings(broker.port)) == "3.1.1"
        wait_until(lambda: broker.clients == {"me"})
        assert bridge.ended is None
    broker.credentials = {"a": "b"}
    with pytest.raises(ConnectFailed, match="Not authorized"):
        try_login(settings(broker.port))
