"""The demo: broker, cloud and bridge in one process, and nothing left of them afterwards."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bridge import demo
from bridge.app import Bridge
from bridge.simulator.broker import Broker
from tests.brokers import Peer, wait_until
from tests.restore import logging_as_it_was

ROOT = Path(__file__).parents[1]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`demo` as a process that has said everything."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge", "demo", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def instructions(process: subprocess.Popen[str]) -> str:
    """What it prints until it runs."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


def address(text: str, pattern: str) -> tuple[str, int]:
    """Host and port as they are printed."""
    found = re.search(pattern + r"(127\.0\.0\.1):([0-9]+)", text)
    assert found is not None, text
    return found[1], int(found[2])


def test_it_shows_the_main_job_and_ends_with_its_time() -> None:
    with started("--seconds", "3") as process:
        text = instructions(process)
        assert text.startswith("12 simulated Shelly devices are on MQTT")
        _, port = address(text, "on MQTT at ")
        (topic,) = re.findall(r"-t (shelly/[0-9a-f]+/relay/0)/set -m ON", text)
        with Peer(port, "shelly/#") as peer:
            wait_until(lambda: peer.values.get(topic))
            peer.publish(f"{topic}/set", "OFF")
            wait_until(lambda: json.loads(peer.values[topic])["state"] == "OFF")
        out, err = process.communicate(timeout=15)
        assert process.returncode == 0
        assert out == "stopping …\n"
        assert err == ""
    places = [address(text, "on MQTT at "), address(text, "Status page: http://")]
    for place in places:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(place, 1)


def test_a_signal_ends_it_cleanly() -> None:
    with started("--devices", "2", "--hosts", "1") as process:
        instructions(process)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=15)
        assert process.returncode == 0
        assert err == ""


def test_it_leaves_no_thread_and_no_file_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(threading.enumerate())
    bridges: list[Bridge] = []
    lines: list[str] = []
    with Broker() as broker, Peer(broker.port, "shelly/+/availability") as peer:
        wanted = demo.Wanted(3, 6, 50.0, 1.0, ("127.0.0.1", broker.port))
        with logging_as_it_was():
            assert demo.run(wanted, lines.append, bridges.append) == 0
        assert len(peer.values) == 6
    assert len(bridges) == 1
    assert lines[-1] == "stopping …"
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: not set(threading.enumerate()) - before)


def test_taken_ports_are_no_obstacle() -> None:
    with ExitStack() as stack:
        for port in (1883, 8080, 8090):
            try:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                # Somebody else has it, which is just as well.
                continue
        with started("--devices", "1", "--hosts", "1") as process:
            text = instructions(process)
            assert address(text, "on MQTT at ")[1] != 1883
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0
