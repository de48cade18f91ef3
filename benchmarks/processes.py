"""The processes under test: started on one CPU of their own, watched through /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_SCHEDULED = 2
_STOP_LIMIT = 12.0
_LINES = 4


def split_cpus() -> tuple[int, int | None]:
    """The CPU for the process under test, and the one for everybody else if there is another."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], (allowed[1] if len(allowed) > 1 else None)


def cpu_of(process: int) -> float:
    """CPU time that all threads of a process have used so far (s), to the nanosecond."""
    # The number of another process's clock, as clock_getcpuclockid(3) makes it on Linux.
    return time.clock_gettime(~process << 3 | _SCHEDULED)


class Child:
    """A module of this package in a process of its own, held to its CPUs; a context manager."""

    def __init__(self, module: str, cpus: int | Sequence[int], arguments: Sequence[str]) -> None:
        """`module` is a name in `benchmarks`; its first argument is the CPU, or several."""
        held = str(cpus) if isinstance(cpus, int) else ",".join(map(str, cpus))
        command = [sys.executable, "-m", f"benchmarks.{module}", held, *arguments]
        self.name = module
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`
        self._process = subprocess.Popen(
            command, cwd=Path(__file__).parent.parent, stderr=self._said
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._said.close()

    def check(self) -> None:
        """Raises `RuntimeError`, with what it said first and last, when it has ended by itself."""
        if self._process.poll() is not None:
            self._said.seek(0)
            said = self._said.read().decode(errors="replace").splitlines()
            short = " | ".join(dict.fromkeys((*said[:_LINES], *said[-_LINES:])))
            code = self._process.returncode
            raise RuntimeError(f"{self.name} ended with exit code {code}: {short}")

    def stop(self) -> None:
        """End it as systemd would; safe twice."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_LIMIT)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait(_STOP_LIMIT)

    def cpu(self) -> float:
        """CPU time used so far by all its threads (s), to the nanosecond."""
        return cpu_of(self._process.pid)

    def memory(self) -> float:
        """Resident memory now (MB)."""
        return self._status("VmRSS")

    def peak_memory(self) -> float:
        """The most resident memory since `forget_peak`, or ever (MB)."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Look for the peak anew from now on."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _status(self, key: str) -> float:
        for line in self._proc("status").splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"{self.name} has no {key}")

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self._process.pid}/{name}").read_text()
