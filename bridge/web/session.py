"""Who may see the pages, and who may press their buttons.

Without a password the listener is on loopback and everybody there may; a page of another site
still may not, which is what the token in every form is for. With one, a browser signs in and gets
a cookie; programs that only read may send the password with each request (HTTP Basic).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, TooManyRequests, Unauthorized
from werkzeug.security import check_password_hash

from bridge.web.refusals import WINDOW, Refusals, network_of

_log = logging.getLogger(__name__)

GUESS_LIMIT = 20
"""Wrong passwords a minute and address."""

CHECK_LIMIT = 2.0
"""Seconds for which a password waits until others were looked at."""

LIFETIME = 30 * 86_400.0
"""Seconds after its last use in which somebody stays signed in."""

MOST_SESSIONS = 200
"""Who may be signed in at once; the one that was used longest ago is forgotten first."""

COOKIE = "shelly_bridge"
DOOR_COOKIE = "shelly_bridge_door"
"""Of who is not signed in. It is another one, since a link on another site brings no cookie at all
(SameSite), and the new one for such a visit must not take the place of a session."""

FIELD = "token"
"""The form field that proves that the form is ours."""

_CHALLENGE = WWWAuthenticate("basic", {"realm": "shelly-bridge", "charset": "UTF-8"})

_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_HASHED = re.compile(r"(?:scrypt|pbkdf2):[^$]+\$[^$]+\$[0-9a-f]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser, by its cookie; `new` if it has none yet."""

    id: str
    new: bool


class Sessions:
    """The browsers that are signed in."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()

    def begin(self) -> str:
        """A new one."""
        made = secrets.token_urlsafe(32)
        with self._lock:
            self._until[made] = self._now() + LIFETIME
            while len(self._until) > MOST_SESSIONS:
                self._until.popitem(last=False)
        return made

    def use(self, session: str) -> bool:
        """Whether it is signed in; that lasts on, then."""
        with self._lock:
            if self._until.pop(session, 0.0) < self._now():
                return False
            self._until[session] = self._now() + LIFETIME
            return True

    def end(self, session: str) -> None:
        """Sign out."""
        with self._lock:
            self._until.pop(session, None)


class Doorkeeper:
    """Decides about every request; its methods are called while one is served."""

    def __init__(self, password: str | None) -> None:
        """`password` is as people type it, or hashed as `werkzeug.security` does."""
        self._password = password
        self._key = secrets.token_bytes(32)
        self._guesses = Refusals()
        self._check = threading.Lock()
        self._sessions = Sessions()

    @property
    def has_password(self) -> bool:
        """Whether anybody has to sign in at all."""
        return self._password is not None

    def is_signed_in(self) -> bool:
        """Whether this browser may see everything and press every button."""
        return self._password is None or self._sessions.use(_cookie(COOKIE))

    def admit_reader(self, *, challenge: bool) -> None:
        """Let a request read that sends the password itself; raises what to answer otherwise.

        With a `challenge` a browser would ask for the password in a window of its own.
        """
        given = request.authorization
        if given is None or given.type != "basic" or not self._matches(given.password or ""):
            raise Unauthorized(www_authenticate=_CHALLENGE if challenge else None)

    def sign_in(self, password: str) -> str | None:
        """A new session for the right password; None for a wrong one.

        Raises `TooManyRequests` for an address that guesses.
        """
        if not self._matches(password):
            return None
        _log.info("somebody signed in to the page, from %s", _whence())
        return self._sessions.begin()

    def sign_out(self) -> None:
        """End this browser's session."""
        self._sessions.end(_cookie(COOKIE))

    def visit(self) -> Visit:
        """This browser; one without a cookie is given a new name."""
        known = _cookie(COOKIE if self.is_signed_in() else DOOR_COOKIE)
        return Visit(known, new=False) if known else Visit(secrets.token_urlsafe(32), new=True)

    def token(self, visit: Visit) -> str:
        """What a form of this browser carries."""
        return hmac.new(self._key, visit.id.encode(), hashlib.sha256).hexdigest()

    def check_form(self, visit: Visit) -> None:
        """Make sure that a form comes from a page of ours; raises `Forbidden`."""
        expected = self.token(visit)
        given = request.form.get(FIELD, "")
        if visit.new or not hmac.compare_digest(given.encode(), expected.encode()):
            raise Forbidden("this form is out of date; load the page again")
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2].lower() != request.host.lower():
            raise Forbidden("this form is of another site")

    def remember(self, response: Response, visit: Visit) -> None:
        """Give the browser its name, which no script and no other site can use."""
        signed_in = self._sessions.use(visit.id)
        response.set_cookie(
            COOKIE if signed_in or not self.has_password else DOOR_COOKIE,
            visit.id,
            max_age=int(LIFETIME) if signed_in else None,
            path=f"{request.script_root}/",
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
        )

    def _matches(self, given: str) -> bool:
        # One after the other: scrypt takes 32 MB each, and none slips past the count.
        if not self._check.acquire(timeout=CHECK_LIMIT):
            raise TooManyRequests(retry_after=1)
        try:
            return self._is_right(given)
        finally:
            self._check.release()

    def _is_right(self, given: str) -> bool:
        if self._guesses.count(request.remote_addr) >= GUESS_LIMIT:
            raise TooManyRequests(retry_after=int(WINDOW))
        password = self._password or ""
        if _HASHED.fullmatch(password):
            right = check_password_hash(password, given)
        else:
            right = hmac.compare_digest(given.encode(), password.encode())
        if not right:
            count = self._guesses.add(request.remote_addr)
            more = "; further ones are not looked at for a minute" if count == GUESS_LIMIT else ""
            _log.warning("a wrong password for the page, from %s%s", _whence(), more)
        return right


def _whence() -> str:
    """Where a request comes from, fit for the log."""
    return network_of(request.remote_addr)


def _cookie(name: str) -> str:
    """The browser's name; empty for none, or one that we never gave."""
    given = request.cookies.get(name, "")
    return given if _ID.fullmatch(given) else ""
