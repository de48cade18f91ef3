"""Access tokens as Shelly's clouds give them: JWTs, read without being verified.

What they say only tells when to ask for the next one and which host they are for; whether they
are good is the host's business.
"""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass
from typing import TypeGuard

from bridge.core import jsontext
from bridge.core.model import Json
from bridge.errors import FrameError, PeerError

LONGEST = 8_192
"""Characters of a token."""

LIFETIME = 10 * 3_600.0
"""How long a token is used (s) that does not say it."""

_LATEST = 1e11
"""No time of a token is later than that (unix s): it was told in another unit."""


class TokenUnavailableError(PeerError):
    """There is no token now; `retry_after` (s) says when it may be asked for again.

    `refused`: the cloud does not want to give one, so somebody has to do something.
    """

    def __init__(self, text: str, retry_after: float, *, refused: bool) -> None:
        super().__init__(text)
        self.refused = refused
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `expires` is in unix s where the token says so."""

    text: str
    good_until: float
    """Monotonic s."""
    expires: float | None = None
    base: str = ""
    """The URL of the host that it is for, where it names one."""

    def __repr__(self) -> str:
        return "Token(***)"


def is_secret(value: Json) -> TypeGuard[str]:
    """Whether a value can be a token or code: one word that fits into a header or a URL."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST:
        return False
    return value.isascii() and value.isprintable() and " " not in value


def is_jwt(value: Json) -> TypeGuard[str]:
    """Whether a value has the form of a JWT."""
    return is_secret(value) and value.count(".") == 2


def claims(text: str) -> dict[str, Json]:
    """What a JWT says; nothing if that cannot be read."""
    payload = text.split(".")[1] if text.count(".") == 2 else ""
    try:
        padded = payload + "=" * (-len(payload) % 4)
        return jsontext.parse_object(base64.urlsafe_b64decode(padded))
    except (FrameError, binascii.Error, ValueError):
        return {}


def remains(text: str) -> str:
    """What is kept of a JWT that is no good: what it said, without what made it one."""
    return f".{text.split('.')[1]}." if text.count(".") == 2 else ""


def is_remains(text: str) -> bool:
    """Whether that is all that is left of it."""
    return text.startswith(".")


def user(text: str) -> str:
    """Whose a JWT is, as it says; empty if it does not."""
    value = claims(text).get("user_id")
    told = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if told else ""


def are_two_users(one: str, other: str) -> bool:
    """Whether these are not the same user; one that is not told (empty) may be any."""
    return "" not in (one, other) and one != other


def moment(said: dict[str, Json], name: str) -> float | None:
    """A time (unix s) among the claims; None if it is missing or no time."""
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < _LATEST else None


def lifetime(said: dict[str, Json], answer: dict[str, Json]) -> float:
    """How long a new token is good (s), by the cloud's clock where it can be told from that.

    `said` are its claims, `answer` is the JSON that it came in.
    """
    begins, ends = moment(said, "iat"), moment(said, "exp")
    told = moment(answer, "expires_in")
    if ends is not None and begins is not None and ends > begins:
        return ends - begins
    if told is not None:
        return told
    return ends - time.time() if ends is not None and ends > time.time() else LIFETIME
