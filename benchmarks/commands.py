"""How long a command takes to a device that is connected to the bridge itself, and back."""

from __future__ import annotations

import json
import queue
import secrets
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.processes import Child
from benchmarks.report import Table, Target, percentile
from bridge.config.example import render
from bridge.simulator.outbound import Unit
from bridge.simulator.world import World
from tests.brokers import MosquittoProcess, free_port

_MODEL = "SNSW-001P16EU"
_WARM_UP = 20
_LIMIT = 10.0


def round_trips(cpu: int, count: int) -> Table:
    """MQTT in, native RPC to the device, result out: ms, with TCP_NODELAY on all sides."""
    delays = [delay * 1e3 for delay in _measure(cpu, count)]
    found = {percent: percentile(delays, percent) for percent in (50, 90, 99)}
    table = Table(
        f"{count} commands to a local device: ms until the accepted result is heard",
        ("", "p50", "p90", "p99", "longest"),
    )
    cells = (*found.values(), max(delays))
    table.rows.append(("bridge", *(f"{cell:.2f}" for cell in cells)))
    table.figures["bridge"] = {"p50_p90_p99_ms": found}
    table.targets = [Target(f"p50 at most 5 ms ({found[50]:.2f})", found[50] <= 5)]
    return table


def _measure(cpu: int, count: int) -> list[float]:
    secret, port = secrets.token_urlsafe(24), free_port()
    with (
        MosquittoProcess("set_tcp_nodelay true") as broker,
        World() as world,
        tempfile.TemporaryDirectory() as directory,
    ):
        file = Path(directory, "config.yaml")
        file.touch(mode=0o600)
        values = {
            "mqtt.host": "127.0.0.1",
            "mqtt.port": str(broker.port),
            "outbound.enabled": "true",
            "outbound.listen": f"127.0.0.1:{port}",
            "outbound.secret": secret,
            "commands.min_interval": "0",
            "web.admin.enabled": "false",
            "data_dir": str(Path(directory, "data")),
        }
        file.write_text(render(values))
        unit = Unit(world, world.add_device(_MODEL, granted=False))
        with Child("bridge_process", cpu, [str(file)]) as child:
            unit.dial(f"ws://127.0.0.1:{port}/shelly/{secret}")
            return _ask(broker.port, unit.device.hex_id, child, count)


def _ask(port: int, device: str, child: Child, count: int) -> list[float]:
    """Send commands one after the other, and take the time of each answer (s)."""
    heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    client = Client(CallbackAPIVersion.VERSION2)

    def without_delay(_client: Client, _data: object, opened: object) -> None:
        if isinstance(opened, socket.socket):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    client.on_socket_open = without_delay

    def hear(_client: Client, _data: object, message: MQTTMessage) -> None:
        heard.put(json.loads(message.payload))

    client.on_message = hear
    client.connect("127.0.0.1", port)
    client.loop_start()
    topic = f"shelly/{device}/relay/0"
    client.subscribe(f"{topic}/result")
    delays: list[float] = []
    try:
        _wait_known(client, heard, topic, child)
        for number in range(_WARM_UP + count):
            begin = time.perf_counter()
            state = "ON" if number % 2 else "OFF"
            client.publish(f"{topic}/set", json.dumps({"state": state, "id": number}))
            while (result := heard.get(timeout=_LIMIT))["id"] != number or not result["trid"]:
                child.check()
            delays.append(time.perf_counter() - begin)
    finally:
        client.disconnect()
        client.loop_stop()
    return delays[_WARM_UP:]


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
