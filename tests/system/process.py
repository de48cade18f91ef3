"""The bridge as a process that can be measured, stopped and killed."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.brokers import wait_until

ROOT = Path(__file__).parents[2]

_NOT_FOR_CLIENTS = range(10_000, 32_000)
"""Ports that no system gives to connections by itself, so that nobody takes one meanwhile."""


class BridgeProcess:
    """`tests.system.bridge_main` with a configuration file; a context manager."""

    def __init__(self, config: Path, *, inside: Sequence[str] = (), **environment: str) -> None:
        """`inside`: a command that runs the command after it somewhere else."""
        self._config = config
        self._inside = inside
        self._environment = environment
        self._log = config.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> Self:
        """Start it."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *self._inside,
                    sys.executable,
                    "-m",
                    "tests.system.bridge_main",
                    str(self._config),
                ],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
            )
        return self

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The process; it must have been started."""
        assert self.process is not None
        return self.process

    def arm(self) -> Self:
        """Let go wrong what its environment says is to go wrong from now on."""
        before = self.log.count("armed\n")
        self.running.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.log.count("armed\n") > before, 10, "it goes wrong")
        return self

    def terminate(self, limit: float = 15.0) -> int:
        """SIGTERM, and the exit code."""
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(limit)

    def kill(self) -> None:
        """SIGKILL; safe when it has ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self.running.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def processor_time(self) -> float:
        """Seconds of a processor that it has used."""
        fields = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def log(self) -> str:
        """Everything that it wrote."""
        return self._log.read_text()


def quiet_port() -> int:
    """A port for a process to listen on, which will most probably still be free then."""
    while True:
        port = secrets.choice(_NOT_FOR_CLIENTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


def wait_healthy(port: int, limit: float = 10.0) -> None:
    """Wait until `/healthz` on a port says that all is well."""

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    wait_until(healthy, limit, "the bridge is healthy")
