"""The tokens of one Shelly account, and what is tried when one of them does not do.

    stored access token ─► refresh token ─► stored code ─► e-mail and password ─► somebody logs in

What the cloud refuses is left out and the next one is tried; if it is refused once more ten
minutes later it is forgotten for good. A restart tries both anew: whoever restarts wants to know.
What only fails (no answer, too many questions) is tried again later. All of them have to be of one
user; another one comes only by `take`. A password that was refused twice is not sent any more, for
accounts lock, until the configuration has another one. (Shelly docs, Real Time Events; the refresh
token as Shelly's app uses it.)
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from bridge.core.hosts import HostRule
from bridge.core.logins import NONE, Login
from bridge.core.model import Json
from bridge.errors import AuthError, PeerError, StoreError
from bridge.httpclient import RateLimitedError
from bridge.sources import jwt
from bridge.sources.account_host import account_base
from bridge.sources.account_http import AccountHttp, NotServedError
from bridge.sources.credentials import Credentials, fingerprint, is_fingerprint
from bridge.sources.jwt import Token, TokenUnavailableError
from bridge.sources.patience import Patience, Refusals

MOST_REFUSALS = 2
"""How often the same password is sent although it is refused."""

BETWEEN_REFUSALS = 600.0
"""Seconds after which a refresh token or code that was refused is tried once more."""

BETWEEN_PASSWORDS = 60.0
"""Seconds before a refused password is sent for the second time."""

NEXT_LOOK = 3_600.0
"""Seconds until somebody who has to log in is waited for anew; a login is noticed at once."""

AFTER_RATE_LIMIT = 5.0
"""Seconds without a question, at least, when there were too many."""

MOST_ASTRAY = 3
"""How often in a row a host may not know us before the account is looked for elsewhere."""

SHORTEST, LONGEST = 5.0, 30 * 86_400.0
"""No token is renewed sooner, or used longer, than that (s)."""

MARGIN = 600.0
"""A token is renewed in its last ten minutes (s), or last fifth if that is shorter."""

_log = logging.getLogger(__name__)


class Vault(Protocol):
    """Where the login is kept. Both raise `StoreError`."""

    def load(self) -> Login:
        """What is stored."""

    def save(self, login: Login) -> bool:
        """Store it, unless a login with a higher count is there; tells whether it was stored."""


class AccountTokens:
    """Keeps the account's token; any thread may ask, one at a time does.

    `advice` says what a person can do, `register_secret` keeps a text out of the log.
    """

    def __init__(
        self,
        http: AccountHttp,
        vault: Vault,
        rule: HostRule,
        *,
        api_url: str,
        credentials: Credentials | None,
        advice: str,
        register_secret: Callable[[str], None],
    ) -> None:
        self._http = http
        self._vault = vault
        self._rule = rule
        self._api_url = api_url
        self._credentials = credentials
        self._advice = advice
        self._register_secret = register_secret
        self._lock = threading.Lock()
        self._login = NONE
        self._loaded = False
        self._unsaved = False
        self._token: Token | None = None
        self._ends = 0.0
        """Until when the token may be used although it should be renewed (monotonic s)."""
        self._patience = Patience()
        self._refusals = Refusals(BETWEEN_REFUSALS)
        """Of refresh token and code."""
        self._owner = (0, "")
        """Whose the login with this count is."""
        self._astray = 0
        self._mistrusted = False
        """Hosts do not take what the refresh token and the code give."""

    def get(self) -> Token:
        """A token that is good; raises `TokenUnavailableError`."""
        with self._lock:
            token = self._token
            if token is not None and time.monotonic() < token.good_until:
                return token
            try:
                self._patience.check()
                return self._obtain()
            except TokenUnavailableError:
                if self._token is not None and time.monotonic() < self._ends:
                    return self._token
                raise

    def renew_at(self) -> float | None:
        """When (monotonic s) the token should be renewed; None while there is none."""
        token = self._token
        return None if token is None else token.good_until

    def refused(self, token: Token) -> None:
        """A host did not take this token: get another one before the next question."""
        with self._lock:
            if self._token is not token:
                return
            self._token = None
            self._mistrusted = self._patience.refused()
            with suppress(_LaterError):
                self._save(replace(self._login, access=jwt.remains(self._login.access)))

    def unserved(self, token: Token) -> None:
        """A host does not know what this token is for; after a few times look elsewhere."""
        with self._lock:
            self._astray += 1
            if self._token is token and self._looks_elsewhere:
                self._token = None

    def accepted(self) -> None:
        """A host took the token."""
        self._astray = 0

    def look(self) -> bool:
        """Whether somebody logged in meanwhile, perhaps in another process."""
        with self._lock:
            try:
                newer = self._loaded and self._vault.load().count > self._login.count
            except StoreError:
                return False
            if newer:
                self._token = None
                self._start_anew()
            return newer

    def take(self, code: str) -> bool:
        """Log in with a code that somebody got from Shelly's page; raises `PeerError`.

        Tells whether the account is another user's than before.
        """
        code = code.strip()
        self._register_secret(code)
        if not jwt.is_jwt(code):
            raise PeerError("this is no code of Shelly's login page")
        with self._lock:
            base = self._base(code, "the code")
            try:
                answer = self._http.exchange(base, code)
            except AuthError as error:
                raise AuthError(f"the cloud does not take this code: {error}") from None
            try:
                before = self._vault.load()
                was = self._user(before)
                count = max(self._login.count, before.count) + 1
                token = self._use(Login(count, code=code), answer, durably=True)
            except StoreError as error:
                raise PeerError(f"the login cannot be stored: {error}") from None
            self._token = token
            self._start_anew()
            another = jwt.are_two_users(was, self._owner[1])
        if another:
            _log.warning("the login of an account is another user's than the one before")
        return another

    # The steps

    def _obtain(self) -> Token:
        self._patience.asking()
        try:
            self._login = self._load()
            token = self._stored() or self._by_refresh() or self._by_code() or self._by_password()
        except RateLimitedError as error:
            wait = max(error.retry_after or 0.0, AFTER_RATE_LIMIT)
            raise self._patience.failed(error, wait) from None
        except _LaterError as error:
            raise self._patience.failed(error.cause, self._until_look(error.seconds)) from None
        except AuthError as error:
            raise self._patience.failed(error, self._until_look(NEXT_LOOK)) from None
        except PeerError as error:
            self._astray += isinstance(error, NotServedError)
            raise self._patience.failed(error) from None
        self._patience.succeeded()
        self._token = token
        return token

    def _load(self) -> Login:
        """What is stored; what we remember if it cannot be read or could not be written."""
        try:
            stored = self._vault.load()
        except StoreError as error:
            _log.error("the login of an account cannot be read: %s", error)
            return self._login
        for text in (stored.access, stored.refresh, stored.code):
            self._register_secret(text)
        self._loaded = True
        self._owner = (stored.count, self._user(stored))
        return self._login if self._unsaved and stored.count == self._login.count else stored

    def _stored(self) -> Token | None:
        """The token of a former run, if it is still good."""
        text = self._login.access
        said = jwt.claims(text)
        ends = jwt.moment(said, "exp")
        left = 0.0 if ends is None else ends - time.time()
        base = self._usable(said.get("user_api_url"))
        if jwt.are_two_users(jwt.user(self._login.code), jwt.user(text)):
            return None
        if self._token is not None or left <= SHORTEST or base is None or jwt.is_remains(text):
            return None
        return self._made(text, left, ends, base)

    def _by_refresh(self) -> Token | None:
        login = self._login
        base = self._usable(login.base)
        if not login.refresh or base is None or self._refusals.rests(login.refresh):
            return None
        try:
            answer = self._http.renew(base, login.refresh)
        except AuthError as error:
            _log.warning("the cloud does not take the refresh token: %s", error)
            if self._refusals.is_over(login.refresh):
                self._save(replace(login, access=jwt.remains(login.access), refresh=""))
            return None
        return self._use(login, answer)

    def _by_code(self) -> Token | None:
        login = self._login
        base = self._usable(jwt.claims(login.code).get("user_api_url"))
        if not login.code or base is None or self._refusals.rests(login.code):
            return None
        try:
            answer = self._http.exchange(base, login.code)
        except AuthError as error:
            _log.warning("the cloud does not take the stored code: %s", error)
            if self._refusals.is_over(login.code):
                self._save(replace(login, access=self._trace(login), code=""))
            return None
        return self._use(login, answer)

    def _until_look(self, seconds: float) -> float:
        """How long to wait (s), at most `seconds`: something may have to be tried once more."""
        earliest = min(seconds, self._refusals.next_in())
        # A password is not sent again before its time, whatever else there is to try.
        return max(earliest, min(seconds, BETWEEN_PASSWORDS))

    def _by_password(self) -> Token:
        if self._credentials is None:
            raise AuthError(self._advice)
        code = self._log_in(self._credentials)
        try:
            base = self._base(code, "the code")
        except PeerError as error:
            raise _LaterError(error, BETWEEN_PASSWORDS) from None
        fresh = Login(self._login.count, base=base, code=code)
        self._check_user(self._user(self._login), code, "the e-mail address is")
        self._save(fresh)
        try:
            return self._use(fresh, self._http.exchange(base, code))
        except AuthError as error:
            self._save(replace(fresh, access=self._trace(fresh), code=""))
            text = f"the cloud takes the password, but not the code that it gave: {error}"
            raise _LaterError(PeerError(text), BETWEEN_PASSWORDS) from None

    def _log_in(self, known: Credentials) -> str:
        """A code for the e-mail address and password; a wrong one is counted."""
        login = self._login
        before = login.refusals if is_fingerprint(login.refused, known) else 0
        wrong = "the e-mail address or password is wrong"
        if before >= MOST_REFUSALS:
            raise AuthError(f"{wrong}; correct it and restart the bridge, or {self._advice}")
        self._register_secret(known.sha1)
        try:
            code = self._http.log_in(self._api_url, known.email, known.sha1)
        except AuthError as error:
            refused = login.refused if before else fingerprint(known)
            self._save(replace(login, refused=refused, refusals=before + 1))
            wait = NEXT_LOOK if before + 1 >= MOST_REFUSALS else BETWEEN_PASSWORDS
            text = f"{wrong}: {error}; correct it and restart the bridge, or {self._advice}"
            raise _LaterError(AuthError(text), wait) from None
        self._register_secret(code)
        return code

    # What came of them

    def _use(self, login: Login, answer: dict[str, Json], *, durably: bool = False) -> Token:
        """The token of an answer, stored; raises `PeerError` if there is none in it."""
        text, refresh = answer.get("access_token"), answer.get("refresh_token")
        for secret in (text, refresh):
            if jwt.is_secret(secret):
                self._register_secret(secret)
        if not jwt.is_jwt(text):
            raise PeerError("the cloud's answer holds no token")
        base = self._base(text, "the token")
        self._check_user(self._user(login), text, "the new token is")
        new = replace(login, base=base, access=text, refused="", refusals=0)
        if jwt.is_secret(refresh):
            new = replace(new, refresh=refresh)
        self._save(new, durably=durably)
        self._mistrusted, self._astray = False, 0
        self._refusals.forgive()
        said = jwt.claims(text)
        self._owner = (new.count, jwt.user(text) or self._user(login))
        return self._made(text, jwt.lifetime(said, answer), jwt.moment(said, "exp"), base)

    def _user(self, login: Login) -> str:
        """Whose a login is; empty if nothing tells it."""
        told = jwt.user(login.code) or jwt.user(login.access)
        return told or (self._owner[1] if self._owner[0] == login.count else "")

    def _trace(self, login: Login) -> str:
        """What still tells whose a login is when its code is forgotten."""
        return jwt.remains(login.code if jwt.user(login.code) else login.access)

    def _check_user(self, whose: str, text: str, what: str) -> None:
        """Raise `_LaterError` if a token or code is another user's than the login."""
        if jwt.are_two_users(whose, jwt.user(text)):
            error = f"{what} another user's than the login; to change the user, {self._advice}"
            raise _LaterError(AuthError(error), NEXT_LOOK)

    def _made(self, text: str, lifetime: float, expires: float | None, base: str) -> Token:
        lifetime = min(max(lifetime, SHORTEST), LONGEST)
        now = time.monotonic()
        self._ends = now + lifetime
        renewal = max(lifetime - min(MARGIN, lifetime / 5), SHORTEST)
        return Token(text, now + renewal, expires, base)

    def _base(self, token: str, what: str) -> str:
        """The URL of the host that a token or code names; raises `PeerError`."""
        return account_base(jwt.claims(token).get("user_api_url"), what, self._rule)

    def _usable(self, url: Json) -> str | None:
        """The same for what is stored; None if only a new login helps, or its host is foreign."""
        try:
            stored = account_base(url, "what is stored", self._rule)
        except PeerError:
            return None
        return None if self._looks_elsewhere else stored

    def _save(self, login: Login, *, durably: bool = False) -> None:
        """Store it; a login that somebody made meanwhile comes before it.

        Raises `StoreError` only if it has to be stored `durably`.
        """
        try:
            stored = self._vault.save(login)
        except StoreError as error:
            if durably:
                raise
            _log.error("the login of an account cannot be stored: %s", error)
            self._login, self._unsaved = login, True
            return
        if not stored:
            raise _LaterError(PeerError("somebody logged in meanwhile"), 0.0)
        self._login, self._unsaved = login, False

    @property
    def _looks_elsewhere(self) -> bool:
        """Whether only a new login can help, if there can be one."""
        astray = self._mistrusted or self._astray >= MOST_ASTRAY
        return self._credentials is not None and astray

    def _start_anew(self) -> None:
        self._astray, self._mistrusted = 0, False
        self._refusals.forgive()
        self._patience.forgive()


class _LaterError(PeerError):
    """What went wrong, and after how long (s) the next attempt may be made."""

    def __init__(self, cause: PeerError, seconds: float) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.seconds = seconds
