"""A9: commands that nobody could mean are refused at once, and cost nobody else any time."""

from __future__ import annotations

import json
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from tests.brokers import Peer, wait_until
from tests.faults.scale import scaled, show
from tests.system.process import BridgeProcess
from tests.system.rig import HOSTS, store_grants, write_config

RELAY = "SNSW-001P16EU"
ROUNDS = int(scaled(15, 200))
ECHO = 256
MIB = 2**20

HOSTILE: list[bytes] = [
    b"x" * MIB,
    b'{"state": "' + b"O" * MIB + b'"}',
    b'{"state": "ON", "id": "' + b"i" * MIB + b'"}',
    b'{"state": "ON", "id": "' + b"i" * 8_000 + b'"}',
    b'{"state": "ON", "id": ' + b"9" * 5_000 + b"}",
    b'{"state": "ON", "id": [' + b"[" * 90 + b"]" * 90 + b"]}",
    b"[" * 100_000,
    b'{"state":' * 900 + b"1" + b"}" * 900,
    b'{"state": ' + b"9" * 8_000 + b"}",
    b'{"state": 1e999}',
    b'{"state": NaN}',
    b'{"state": "' + b"O" * 8_000 + b'"}',
    b'{"' + b"k" * 8_000 + b'": 1}',
    b'{"state": "ON", "ttl": ' + b"9" * 300 + b"}",
    b'{"state": "\\ud800"}',
    b'{"a": 1, "a": 2}',
    bytes(range(256)) * 16,
    b"\xff\xfe\x00O\x00N",
    b"\x00",
]


@pytest.mark.quiet
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a9_hostile_commands_are_refused_and_hold_up_nobody(tmp_path: Path, protocol: str) -> None:
    with World(HOSTS[:1]) as world, Broker(max_packet_size=4 * MIB) as broker:
        target, other = world.add_device(RELAY), world.add_device(RELAY)
        store_grants(tmp_path, [target, other])
        config = write_config(world, broker.port, tmp_path, mqtt__protocol=protocol)
        channel, watched = (f"shelly/{each.hex_id}/relay/0" for each in (target, other))
        with (
            BridgeProcess(config) as bridge,
            Peer(broker.port, "shelly/+/relay/+/#") as peer,
            Peer(broker.port) as attacker,
        ):
            wait_until(lambda: {channel, watched} <= peer.values.keys(), 20)
            results = f"{channel}/result"
            ended = threading.Event()

            def attack() -> None:
                for done in range(ROUNDS):
                    for payload in HOSTILE:
                        attacker.publish(f"{channel}/set", payload)
                    # What is measured is what the payloads cost, not how many can wait.
                    due = (done + 1) * len(HOSTILE)
                    wait_until(lambda: len(peer.payloads(results)) >= due, 20)  # noqa: B023
                # Not even a key: none of ours.
                attacker.publish(f"{channel}/set/" + "k" * 9_000, "1")
                attacker.publish(f"{channel}/set", '{"state": "ON", "id": "last"}')

            def attack_once() -> None:
                try:
                    attack()
                finally:
                    ended.set()

            def report(power: int) -> float:
                """Seconds from what the other device says to the topic."""
                status = {"switch:0": {"id": 0, "apower": power}}
                frame = {"event": "Shelly:StatusOnChange", "deviceId": other.id, "status": status}
                began = time.monotonic()
                world.emit(None, json.dumps(frame))
                wait_until(lambda: json.loads(peer.values[watched])["power"] == power)
                return time.monotonic() - began

            calm = [report(power) for power in range(100, 140)]
            before, began = bridge.memory, bridge.processor_time
            attacking = threading.Thread(target=attack_once)
            attacking.start()
            delays: list[float] = []
            while not ended.is_set():
                delays.append(report(1_000 + len(delays)))
            attacking.join(20)
            wait_until(lambda: b'"last"' in peer.values.get(results, b""), 20)
            wait_until(lambda: target.received, 10)
            grown = bridge.memory - before
            each = (bridge.processor_time - began) * 1000 / (ROUNDS * len(HOSTILE))
            assert bridge.terminate() == 0
        answers: list[dict[str, Any]] = [json.loads(text) for text in peer.payloads(results)]
        refused = [answer for answer in answers if answer["id"] != "last"]
        took = [answer["ms"] for answer in refused]
        tenths = statistics.quantiles(delays, n=10)
        show(
            f"{len(refused)} refused, {statistics.median(took)} ms each, at most {max(took)} ms; "
            f"of others median {tenths[4] * 1000:.1f} ms, p90 {tenths[8] * 1000:.1f} ms, "
            f"before {statistics.median(calm) * 1000:.1f} ms; {each:.2f} ms of CPU each; "
            f"memory {grown:+.1f} MiB"
        )
        assert len(refused) == ROUNDS * len(HOSTILE)
        assert {answer["status"] for answer in refused} <= {"invalid", "rate_limited"}
        assert [received.cmd for received in target.received] == ["relay"]
        for answer in refused:
            assert len(json.dumps(answer["command"])) <= ECHO
            assert len(json.dumps(answer["id"])) <= ECHO + 2
            assert len(answer["error"]) <= ECHO
        assert statistics.median(took) <= 5
        # By the processor's time, since a busy machine adds to every other one.
        assert each <= 5
        assert tenths[4] <= 0.05
        assert grown <= 10
