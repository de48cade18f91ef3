"""`run`: what keeps it from starting is told in one line, and signals end it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.app import Bridge
from bridge.cli import run
from bridge.cli.run import StopSignals
from bridge.simulator.broker import Broker
from bridge.store import Store
from tests.brokers import Peer, wait_until
from tests.cli.conftest import Cli, Configure

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "bridge")


@pytest.mark.parametrize("command", ["run", "check", "consent-url", "devices"])
def test_a_configuration_that_cannot_be_read_is_78(cli: Cli, tmp_path: Path, command: str) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\x00\xff\xfe" * 100)
    for file in (tmp_path / "missing.yaml", tmp_path, binary, Path("/dev/null")):
        result = cli(command, "-c", file)
        assert result.code == 78
        assert result.complaints
        assert result.out == ""


def test_no_configuration_at_all_is_78(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    complaint, hint = cli("run").complaints
    assert "no file found; looked for ./config.yaml" in complaint
    assert '"shelly-bridge init"' in hint
    assert '"shelly-bridge check"' in hint
    monkeypatch.setenv("SHELLY_BRIDGE_CONFIG", "elsewhere.yaml")
    result = cli("run")
    assert result.code == 78
    assert "there is no file elsewhere.yaml" in result.complaints[0]


def test_no_source_at_all_is_78_and_what_to_do_is_told(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "first.yaml"
    file.write_text("mqtt: {host: localhost}\n")
    result = cli("run", "-c", file)
    assert result.code == 78
    complaint, hint = result.complaints
    assert "no source" in complaint
    assert '"shelly-bridge init"' in hint
    assert '"shelly-bridge check"' in hint


def test_a_configuration_of_the_environment_alone_is_enough(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (
        ("MQTT__HOST", "localhost"),
        ("INTEGRATOR__TAG", "ITG_TEST"),
        ("INTEGRATOR__TOKEN", "canary-token"),
        ("DATA_DIR", str(tmp_path / "data")),
    ):
        monkeypatch.setenv(f"SHELLY_BRIDGE_{name}", value)
    result = cli("check", "--offline")
    assert (result.code, result.err) == (0, "")
    assert "canary" not in result.out


@pytest.mark.parametrize("command", ["run", "check", "consent-url", "devices"])
@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_data_directory_that_cannot_be_used_is_78(
    cli: Cli, configure: Configure, tmp_path: Path, command: str, place: str
) -> None:
    (tmp_path / "file").write_text("not a directory")
    result = cli(command, "-c", configure(data_dir=tmp_path / place))
    assert result.code == 78
    (complaint,) = result.complaints
    assert str(tmp_path / "file") in complaint


@pytest.mark.parametrize("listener", ["public", "admin"])
def test_a_port_that_is_taken_is_one_clear_line(
    cli: Cli, configure: Configure, listener: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [*COMMAND, "run", "-c", configure(**{f"web__{listener}__listen": address})],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert address in done.stderr
    # The data directory is free again.
    assert cli("consent-url", "-c", configure()).code == 0


def test_a_second_bridge_on_the_same_directory_is_one_clear_line(
    cli: Cli, configure: Configure, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "data", exclusive=True):
        result = cli("run", "-c", configure())
    assert result.code == 1
    (complaint,) = result.complaints
    assert "another bridge" in complaint
    assert str(os.getpid()) in complaint


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(
    configure: Configure, broker: Broker, number: signal.Signals
) -> None:
    config = configure(mqtt__port=broker.port)
    with Peer(broker.port, "shelly/bridge/state") as peer:
        process = subprocess.Popen(
            [*COMMAND, "run", "-c", config],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                wait_until(lambda: peer.values.get("shelly/bridge/state") == b"online", 15)
                process.send_signal(number)
                assert process.wait(10) == 0
            finally:
                process.kill()
            assert process.stderr is not None
            written = process.stderr.read()
        wait_until(lambda: peer.values["shelly/bridge/state"] == b"offline")
    assert "Traceback" not in written
    assert "canary" not in written


def test_a_restart_is_a_new_process_by_the_same_command(
    configure: Configure, broker: Broker
) -> None:
    config = configure(mqtt__port=broker.port)
    with Peer(broker.port, "shelly/bridge/#") as peer:
        said = peer.payloads
        process = subprocess.Popen(
            [*COMMAND, "run", "-c", config],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                wait_until(lambda: said("shelly/bridge/state")[-1:] == [b"online"], 15)
                wait_until(lambda: "shelly/bridge/info" in peer.values, 15)
                began = json.loads(peer.values["shelly/bridge/info"])["started"]
                peer.publish("shelly/bridge/request/restart", "PRESS")
                wait_until(lambda: said("shelly/bridge/state")[-3:].count(b"offline") == 1, 15)
                wait_until(
                    lambda: json.loads(peer.values["shelly/bridge/info"])["started"] != began, 15
                )
                assert said("shelly/bridge/state")[-1] == b"online"
                assert json.loads(said("shelly/bridge/response/restart")[0])["status"] == "ok"
                assert len(said("shelly/bridge/response/restart")) == 1
                # The same process, as far as whoever started it can tell.
                assert process.poll() is None
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0
            finally:
                process.kill()
            assert process.stderr is not None
            written = process.stderr.read()
        wait_until(lambda: peer.values["shelly/bridge/state"] == b"offline")
    assert "Traceback" not in written
    assert "a restart was asked for" in written


@pytest.mark.parametrize(
    ("code", "wanted", "signalled", "again"),
    [
        (0, True, False, True),
        (0, False, False, False),
        (1, True, False, False),
        (0, True, True, False),
    ],
)
def test_when_it_starts_again(
    configure: Configure,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    wanted: bool,
    signalled: bool,
    again: bool,
) -> None:
    class Ended:
        """A bridge that has run."""

        restart_wanted = wanted

        def __init__(self, _: object) -> None:
            pass

        def run(self) -> int:
            if signalled:
                signal.raise_signal(signal.SIGTERM)
            return code

        def request_stop(self) -> None:
            pass

    started: list[list[str]] = []
    monkeypatch.setattr(run, "Bridge", Ended)
    monkeypatch.setattr(os, "execv", lambda _, command: started.append(command))
    assert cli("run", "-c", configure()).code == code
    assert started == ([[sys.executable, *sys.orig_argv[1:]]] if again else [])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))


@pytest.mark.usefixtures("cli")
def test_a_second_signal_ends_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(Bridge):
        """Only counts how often it is asked to stop."""

        def __init__(self) -> None:
            self.asked = 0

        def request_stop(self) -> None:
            self.asked += 1

    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    deaf = Deaf()
    signals = StopSignals()
    signal.raise_signal(signal.SIGTERM)
    assert (deaf.asked, ended) == (0, [])
    # It came while the bridge was being made, and is not lost.
    signals.stop(deaf)
    assert (deaf.asked, ended) == (1, [])
    signal.raise_signal(signal.SIGINT)
    assert ended == [130]
