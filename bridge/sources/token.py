"""The integrator's access token: one for all hosts, fetched only when a connection needs it.

(Shelly docs, Integrator API: valid for 24 hours, needed at the moment a connection is opened;
an open connection goes on without it.)
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from bridge.core.model import Json
from bridge.errors import AuthError, PeerError
from bridge.sources import jwt
from bridge.sources.jwt import Token
from bridge.sources.patience import Patience

MARGIN = 600.0
"""A token is not used in its last ten minutes (s)."""

LIFETIME = 20 * 3600.0
"""How long a token without a readable `exp` is used (s)."""

_ERROR_KEY = re.compile(r"[a-z_]{1,40}", re.ASCII)
"""What is shown of an answer; no token looks like this."""


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
        self._patience = Patience()

    def get(self) -> Token:
        """A token that is good; raises `TokenUnavailableError`.

        Waits while another thread asks, which is at most one request's time.
        """
        with self._lock:
            if self._token is not None and time.monotonic() < self._token.good_until:
                return self._token
            self._patience.check()
            return self._ask()

    def refused(self, token: Token) -> None:
        """A host did not take this token: the next `get` asks for a new one.

        The first time at once; if young tokens are refused in a row, not before a delay.
        """
        with self._lock:
            if self._token is token:
                self._token = None
                self._patience.refused()

    def _ask(self) -> Token:
        self._patience.asking()
        try:
            token = _read(self._fetch())
        except PeerError as error:
            raise self._patience.failed(error) from None
        self._register_secret(token.text)
        self._token = token
        self._patience.succeeded()
        return token


def _read(answer: dict[str, Json]) -> Token:
    """The token of the cloud's answer; raises `PeerError`."""
    if answer.get("isok") is not True:
        errors = answer.get("errors")
        keys = errors if isinstance(errors, dict) else ()
        shown = ", ".join(key for key in keys if _ERROR_KEY.fullmatch(key)) or "none named"
        raise AuthError(f"the cloud gives no token for this tag and token (errors: {shown})")
    text = answer.get("data")
    if not jwt.is_jwt(text):
        raise PeerError("the cloud's answer holds no token")
    expires = jwt.moment(jwt.claims(text), "exp")
    left = LIFETIME if expires is None else expires - time.time() - MARGIN
    # A wrong clock here must not make every token look old: it is good for one use at least.
    return Token(text, time.monotonic() + min(max(left, 60.0), LIFETIME), expires)
