"""`simulate` as a process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

ROOT = Path(__file__).parents[2]


def simulate(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bridge", "simulate", "--port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_ends_with_its_time(tmp_path: Path) -> None:
    with simulate("--seconds", "0.5", "--devices", "3", "--directory", tmp_path) as process:
        out, err = process.communicate(timeout=15)
        assert (process.returncode, err) == (0, "")
    assert "integrator:\n" in out
    assert (tmp_path / "ca.pem").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    with simulate("--devices", "1") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("The devices"):
                break
        process.send_signal(number)
        _, err = process.communicate(timeout=15)
        assert (process.returncode, err) == (0, "")


def test_a_port_that_is_taken_is_one_clear_line(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = cli("simulate", "--port", port, "--seconds", "1")
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert port in result.err
