"""The embedded broker against real clients and against bytes that no client sends."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.simulator.broker import Broker
from bridge.simulator.broker_session import QUEUE_LIMIT, matches
from bridge.simulator.mqtt_fields import MalformedPacket
from bridge.simulator.mqtt_packets import Splitter, decode
from tests.brokers import Peer, make_certificate, publish_properties, wait_until

V311 = MQTTProtocolVersion.MQTTv311
V5 = MQTTProtocolVersion.MQTTv5
BOTH = pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5"])


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


def raw(broker: Broker) -> socket.socket:
    return socket.create_connection(("127.0.0.1", broker.port), 5)


def connect_packet(client_id: bytes = b"raw", level: int = 4, keepalive: int = 60) -> bytes:
    body = b"\x00\x04MQTT" + bytes([level, 2]) + keepalive.to_bytes(2, "big")
    body += b"\x00" if level == 5 else b""
    body += len(client_id).to_bytes(2, "big") + client_id
    return bytes([0x10, len(body)]) + body


@BOTH
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_reaches_its_subscriber_once(
    broker: Broker, version: MQTTProtocolVersion, qos: int
) -> None:
    with Peer(broker.port, "a/+", "a/#", version=version) as ear:
        with Peer(broker.port, version=version) as mouth:
            mouth.publish("a/b", b"\x00\xff payload", qos=qos)
            mouth.publish("b/b", "not for you", qos=qos)
            mouth.publish("a/c", "last", qos=qos)
        wait_until(lambda: "a/c" in ear.values)
    assert [message.payload for message in ear.heard] == [b"\x00\xff payload", b"last"]
    assert not any(message.retain for message in ear.heard)


@BOTH
def test_retained_messages_come_with_the_flag_and_an_empty_one_clears(
    broker: Broker, version: MQTTProtocolVersion
) -> None:
    with Peer(broker.port, version=version) as mouth:
        mouth.publish("s/1", "old", retain=True)
        mouth.publish("s/1", "new", retain=True)
        mouth.publish("s/2", "gone", retain=True)
        mouth.publish("s/2", b"", retain=True)
        mouth.publish("s/3", "passing")
        with Peer(broker.port, "s/#", version=version) as ear:
            wait_until(lambda: ear.heard)
            assert [(m.payload, m.retain) for m in ear.heard] == [(b"new", True)]
    assert broker.retained == {"s/1": b"new"}


def test_subscription_options_of_mqtt_5(broker: Broker) -> None:
    stored, silent = SubscribeOptions(1), SubscribeOptions(1, retainHandling=2)
    silent.retainAsPublished = True
    silent.noLocal = True
    with Peer(broker.port) as mouth:
        mouth.publish("s/1", "old", retain=True)
        with Peer(broker.port, "s/#", options=silent) as ear:
            mouth.publish("s/1", "new", retain=True)
            ear.publish("s/1", "my own", retain=True)
            ear.client.subscribe([("s/1", stored)])
            wait_until(lambda: len(ear.heard) == 2)
    assert [(m.payload, m.retain) for m in ear.heard] == [(b"new", True), (b"my own", True)]


def test_properties_are_passed_on(broker: Broker) -> None:
    given = publish_properties(
        UserProperty=[("a", "1"), ("a", "2")],
        ResponseTopic="answers/here",
        CorrelationData=b"\x00\x01",
        ContentType="application/json",
        MessageExpiryInterval=60,
    )
    with Peer(broker.port, "t") as ear, Peer(broker.port, "t", version=V311) as old:
        with Peer(broker.port) as mouth:
            mouth.publish("t", "{}", properties=given)
        wait_until(lambda: ear.heard and old.heard)
    got = vars(ear.heard[0].properties)
    assert got["UserProperty"] == [("a", "1"), ("a", "2")]
    assert (got["ResponseTopic"], got["CorrelationData"]) == ("answers/here", b"\x00\x01")
    assert got["ContentType"] == "application/json"
    assert 58 <= got["MessageExpiryInterval"] <= 60


def test_an_expired_message_is_not_delivered(broker: Broker) -> None:
    brief = publish_properties(MessageExpiryInterval=1)
    with Peer(broker.port) as mouth:
        mouth.publish("t/brief", "x", retain=True, properties=brief)
        mouth.publish("t/kept", "y", retain=True)
        end = time.monotonic() + 1
        wait_until(lambda: time.monotonic() > end)
        with Peer(broker.port, "t/#") as ear:
            wait_until(lambda: ear.heard)
    assert set(ear.values) == {"t/kept"}


@BOTH
def test_the_will_is_sent_unless_the_client_says_goodbye(
    broker: Broker, version: MQTTProtocolVersion
) -> None:
    with Peer(broker.port, version=version, will=("polite", b"dead")):
        pass
    doomed = Peer(broker.port, version=version, will=("cut", b"dead"))
    with doomed:
        broker.cut()
        wait_until(lambda: broker.retained.get("cut") == b"dead")
    assert broker.retained == {"cut": b"dead"}


@BOTH
def test_the_second_client_with_an_id_takes_over(
    broker: Broker, version: MQTTProtocolVersion
) -> None:
    first = Peer(broker.port, client_id="same", version=version, will=("w", b"dead"))
    with first, Peer(broker.port, "t", client_id="same", version=version) as second:
        wait_until(lambda: first.ended is not None)
        second.publish("t", "mine")
        wait_until(lambda: second.heard)
    assert broker.retained == {"w": b"dead"}
    if version == V5:
        assert "taken over" in str(first.ended)


def test_versions_that_are_not_spoken_are_refused() -> None:
    with Broker(protocols={4}) as broker:
        with Peer(broker.port, version=V5) as refused:
            assert refused.refusal == "Unsupported protocol version"
        with Peer(broker.port, version=V311) as welcome:
            assert welcome.refusal is None
        broker.silent_refusal = True
        with raw(broker) as peer:
            peer.sendall(connect_packet(level=5))
            assert peer.recv(10) == b""


def test_credentials_can_be_asked_for_and_changed(broker: Broker) -> None:
    broker.credentials = {"me": "right"}
    for version in (V311, V5):
        with Peer(broker.port, version=version, login=("me", "wrong")) as refused:
            assert refused.refusal == "Not authorized"
        with Peer(broker.port, version=version) as nobody:
            assert nobody.refusal == "Not authorized"
        with Peer(broker.port, version=version, login=("me", "right")) as welcome:
            assert welcome.refusal is None


def test_a_silent_client_is_dropped_after_its_keepalive(broker: Broker) -> None:
    with raw(broker) as peer:
        peer.sendall(connect_packet(keepalive=1))
        assert peer.recv(4) == b"\x20\x02\x00\x00"
        begin = time.monotonic()
        assert peer.recv(1) == b""
    assert 1.4 <= time.monotonic() - begin <= 3


def test_a_too_large_packet_ends_the_connection() -> None:
    with Broker(max_packet_size=1_000) as broker, Peer(broker.port, "t") as bystander:
        with Peer(broker.port) as mouth:
            mouth.client.publish("t", bytes(2_000), 1)
            wait_until(lambda: mouth.ended is not None)
            assert mouth.ended == "Packet too large"
        bystander.publish("t", "fine")
        wait_until(lambda: bystander.heard)


def test_withheld_acknowledgements(broker: Broker) -> None:
    broker.withhold_puback = True
    with Peer(broker.port) as mouth:
        sent = mouth.client.publish("t", "x", 1, retain=True)
        wait_until(lambda: broker.retained)
        mouth.publish("u", "y", qos=0)
        assert not sent.is_published()


def test_freeze_and_thaw(broker: Broker) -> None:
    with Peer(broker.port, "t") as ear:
        broker.freeze()
        sent = ear.client.publish("t", "x", 1)
        with raw(broker) as late:
            late.sendall(connect_packet())
            late.settimeout(0.2)
            with pytest.raises(TimeoutError):
                late.recv(1)
        assert not sent.is_published()
        broker.thaw()
        wait_until(lambda: ear.heard)


def test_stop_while_frozen_leaves_no_thread() -> None:
    broker = Broker()
    broker.start()
    with Peer(broker.port) as peer:
        broker.freeze()
        begin = time.monotonic()
        broker.stop()
        broker.stop()
        wait_until(lambda: peer.ended is not None)
    assert time.monotonic() - begin < 2
    assert "mqtt-broker" not in [thread.name for thread in threading.enumerate()]


def test_stop_closes_connections_that_nobody_looked_at_yet() -> None:
    broker = Broker()
    broker.start()
    broker.freeze()
    peers = [raw(broker) for _ in range(30)]
    broker.thaw()
    broker.stop()
    for peer in peers:
        with peer, contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""
    gc.collect()  # an unclosed transport warns now, which fails the test


def test_refuse_forget_and_restart(broker: Broker) -> None:
    with Peer(broker.port) as mouth:
        mouth.publish("t", "x", retain=True)
    broker.forget()
    assert broker.retained == {}
    broker.refuse = True
    with raw(broker) as peer:
        assert peer.recv(1) == b""
    port = broker.port
    broker.stop()
    broker.refuse = False
    broker.start()
    assert broker.port == port
    with Peer(port) as mouth:
        mouth.publish("t", "y", retain=True)


def test_a_taken_port_is_told_by_start(broker: Broker) -> None:
    with pytest.raises(OSError, match="in use"):
        Broker(port=broker.port).start()


def test_the_wire_log_has_both_directions_in_order(broker: Broker) -> None:
    with Peer(broker.port, "t", client_id="ear") as ear:
        ear.publish("t", "x", retain=True)
        wait_until(lambda: ear.heard)
    log = [(entry.direction, entry.packet) for entry in broker.wire_log]
    assert log[:4] == [
        ("in", "CONNECT"),
        ("out", "CONNACK"),
        ("in", "SUBSCRIBE"),
        ("out", "SUBACK"),
    ]
    taken = next(entry for entry in broker.wire_log if entry.packet == "PUBLISH")
    assert taken == ("ear", "in", "PUBLISH", "t", b"x", True, False)


def test_a_subscriber_that_does_not_read_costs_a_bounded_queue(broker: Broker) -> None:
    with raw(broker) as deaf, Peer(broker.port, "t") as ear:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(connect_packet() + b"\x82\x06\x00\x01\x00\x01t\x01")
        wait_until(
            lambda: any(e.packet == "SUBACK" and e.client_id == "raw" for e in broker.wire_log)
        )
        count = QUEUE_LIMIT + 500
        for number in range(count):
            ear.client.publish("t", str(number), 1)
        wait_until(lambda: len(ear.heard) == count, 20)
        assert [int(message.payload) for message in ear.heard] == list(range(count))
        assert broker.dropped == count - QUEUE_LIMIT - 20


def test_many_retained_messages_all_arrive(broker: Broker) -> None:
    for number in range(3 * QUEUE_LIMIT):
        broker.publish(f"many/{number}", b"x", retain=True)
    with Peer(broker.port, "many/#") as ear:
        wait_until(lambda: len(ear.values) == 3 * QUEUE_LIMIT, 20)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: a browser that got lost" + bytes(30),
        b"\x30\x05\x00\x03a/b",
        b"\x10\xff\xff\xff\xff\x01",
        b"\x00\x00",
        connect_packet() + connect_packet(),
        connect_packet() + b"\x30\x05\x00\x03a/+",
        connect_packet() + b"\x30\x05\x00\x03a\x00b",
        connect_packet() + b"\x36\x00",
        connect_packet() + b"\x82\x06\x00\x00\x00\x01t\x01",
        connect_packet() + b"\x82\x08\x00\x01\x00\x03a#b\x01",
        connect_packet() + b"\x82\x02\x00\x01",
        connect_packet() + b"\xf0\x00",
    ],
)
def test_garbage_ends_its_own_connection_only(broker: Broker, garbage: bytes) -> None:
    with Peer(broker.port, "t") as bystander:
        with raw(broker) as peer:
            peer.sendall(garbage)
            while peer.recv(100):
                pass
        bystander.publish("t", "still here")
        wait_until(lambda: bystander.heard)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 255), st.sampled_from([0, 4, 5]))
def test_any_body_decodes_or_is_malformed(body: bytes, first: int, level: int) -> None:
    with contextlib.suppress(MalformedPacket):
        decode(first, body, level)


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 7))
def test_packets_are_cut_alike_however_they_arrive(bodies: list[bytes], step: int) -> None:
    stream = b""
    for body in bodies:
        length = len(body)
        size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
        stream += b"\x30" + size + body
    splitter = Splitter(1_000)
    got = []
    for start in range(0, len(stream), step):
        got += list(splitter.feed(stream[start : start + step]))
    assert got == [(0x30, body) for body in bodies]


@pytest.mark.parametrize(
    ("text", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("+/+", "/b", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/b/c", "a/b", False),
    ],
)
def test_topic_filters(text: str, topic: str, expected: bool) -> None:
    assert matches(text.split("/"), topic.split("/")) is expected


def test_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    with Broker(tls=server) as broker:
        peer = Peer(broker.port, "t")
        peer.client.tls_set(str(certificate))
        with peer:
            peer.publish("t", "x")
            wait_until(lambda: peer.heard)
