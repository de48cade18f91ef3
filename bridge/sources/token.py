"""The integrator's access token: one for all hosts, fetched only when a connection needs it.

(Shelly docs, Integrator API: valid for 24 hours, needed at the moment a connection is opened;
an open connection goes on without it.)
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import random

from bridge.core import jsontext
from bridge.core.backoff import Backoff
from bridge.core.model import Json
from bridge.errors import AuthError, FrameError, PeerError

MARGIN = 600.0
"""A token is not used in its last ten minutes (s)."""

LIFETIME = 20 * 3600.0
"""How long a token without a readable `exp` is used (s)."""

LONGEST = 8_192
"""Characters of a token."""

YOUNG = 60.0
"""A token that is refused within this time (s) of its issue was probably never good."""

_ERROR_KEY = re.compile(r"[a-z_]{1,40}", re.ASCII)
"""What is shown of an answer; no token looks like this."""


class TokenUnavailableError(PeerError):
    """There is no token now; `retry_after` (s) says when it may be asked for again."""

    def __init__(self, cause: PeerError, retry_after: float) -> None:
        super().__init__(str(cause))
        self.refused = isinstance(cause, AuthError)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `expires` is in unix s where the token says so."""

    text: str
    good_until: float
    """Monotonic s."""
    expires: float | None = None

    def __repr__(self) -> str:
        return "Token(***)"


class TokenKeeper:
    """Keeps one token; many threads may ask, and one request serves them all.

    `fetch` asks the cloud and returns the answer's JSON object.
    """

    def __init__(
        self, fetch: Callable[[], dict[str, Json]], register_secret: Callable[[str], None]
    ) -> None:
        self._fetch = fetch
        self._register_secret = register_secret
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._failure: PeerError | None = None
        self._retry_at = 0.0
        self._asked_at = 0.0
        self._refusals = 0
        """Young tokens in a row that a host refused."""
        self._after_failure = _backoff()
        self._after_refusal = _backoff()

    def get(self) -> Token:
        """A token that is good; raises `TokenUnavailableError`.

        Waits while another thread asks, which is at most one request's time.
        """
        with self._lock:
            now = time.monotonic()
            if self._token is not None and now < self._token.good_until:
                return self._token
            if self._failure is not None and now < self._retry_at:
                raise TokenUnavailableError(self._failure, self._retry_at - now)
            return self._ask()

    def refused(self, token: Token) -> None:
        """A host did not take this token: the next `get` asks for a new one.

        The first time at once; if young tokens are refused in a row, not before a delay.
        """
        with self._lock:
            if self._token is not token:
                return
            self._token = None
            young = time.monotonic() - self._asked_at < YOUNG
            self._refusals = self._refusals + 1 if young else 0
            if self._refusals < 2:
                self._after_refusal = _backoff()
            else:
                problem = AuthError("the hosts refuse the token that the cloud gives")
                self._wait(problem, self._after_refusal)

    def _ask(self) -> Token:
        self._asked_at = time.monotonic()
        try:
            token = _read(self._fetch())
        except PeerError as error:
            delay = self._wait(error, self._after_failure)
            raise TokenUnavailableError(error, delay) from None
        self._register_secret(token.text)
        self._token, self._failure = token, None
        self._after_failure = _backoff()
        return token

    def _wait(self, failure: PeerError, backoff: Backoff) -> float:
        """Let nobody ask for a while, because of `failure`; gives the delay (s)."""
        delay = backoff.next_delay(0.25 + random() / 2)  # noqa: S311 - jitter
        self._failure, self._retry_at = failure, time.monotonic() + delay
        return delay


def _backoff() -> Backoff:
    """Slower than reconnects: ten minutes of refusals must not look like an attack."""
    return Backoff(first=2.0, longest=120.0)


def _read(answer: dict[str, Json]) -> Token:
    """The token of the cloud's answer; raises `PeerError`."""
    if answer.get("isok") is not True:
        errors = answer.get("errors")
        keys = errors if isinstance(errors, dict) else ()
        shown = ", ".join(key for key in keys if _ERROR_KEY.fullmatch(key)) or "none named"
        raise AuthError(f"the cloud gives no token for this tag and token (errors: {shown})")
    text = answer.get("data")
    if not isinstance(text, str) or text.count(".") != 2 or len(text) > LONGEST:
        raise PeerError("the cloud's answer holds no token")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise PeerError("the cloud's answer holds no token")
    expires = _expiry(text)
    left = LIFETIME if expires is None else expires - time.time() - MARGIN
    # A wrong clock here must not make every token look old: it is good for one use at least.
    return Token(text, time.monotonic() + min(max(left, 60.0), LIFETIME), expires)


def _expiry(text: str) -> float | None:
    """`exp` of a JWT (unix s), unverified: it only tells when to ask for the next one."""
    payload = text.split(".")[1]
    try:
        padded = payload + "=" * (-len(payload) % 4)
        claims = jsontext.parse_object(base64.urlsafe_b64decode(padded))
    except (FrameError, binascii.Error, ValueError):
        return None
    expires = claims.get("exp")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return None
    return float(expires) if 0 < expires < 1e11 else None
