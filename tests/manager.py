"""A service manager that only listens: a socket for `NOTIFY_SOCKET`, and what was said there."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class Manager:
    """Use it as a context manager. `address` is what `NOTIFY_SOCKET` is to be.

    In `directory` the socket is a file, else its name is an abstract one.
    """

    def __init__(self, directory: Path | None = None) -> None:
        name = f"bridge-test-{secrets.token_hex(8)}"
        self.address = f"@{name}" if directory is None else str(directory / "notify")
        self._bound = f"\0{name}" if directory is None else self.address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.messages: list[dict[str, str]] = []
        """Everything that was said, in order."""
        self._heard_at: list[float] = []

    def __enter__(self) -> Self:
        self._socket.bind(self._bound)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", self._bound)
        self._thread.join(5)
        self._socket.close()

    def _listen(self) -> None:
        while data := self._socket.recv(4096):
            self._heard_at.append(time.monotonic())
            lines = (line.partition("=") for line in data.decode().split("\n"))
            self.messages.append({name: value for name, _, value in lines})

    def said(self, name: str) -> list[str]:
        """Every value of a name, in order."""
        return [message[name] for message in list(self.messages) if name in message]

    def heard_at(self, name: str) -> list[float]:
        """When each of them was said (monotonic s)."""
        pairs = zip(list(self.messages), self._heard_at, strict=False)
        return [at for message, at in pairs if name in message]

    def first(self, name: str) -> int:
        """Which message was the first to have a name."""
        return next(index for index, message in enumerate(self.messages) if name in message)
