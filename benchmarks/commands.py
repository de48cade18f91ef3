"""How long a command takes: MQTT in, to the device and back, result out."""

from __future__ import annotations

import json
import queue
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.plan import Plan
from benchmarks.processes import Child
from benchmarks.report import Line, Table, percentile
from benchmarks.settings import BRIDGE_TOPIC, write_private
from benchmarks.stage import BRIDGE, Stage
from bridge.simulator.outbound import Unit
from bridge.simulator.world import World
from tests.brokers import MosquittoProcess
from tests.system.process import quiet_port

_MODEL = "SNSW-001P16EU"
_WARM_UP = 20
_LIMIT = 10.0


def round_trips(cpu: int, plan: Plan) -> Table:
    """To a device that is connected to the bridge itself, and to one through the cloud."""
    count = plan.commands
    table = Table(
        f"{count} commands, one after the other: ms until the result is heard",
        ("", "p50", "p90", "p99", "longest"),
    )
    for name, measure in (("local device", _local), ("through the cloud", _cloud)):
        delays = [delay * 1e3 for delay in measure(cpu, count)]
        found = {percent: percentile(delays, percent) for percent in (50, 90, 99)}
        table.rows.append((name, *(f"{cell:.2f}" for cell in (*found.values(), max(delays)))))
        table.figures[name] = {f"p{percent}_ms": value for percent, value in found.items()}
        table.lines.append(Line(f"{name}: round trip, p50", found[50], "ms", at_most=5))
    return table


def _cloud(cpu: int, count: int) -> list[float]:
    with (
        Stage(cpu, sides=(BRIDGE,), idle=1, others={"commands.min_interval": "0"}) as stage,
        stage.ready(BRIDGE) as child,
    ):
        return _ask(stage.broker.port, stage.world.devices[0].hex_id, child, count)


def _local(cpu: int, count: int) -> list[float]:
    secret, port = secrets.token_urlsafe(24), quiet_port()
    with (
        MosquittoProcess() as broker,
        World() as world,
        tempfile.TemporaryDirectory() as directory,
    ):
        # Nothing but this, so that no cloud is asked for anything.
        values = {
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "outbound": {"enabled": True, "listen": f"127.0.0.1:{port}", "secret": secret},
            "web": {"admin": {"enabled": False}},
            "commands": {"min_interval": 0},
            "log": {"level": "warning"},
            "data_dir": str(Path(directory, "data")),
        }
        file = write_private(Path(directory, "config.yaml"), json.dumps(values))
        unit = Unit(world, world.add_device(_MODEL, granted=False))
        with Child("bridge_process", cpu, [str(file)]) as child:
            unit.dial(f"ws://127.0.0.1:{port}/shelly/{secret}")
            return _ask(broker.port, unit.device.hex_id, child, count)


def _ask(port: int, device: str, child: Child, count: int) -> list[float]:
    """Send commands one after the other, and take the time of each answer (s)."""
    heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    topic = f"{BRIDGE_TOPIC}/{device}/relay/0"
    delays: list[float] = []
    with _client(port, f"{topic}/result", heard.put) as client:
        _wait_known(client, heard, topic, child)
        for number in range(_WARM_UP + count):
            begin = time.perf_counter()
            state = "ON" if number % 2 else "OFF"
            client.publish(f"{topic}/set", json.dumps({"state": state, "id": number}))
            result = _answer(heard, number, child)
            if result["status"] != "ok":
                raise RuntimeError(f"a command failed: {result['status']}")
            delays.append(time.perf_counter() - begin)
    return delays[_WARM_UP:]


def _answer(heard: queue.SimpleQueue[dict[str, Any]], number: int, child: Child) -> dict[str, Any]:
    """The result of one command; raises `RuntimeError` when none comes."""
    try:
        while (result := heard.get(timeout=_LIMIT))["id"] != number:
            child.check()
    except queue.Empty:
        child.check()
        raise RuntimeError(f"not within {_LIMIT:.0f} s: the answer to a command") from None
    return result


@contextmanager
def _client(port: int, topic: str, hear: Callable[[dict[str, Any]], None]) -> Iterator[Client]:
    """Somebody who sends without delay and hears the results on a topic."""
    client = Client(CallbackAPIVersion.VERSION2)

    def without_delay(_client: Client, _data: object, opened: object) -> None:
        if isinstance(opened, socket.socket):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        hear(json.loads(message.payload))

    client.on_socket_open = without_delay
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(topic)
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _wait_known(
    client: Client, heard: queue.SimpleQueue[dict[str, Any]], topic: str, child: Child
) -> None:
    """Ask until the device is there."""
    end = time.monotonic() + 6 * _LIMIT
    while time.monotonic() < end:
        child.check()
        client.publish(f"{topic}/set", json.dumps({"state": "OFF", "id": "ready"}))
        try:
            if heard.get(timeout=0.5)["status"] == "ok":
                return
        except queue.Empty:
            continue
    raise RuntimeError("the device does not reach the bridge")
