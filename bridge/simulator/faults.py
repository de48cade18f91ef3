"""What can be made to go wrong: switches that a test turns at any time, by any thread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CommandFault(Enum):
    """What becomes of a command."""

    NONE = "none"
    LOSE_ANSWER = "lose answer"
    """It is carried out and the new state told, but not answered."""
    IGNORE = "ignore"
    """Neither carried out nor answered."""
    PRETEND = "pretend"
    """Answered with success, but nothing is done."""
    REFUSE = "refuse"
    """Answered with a failure, and nothing is done."""


class Second(Enum):
    """What a host does when its integrator opens a second connection."""

    DROP_OLDER = "drop older"
    REFUSE_NEWER = "refuse newer"
    ALLOW = "allow"


@dataclass(slots=True)
class HostFaults:
    """The switches of one cloud host."""

    mute: bool = False
    """New connections are accepted and then never spoken to, not even by TLS."""
    no_handshake: bool = False
    """TLS is answered, the WebSocket handshake never."""
    endless: bool = False
    """The answer to the WebSocket handshake has headers without end."""
    refuse: int | None = None
    """This HTTP status instead of a WebSocket."""
    refuse_location: str | None = None
    """The `Location` that goes with `refuse`."""
    displace: tuple[int, str] | None = None
    """Close code and reason: whoever connects is closed `displace_after` s later."""
    displace_after: float = 0.0
    commands: CommandFault = CommandFault.NONE
    no_verify: bool = False
    """`DeviceVerify` and `DeviceGetSettings` are not answered."""
    answer_delay: float = 0.0
    """Seconds before any answer."""
    second: Second = Second.DROP_OLDER
    second_close: tuple[int, str] = (1000, "another connection was opened")
    no_pong: bool = False
    """Pings are not answered."""
    refused_status: int = 401
    """HTTP status of the handshake with a token that is not good here; also seen: 403."""


class TokenAnswer(Enum):
    """What the token endpoint answers."""

    GOOD = "good"
    ERROR_500 = "500"
    HTML = "html"
    """200 with a web page, as a proxy or captive portal has it."""
    HANG = "hang"
    """The request is read and never answered."""
    REDIRECT = "redirect"
    EMPTY = "empty"
    HUGE = "huge"
    """A body that does not end."""
    NOT_OK = "not ok"
    """`isok` is false, whatever was sent."""
    NOT_A_JWT = "not a jwt"
    CUT = "cut"
    """The connection ends in the middle of the answer."""


@dataclass(slots=True)
class ApiFaults:
    """The switches of the HTTPS endpoints."""

    token: TokenAnswer = TokenAnswer.GOOD
    delay: float = 0.0
    """Seconds before any answer."""
    refused_status: int = 401
    """HTTP status of the answer to a wrong tag or token; the real one is not documented."""
