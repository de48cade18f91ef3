"""The adapter against a real Mosquitto; the same promises as against our own broker."""

from __future__ import annotations

import time

import pytest

from bridge.core.effects import Lane, Publish
from bridge.core.events import Event
from bridge.mqtt.scan import scan_retained, try_login
from tests.brokers import MosquittoProcess, Peer, publish_properties, require_mosquitto, wait_until
from tests.mqtt.rig import BASE, COMMAND, RELAY, STATE, Rig, state

pytestmark = pytest.mark.mosquitto

BOTH = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@BOTH
def test_state_command_and_will(mosquitto: MosquittoProcess, protocol: str) -> None:
    with Peer(mosquitto.port) as mouth:
        mouth.publish(COMMAND, "stored", retain=True)
        rig = Rig(mosquitto.port, protocol=protocol, greets=True)
        with rig, Peer(mosquitto.port, "shelly/#") as ear:
            rig.wait_up()
            rig.outbox.put(state(1, "on"))
            wait_until(lambda: ear.values.get(RELAY) == b"on")
            mouth.publish(COMMAND, "live", retain=True)
            wait_until(lambda: rig.messages and rig.messages[-1].payload == b"live")
            stored = [(each.payload, each.stored) for each in rig.messages]
            expected = [(b"live", False)]
            assert stored == (expected if protocol == "5" else [(b"stored", True), *expected])
            wait_until(lambda: ear.values.get(STATE) == b"online")
            with Peer(mosquitto.port, client_id="bridge-under-test"):
                wait_until(lambda: ear.values.get(STATE) == b"offline")
            rig.wait_up(2)
            wait_until(lambda: ear.values.get(STATE) == b"online")
            rig.stop()
            wait_until(lambda: ear.values.get(STATE) == b"offline")


def test_a_request_with_a_response_topic(mosquitto: MosquittoProcess) -> None:
    asked = publish_properties(ResponseTopic="answers", CorrelationData=b"\x07")
    with Rig(mosquitto.port) as rig, Peer(mosquitto.port, "answers") as ear:
        rig.wait_up()
        ear.publish(COMMAND, "ON", properties=asked)
        wait_until(lambda: rig.messages)
        message = rig.messages[0]
        assert message.response_topic == "answers"
        answer = Publish(
            message.response_topic,
            "{}",
            retain=False,
            lane=Lane.EVENT,
            correlation=message.correlation,
            expiry=60,
        )
        rig.outbox.put(answer)
        wait_until(lambda: ear.heard)
        assert vars(ear.heard[0].properties)["CorrelationData"] == b"\x07"


@BOTH
def test_killed_and_back_empty(mosquitto: MosquittoProcess, protocol: str) -> None:
    topics = 300
    with Rig(mosquitto.port, protocol=protocol) as rig:
        rig.wait_up()
        mosquitto.kill()
        wait_until(lambda: rig.downs)
        rig.outbox.put_all([state(number, "waited") for number in range(topics)])
        mosquitto.start()
        rig.wait_up(2)
        rig.outbox.put_all([state(number, "refill", Lane.REFILL) for number in range(topics)])
        with Peer(mosquitto.port, "shelly/#") as ear:
            wait_until(lambda: list(ear.values.values()).count(b"refill") == topics)
            assert len(ear.heard) <= 1.2 * topics


def test_frozen_and_thawed(mosquitto: MosquittoProcess) -> None:
    with Rig(mosquitto.port, keepalive=2) as rig:
        rig.wait_up()
        mosquitto.freeze()
        begin = time.monotonic()
        rig.outbox.put(state(1, "during"))
        wait_until(lambda: rig.downs, 6)
        assert time.monotonic() - begin <= 4
        rig.outbox.put(state(1, "newest"))
        mosquitto.thaw()
        with Peer(mosquitto.port, RELAY) as ear:
            wait_until(lambda: ear.values.get(RELAY) == b"newest", 15)


@pytest.mark.quiet
def test_the_refill_loses_nothing_for_a_slow_subscriber(mosquitto: MosquittoProcess) -> None:
    topics = 1_800
    with Peer(mosquitto.port, "shelly/#") as ear, Rig(mosquitto.port) as rig:
        hear = ear.client.on_message
        assert hear is not None

        def slowly(*arguments: object) -> None:
            time.sleep(0.002)
            hear(*arguments)  # type: ignore[arg-type]  # passed on as they came

        ear.client.on_message = slowly
        rig.wait_up()
        rig.outbox.put_all([state(number, "x", Lane.REFILL) for number in range(topics)])
        wait_until(lambda: len(ear.heard) == topics, 20, "every value heard")


def test_a_packet_limit() -> None:
    require_mosquitto()
    with MosquittoProcess("max_packet_size 2000") as mosquitto, Rig(mosquitto.port) as rig:
        rig.wait_up()
        rig.outbox.put_all([Publish("big", "x" * 3_000), state(1, "fine")])
        with Peer(mosquitto.port, "#") as ear:
            wait_until(lambda: ear.values.get(RELAY) == b"fine")
        assert rig.adapter.refused_publications == 1
        assert not rig.downs


def test_another_bridge(mosquitto: MosquittoProcess) -> None:
    with Peer(mosquitto.port) as other:
        other.publish(STATE, "online", retain=True)
        other.publish(f"{BASE}/bridge/info", '{"bridge_id":"theirs"}', retain=True)
        with Rig(mosquitto.port) as rig:
            wait_until(lambda: rig.others == ["theirs"])
            wait_until(lambda: not rig.adapter.thread_alive)
        with Peer(mosquitto.port, STATE) as ear:
            wait_until(lambda: ear.heard)
        assert ear.values[STATE] == b"online"


def test_stop_drains(mosquitto: MosquittoProcess) -> None:
    with Peer(mosquitto.port, "shelly/#", qos=0) as ear, Rig(mosquitto.port) as rig:
        rig.wait_up()
        rig.outbox.put_all([state(number, "last") for number in range(500)])
        assert rig.stop() == []
        wait_until(lambda: len(ear.heard) == 501)
        assert ear.heard[-1].topic == STATE


def test_stop_with_a_frozen_broker(mosquitto: MosquittoProcess) -> None:
    with Rig(mosquitto.port) as rig:
        rig.wait_up()
        mosquitto.freeze()
        rig.outbox.put_all([state(number, "x" * 5_000) for number in range(1_000)])
        begin = time.monotonic()
        assert rig.stop(1.0) == []
        assert time.monotonic() - begin <= 1.0
        mosquitto.thaw()


@pytest.mark.quiet
@BOTH
def test_a_scan_of_many_topics(mosquitto: MosquittoProcess, protocol: str) -> None:
    # Mosquitto drops what it queues beyond 1,000 for a subscriber that is slow for a moment.
    topics = 900
    with Rig(mosquitto.port, protocol=protocol) as rig:
        rig.wait_up()
        rig.outbox.put_all([state(number, "x") for number in range(topics)])
        wait_until(lambda: rig.adapter._publisher.idle and not len(rig.outbox), 20)
        found = scan_retained(rig.adapter._settings, [f"{BASE}/#"])
        assert found.complete
        assert len(found.topics) == topics
        answers: list[Event] = rig.events
        assert rig.adapter.request_scan(1) is None
        wait_until(lambda: any(getattr(each, "token", None) == 1 for each in answers), 20)


def test_login(mosquitto: MosquittoProcess) -> None:
    with Rig(mosquitto.port) as rig:
        assert try_login(rig.adapter._settings) == "5"
