"""The exceptions that this program raises on purpose.

BridgeError
├── ConfigError        the user's fault: every problem at once, never a traceback (exit 78)
├── StartError         this machine's fault: port taken, data directory unusable, second bridge
├── StoreError         the registry on disk could not be read or written
└── PeerError          somebody else's fault: counted, logged once, survived
    ├── FrameError     a frame, body or answer that is not what the protocol says
    ├── AuthError      the peer refused our token, password or certificate
    └── ConnectionLost the connection could not be opened, or ended

Anything else that is raised is our own bug and stops the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class BridgeError(Exception):
    """Base of all that is raised on purpose; its text is fit to be shown and holds no secret."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the configuration: where it stands and what to do about it."""

    source: str
    """File name, or the name of the environment variable."""
    line: int | None
    key: str
    """Dotted key, such as `mqtt.port`; empty when the file as a whole is meant."""
    text: str

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class ConfigError(BridgeError):
    """The configuration is wrong; `problems` lists everything that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class StartError(BridgeError):
    """The bridge cannot start here; the text says what to do."""


class StoreError(BridgeError):
    """The registry on disk cannot be used."""


class PeerError(BridgeError):
    """A peer did something wrong or is not there."""


class FrameError(PeerError):
    """What the peer sent is not what the protocol says; `kind` groups equal mistakes."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class AuthError(PeerError):
    """The peer refused what we showed it to prove who we are."""


class ConnectionLost(PeerError):
    """The connection could not be opened, or ended."""
