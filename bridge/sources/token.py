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
from bridge.sources.patience import YOUNG, Patience

MARGIN = 600.0
"""A token is not used in its last ten minutes (s)."""

LIFETIME = 20 * 3600.0
"""How long a token without a readable `exp` is used (s)."""

REFUSED_BY_HOST = "the host refuses a token although others take them"

_DOUBT_PAUSE = 3600.0
"""How often (s) a host may have a token replaced that others would take."""

_ERROR_KEY = re.compile(r"[a-z_]{1,40}", re.ASCII)
"""What is shown of an answer; no token looks like this."""


class TokenKeeper:
    """Keeps one token; many threads may ask, and one request serves them all.

    `fetch` asks the cloud and returns the answer's JSON object. A host that refuses what others
    take has to wait by itself: nobody else does, and it costs a new token once in an hour.
    """

    def __init__(
        self, fetch: Callable[[], dict[str, Json]], register_secret: Callable[[str], None]
    ) -> None:
        self._fetch = fetch
        self._register_secret = register_secret
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._doubted: Token | None = None
        """The last token that was refused so that a new one is worth asking for."""
        self._hosts: dict[str, _Host] = {}
        self._patience = Patience()

    def get(self, host: str) -> Token:
        """A token for a host; raises `TokenUnavailableError`.

        Waits while another thread asks, which is at most one request's time.
        """
        with self._lock:
            asking = self._host(host)
            token = self._token
            if token is not None and time.monotonic() < token.good_until:
                if asking.refused is not token:
                    return token
                if token is not self._doubted:
                    # The fault is the host's: it is asked again in a while, nobody else is.
                    asking.patience.check()
                    return token
            self._patience.check()
            return self._ask()

    def taken(self, host: str, token: Token) -> None:
        """A host took this token."""
        with self._lock:
            self._host(host).took(token)

    def refused(self, host: str, token: Token) -> None:
        """A host did not take this token (any more): its next `get` asks for a new one.

        The first time at once; if young tokens are refused in a row, not before a delay. Others
        go on with the token as long as they do not refuse it.
        """
        with self._lock:
            refusing = self._host(host)
            if self._token is not token:
                return
            refusing.refused = token
            if not refusing.may_doubt(token) and self._contradicted(host):
                refusing.patience.failed(AuthError(REFUSED_BY_HOST))
            elif self._doubted is not token:
                self._doubted = token
                self._patience.refused()

    def forget(self, host: str) -> None:
        """There is no such host any more."""
        with self._lock:
            self._hosts.pop(host, None)

    def _host(self, name: str) -> _Host:
        return self._hosts.setdefault(name, _Host())

    def _contradicted(self, host: str) -> bool:
        return any(other.taken is not None for name, other in self._hosts.items() if name != host)

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


class _Host:
    """What a host thought of tokens."""

    def __init__(self) -> None:
        self.taken: Token | None = None
        """The last one that it took."""
        self.refused: Token | None = None
        """The last one that it refused."""
        self.patience = Patience()
        """How long it is left alone."""
        self._taken_at = 0.0
        self._doubts_again = 0.0

    def took(self, token: Token) -> None:
        self.taken, self._taken_at = token, time.monotonic()
        self.refused = None
        self.patience.succeeded()

    def may_doubt(self, token: Token) -> bool:
        """Whether a new token may be asked for on its account, although others take tokens."""
        now = time.monotonic()
        changed_its_mind = self.taken is token and now - self._taken_at >= YOUNG
        if not changed_its_mind and now < self._doubts_again:
            return False
        self._doubts_again = now + _DOUBT_PAUSE
        return True


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
