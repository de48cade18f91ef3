"""The command in a terminal of its own, and somebody who types."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect

LIMIT = 90
"""Seconds for whatever has to be written; machines may be busy."""

ROOT = Path(__file__).parents[2]


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """`shelly-bridge ARGUMENTS` in `directory`; a context manager, which ends it."""

    def __init__(self, directory: Path, *arguments: str | Path) -> None:
        ours = {name: text for name, text in os.environ.items() if "SHELLY_BRIDGE" not in name}
        self._record = io.StringIO()
        self._process: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            ["-m", "bridge", *map(str, arguments)],
            cwd=directory,
            env={**ours, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
            encoding="utf-8",
            timeout=LIMIT,
            dimensions=(40, 250),
            # Whoever runs the tests in the background may have Ctrl-C ignored.
            preexec_fn=_heed_interrupts,
        )
        self._process.logfile_read = self._record

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.close(force=True)

    @property
    def seen(self) -> str:
        """Everything that could be read so far, also what was typed unless it was hidden."""
        return self._record.getvalue().replace("\r\n", "\n")

    def await_prompt(self, prompt: str) -> None:
        """Wait until it asks."""
        self._process.expect(re.escape(prompt) + r"[^\r\n]*: ")

    def answer(self, prompt: str, text: str = "") -> None:
        """Wait until it asks, and answer; nothing is Enter."""
        self.await_prompt(prompt)
        self._process.sendline(text)

    def await_text(self, text: str) -> None:
        """Wait until it says something."""
        self._process.expect_exact(text)

    def press(self, key: str) -> None:
        """Ctrl and that letter."""
        self._process.sendcontrol(key)

    def end(self) -> int:
        """Wait for its end; the exit code."""
        self._process.expect(pexpect.EOF)
        self._process.close()
        return int(self._process.exitstatus if self._process.exitstatus is not None else -1)
