"""The adapter when the broker is gone, empty, frozen, old, or hangs up on what it gets."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from bridge.core.effects import Lane, Publish
from bridge.mqtt.connection import NO_ANSWER
from bridge.mqtt.guard import PAYLOAD_LIMIT
from bridge.mqtt.publisher import Pace
from bridge.simulator.broker import Broker
from tests.brokers import free_port, wait_until
from tests.faults.proxy import Proxy
from tests.mqtt.rig import BASE, COMMAND, RELAY, STATE, Rig, published, state, values

BOTH = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@BOTH
def test_state_arrives_retained_and_a_will_is_left(broker: Broker, protocol: str) -> None:
    with Rig(broker.port, protocol=protocol) as rig:
        rig.wait_up()
        assert [up.protocol for up in rig.ups] == [protocol]
        rig.outbox.put_all([state(1, "on"), state(2, "off")])
        wait_until(lambda: len(broker.retained) == 2)
        broker.cut()
        wait_until(lambda: broker.retained.get(STATE) == b"offline")
    assert broker.retained[RELAY] == b"on"


@pytest.mark.parametrize("round_number", range(20))
def test_an_old_value_never_follows_a_new_one(broker: Broker, round_number: int) -> None:
    """The broker takes `old`, hangs up without acknowledging it, and comes back."""
    with Rig(broker.port, protocol=("5", "3.1.1")[round_number % 2]) as rig:
        rig.wait_up()
        broker.withhold_puback = True
        rig.outbox.put_all([state(1, "old"), state(2, "unchanged")])
        wait_until(lambda: len(broker.retained) >= 2)
        broker.cut()
        broker.withhold_puback = False
        wait_until(lambda: rig.downs)
        rig.outbox.put(state(1, "new"))
        wait_until(lambda: values(broker, f"{BASE}/2/relay/0") == ["unchanged", "unchanged"])
        wait_until(lambda: values(broker, RELAY)[-1] == "new")
        rig.outbox.put(state(3, "fence"))
        wait_until(lambda: published(broker, f"{BASE}/3/relay/0"))
    assert values(broker, RELAY) == ["old", "new"]
    assert not any(entry.duplicate for entry in broker.wire_log)


def test_events_on_their_way_are_not_repeated(broker: Broker) -> None:
    with Rig(broker.port) as rig:
        rig.wait_up()
        broker.withhold_puback = True
        rig.outbox.put(Publish("shelly/e", "press", retain=False, lane=Lane.EVENT))
        wait_until(lambda: published(broker, "shelly/e"))
        broker.cut()
        broker.withhold_puback = False
        rig.wait_up(2)
        rig.outbox.put(state(3, "fence"))
        wait_until(lambda: published(broker, f"{BASE}/3/relay/0"))
    assert values(broker, "shelly/e") == ["press"]


def test_during_an_outage_only_the_newest_value_waits(broker: Broker) -> None:
    with Rig(broker.port) as rig:
        rig.wait_up()
        broker.stop()
        wait_until(lambda: rig.downs)
        for number in range(2_000):
            rig.outbox.put(state(number % 10, number))
        assert len(rig.outbox) <= 10
        broker.start()
        rig.wait_up(2)
        wait_until(lambda: len(broker.retained) == 10)
        expected = {f"{BASE}/{n}/relay/0": str(1_990 + n).encode() for n in range(10)}
        assert broker.retained == expected
    assert len([e for e in broker.wire_log if e.direction == "in" and "/relay/" in e.topic]) == 10


def test_an_empty_broker_is_filled_again_once_and_paced(broker: Broker) -> None:
    topics, pace = 300, Pace(refill_burst=100, refill_rate=200.0, refill_wait=5.0)
    with Rig(broker.port, pace=pace) as rig:
        rig.wait_up()
        broker.stop()
        wait_until(lambda: rig.downs)
        rig.outbox.put_all([state(number, "during") for number in range(topics)])
        broker.start()
        rig.wait_up(2)
        begin = time.monotonic()
        rig.outbox.put_all([state(number, "refill", Lane.REFILL) for number in range(topics)])
        rig.outbox.put(state(299, "live"))
        wait_until(lambda: values(broker, f"{BASE}/299/relay/0") == ["live"])
        assert time.monotonic() - begin < 0.5, "live values do not wait for the refill"
        wait_until(lambda: len(broker.retained) >= topics)
        took = time.monotonic() - begin
    assert 0.9 <= took <= 2.0, "100 at once, 200 at 200/s"
    for number in range(topics - 1):
        assert values(broker, f"{BASE}/{number}/relay/0") == ["refill"]


def test_without_a_refill_what_waited_is_sent_after_a_moment(broker: Broker) -> None:
    pace = Pace(refill_wait=0.2)
    with Rig(broker.port, pace=pace) as rig:
        rig.outbox.put(state(1, "early"))
        rig.wait_up()
        wait_until(lambda: broker.retained.get(RELAY) == b"early")


def test_at_most_the_window_is_on_its_way(broker: Broker) -> None:
    broker.withhold_puback = True
    with Rig(broker.port) as rig:
        rig.wait_up()
        rig.outbox.put_all([state(number, "x") for number in range(100)])
        wait_until(lambda: len(broker.retained) == 20)
        assert len(rig.outbox) == 80
        rig.outbox.put(state(50, "newer"))
        broker.withhold_puback = False
        broker.cut()
        wait_until(lambda: len(broker.retained) >= 100, 10)
    assert broker.retained[f"{BASE}/50/relay/0"] == b"newer"


@BOTH
def test_a_frozen_broker_is_noticed_in_time(broker: Broker, protocol: str) -> None:
    with Rig(broker.port, protocol=protocol, keepalive=2) as rig:
        rig.wait_up()
        rig.outbox.put(state(1, "before"))
        wait_until(lambda: broker.retained)
        broker.freeze()
        begin = time.monotonic()
        for number in range(5_000):
            rig.outbox.put(Publish(f"{BASE}/raw", str(number) * 50, retain=False, qos=0))
        wait_until(lambda: rig.downs, 8)
        assert 1 <= time.monotonic() - begin <= 4
        assert rig.downs[0].text == NO_ANSWER
        assert not rig.adapter.connected
        rig.outbox.put(state(1, "after"))
        broker.thaw()
        wait_until(lambda: broker.retained.get(RELAY) == b"after", 15)


def test_a_broker_that_acknowledges_nothing_is_left(broker: Broker) -> None:
    with Rig(broker.port, keepalive=1) as rig:
        rig.wait_up()
        broker.withhold_puback = True
        rig.outbox.put(state(1, "x"))
        wait_until(lambda: rig.downs, 8)
        assert rig.downs[0].text == "it acknowledges nothing"


def test_auto_falls_back_and_says_which_protocol_it_is() -> None:
    for silent in (False, True):
        with Broker(protocols={4}) as broker:
            broker.silent_refusal = silent
            with Rig(broker.port) as rig:
                rig.wait_up()
                assert rig.ups[0].protocol == "3.1.1"
                rig.outbox.put(state(1, "on"))
                wait_until(lambda broker=broker: broker.retained)  # type: ignore[misc]  # lambda default


def test_auto_goes_back_to_5_when_the_older_version_is_refused() -> None:
    with Broker(protocols={4}) as broker, Rig(broker.port) as rig:
        rig.wait_up()
        broker.protocols = {5}
        broker.cut()
        rig.wait_up(2)
    assert [up.protocol for up in rig.ups] == ["3.1.1", "5"]


def test_wrong_credentials_are_told_once_and_not_hammered(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.credentials = {"me": "right"}
    with Rig(broker.port, username="me", password="wrong-secret") as rig:
        wait_until(lambda: rig.downs)
        assert "Not authorized" in rig.downs[0].text
        assert broker.connections == 1
        assert rig.adapter.thread_alive
    lines = [record.getMessage() for record in caplog.records]
    assert len([line for line in lines if "Not authorized" in line]) == 1
    assert "wrong-secret" not in caplog.text + repr(rig.adapter._settings)


def test_no_broker_at_all_is_one_line_and_heals(caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker(port=free_port())
    with Rig(broker.port) as rig:
        wait_until(lambda: rig.downs)
        wait_until(lambda: rig.adapter._retry._usual._current >= 1)
        broker.start()
        try:
            rig.wait_up()
        finally:
            rig.stop()
            broker.stop()
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1


@pytest.mark.parametrize("protocols", [{4}, {5}])
def test_poison_is_kept_from_the_broker(
    protocols: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    with Broker(protocols=protocols) as broker, Rig(broker.port) as rig:
        rig.wait_up()
        connections = broker.connections
        for topic in ("a\0b", "a/+/b", "#", "", "a" * 70_000, "a\ud800"):
            rig.outbox.put(Publish(topic, "x"))
            rig.outbox.put(Publish(topic, "x"))
        rig.outbox.put(Publish("big", "x" * (PAYLOAD_LIMIT + 1)))
        rig.outbox.put(Publish("surrogate", "\ud800"))
        rig.outbox.put(state(1, "fine"))
        wait_until(lambda: RELAY in broker.retained)
        assert broker.connections == connections
        assert set(broker.retained) == {RELAY}
        assert rig.adapter.refused_publications >= 8
    assert len([r for r in caplog.records if "not published to" in r.getMessage()]) == 8


def test_the_packet_limit_of_an_mqtt_5_broker_is_kept() -> None:
    with Broker(max_packet_size=2_000) as broker, Rig(broker.port) as rig:
        rig.wait_up()
        connections = broker.connections
        rig.outbox.put_all([Publish("big", "x" * 2_000), Publish("small", "x" * 1_900)])
        wait_until(lambda: set(broker.retained) == {"small"})
        assert broker.connections == connections
        assert rig.adapter.refused_publications == 1


def test_an_unknown_limit_bars_only_the_topic_that_breaks_it() -> None:
    pace = Pace(refill_wait=0.1)
    with (
        Broker(max_packet_size=2_000, protocols={4}) as broker,
        Rig(broker.port, pace=pace, greets=True) as rig,
    ):
        rig.wait_up()
        before = broker.connections
        rig.outbox.put_all([state(number, "x") for number in range(5)])
        rig.outbox.put(Publish("big", "x" * 2_000))
        rig.outbox.put_all([state(number, "x") for number in range(5, 10)])
        wait_until(lambda: rig.adapter.refused_publications, 20)
        wait_until(lambda: len(broker.retained) == 11)
        ups = len(rig.ups)
        assert broker.connections - before <= 2, "one more where the machine was slow"
        rig.outbox.put(state(2, "after"))
        wait_until(lambda: broker.retained.get(f"{BASE}/2/relay/0") == b"after")
        assert len(rig.ups) <= ups + 1
        rig.outbox.put_all([Publish("big", "x" * 2_001), state(1, "still here")])
        wait_until(lambda: broker.retained.get(RELAY) == b"still here")


def test_a_broker_that_talks_nonsense_is_only_a_lost_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        with Rig(server.getsockname()[1]) as rig:
            peer, _ = server.accept()
            with peer:
                peer.recv(100)
                peer.sendall(b"\x20\x09\x00\x00\x06\xff\xff\xff\xff\xff\xff" * 3)
                wait_until(lambda: rig.downs)
            assert rig.adapter.thread_alive


def test_a_command_on_a_connection_that_was_broken_off_never_arrives(broker: Broker) -> None:
    with Proxy(broker.port) as proxy, Rig(proxy.port) as rig:
        rig.wait_up()
        proxy.freeze()
        broker.publish(COMMAND, b"old")
        rig.adapter.break_off()
        wait_until(lambda: rig.downs)
        proxy.heal()
        rig.wait_up(2)
        broker.publish(COMMAND, b"new")
        wait_until(lambda: rig.messages)
    assert [message.payload for message in rig.messages] == [b"new"]
