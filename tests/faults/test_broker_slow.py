"""A subscriber that is slow, while everything is published again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage

from tests.brokers import MosquittoProcess, Peer, wait_until
from tests.faults.broker_rig import EVERYTHING, retained_topics, running, wait_complete
from tests.faults.judge import Listener
from tests.faults.scale import show

DEVICES = 275
"""Each has eleven topics."""
TOPICS = 3_000
READING = 0.002
"""Seconds that the slow subscriber needs for each message."""
CATCHING_UP = 1.0
"""Seconds that it may be behind because the machine was busy, and not because it is slow."""


class Slow(Peer):
    """Takes one message in 2 ms on average, and acknowledges it only then."""

    _due = 0.0

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        now = time.monotonic()
        self._due = max(self._due, now - CATCHING_UP) + READING
        time.sleep(max(0.0, self._due - now))
        super()._on_message(client, data, message)


@pytest.mark.mosquitto
@pytest.mark.quiet
def test_a_slow_subscriber_hears_the_whole_refill(tmp_path: Path) -> None:
    with MosquittoProcess() as broker, running(tmp_path, broker.port, DEVICES) as system:
        with Listener(broker.port, *EVERYTHING) as ear:
            wait_complete(system, ear)
        wait_until(lambda: len(retained_topics(broker.port)) >= TOPICS, 60, "every topic is there")
        before = set(retained_topics(broker.port))
        broker.kill()
        wait_until(lambda: "MQTT broker" in system.bridge.log, 10, "it is noticed")
        broker.start()
        with Slow(broker.port, *EVERYTHING) as slow:
            began = time.monotonic()
            wait_until(lambda: before <= slow.values.keys(), 60, "every topic is heard")
            took = time.monotonic() - began
        live = {message.topic for message in slow.heard if not message.retain} & before
        show(f"{len(live)} of {len(before)} topics heard live in {took:.1f} s, none lost")
        assert len(live) >= TOPICS
