"""One Shelly account: who may log in, what it is given, whose devices it sees.

(Shelly docs, Real Time Events: a code is a JWT for a client, an access token one with `sub`
`pwd`; both name the account's server.)
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from bridge.simulator.account_faults import AccountCounters, AccountFaults, Asked
from bridge.simulator.devices.base import Device
from bridge.simulator.tokens import Claims, Tokens

Json = Any

CLIENT = "shelly-diy"
"""Shelly's public client id for private users."""

TOKEN_LIFETIME = 43_200.0
CODE_LIFETIME = 3_600.0

BROKEN = 4401, "Token-Broken"
"""With what a socket is closed whose token is not good any more."""

_FIRST_USER = 5000
_KEPT = 10_000


def digest(password: str) -> str:
    """SHA-1 of a password in lower-case hex, as the login page sends it."""
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest()


class Cloud(Protocol):
    """What an account needs of the world."""

    tokens: Tokens

    def server_url(self, host: str) -> str:
        """The address of a host's HTTPS endpoints, as tokens name it."""

    def cut_off(self, account: Account, code: int, reason: str) -> None:
        """Close the account's sockets."""

    def soon(self, act: Callable[[], object]) -> None:
        """Have the world's thread call something."""


class Account:
    """An account; made by `World.add_account`. Everything public may be called by any thread.

    Lifetimes (s) count for what is issued from now on.
    """

    def __init__(
        self,
        email: str,
        password: str,
        host: str,
        user_id: int,
        cloud: Cloud,
        *,
        token_lifetime: float = TOKEN_LIFETIME,
        code_lifetime: float = CODE_LIFETIME,
    ) -> None:
        self.email = email
        self.password = password
        self.host = host
        """The one cloud host that serves it."""
        self.user_id = user_id
        self.token_lifetime = token_lifetime
        self.code_lifetime = code_lifetime
        self.refresh_token = secrets.token_hex(24)
        """Stays the same until it is revoked."""
        self.faults = AccountFaults()
        self.counters = AccountCounters()
        self._cloud = cloud
        self._owned: dict[str, Device] = {}
        self._shared: dict[str, Device] = {}
        self._token_age = 0
        self._code_age = 0
        self._used: set[str] = set()
        self._issued: deque[str] = deque(maxlen=_KEPT)
        self._ended: deque[str] = deque(maxlen=_KEPT)
        """Refresh tokens that are none any more."""
        self._wrong_passwords = 0
        self._holding: set[Asked] = set()
        self._held: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        """What its connections are known by."""
        return f"account {self.user_id}"

    @property
    def sha1(self) -> str:
        """The password's SHA-1 in hex, with which one can log in."""
        return digest(self.password)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must appear nowhere: password, its SHA-1, and all that was issued."""
        now = self.password, self.sha1, self.refresh_token
        return (*now, *list(self._ended), *list(self._issued))

    # Devices.

    @property
    def devices(self) -> tuple[Device, ...]:
        """Its own devices."""
        return tuple(self._owned.values())

    @property
    def shared(self) -> tuple[Device, ...]:
        """Devices that other accounts share with it; it may not command them."""
        return tuple(self._shared.values())

    def take(self, device: Device) -> None:
        """A device becomes its own; nobody is told."""
        self._owned[device.id] = device

    def share(self, device: Device) -> None:
        """Another account shares a device with it; nobody is told."""
        self._shared[device.id] = device

    def lose(self, device: Device) -> None:
        """A device is removed from it, or not shared any more; nobody is told."""
        self._owned.pop(device.id, None)
        self._shared.pop(device.id, None)

    def owns(self, device: Device) -> bool:
        """Whether it may command the device."""
        return device.id in self._owned

    def sees(self, device: Device) -> bool:
        """Whether it hears of the device."""
        return device.id in self._owned or device.id in self._shared

    # Codes and tokens.

    def make_code(self, client: str = CLIENT) -> str:
        """A code as the login page gives it: good once, or until it expires."""
        claims = {"sub": client, "sn": self._code_age, **self._who(), **self.faults.code_claims}
        return self._issue(claims, self.code_lifetime)

    def make_token(self, client: str = CLIENT) -> str:
        """An access token."""
        usual = {"sub": "pwd", "sn": self._token_age, "n": 0, "from": client, **self._who()}
        return self._issue(usual | self.faults.token_claims, self.token_lifetime)

    def _who(self) -> Claims:
        return {"user_id": str(self.user_id), "user_api_url": self._cloud.server_url(self.host)}

    def _issue(self, claims: Claims, lifetime: float) -> str:
        token = self._cloud.tokens.issue(claims, lifetime)
        self._issued.append(token)
        return token

    def may_log_in(self, sha1: str) -> bool:
        """Check a password by its SHA-1 in hex; wrong ones in a row may lock the account."""
        limit = self.faults.lock_after
        locked = limit is not None and self._wrong_passwords >= limit
        good = hmac.compare_digest(sha1.encode(), self.sha1.encode())
        self._wrong_passwords = 0 if good and not locked else self._wrong_passwords + 1
        return good and not locked

    def unlock(self) -> None:
        """Forget the wrong passwords."""
        self._wrong_passwords = 0

    def redeem(self, code: str, client: str) -> bool:
        """Whether a code gives a token now; it may be used up by that."""
        claims = self._cloud.tokens.check(code)
        if claims is None or claims.get("sub") != client or claims.get("sn") != self._code_age:
            return False
        if self.faults.single_use and claims["jti"] in self._used:
            return False
        self._used.add(claims["jti"])
        return True

    def renews(self, refresh_token: str) -> bool:
        """Whether a refresh token gives a new token now."""
        return hmac.compare_digest(refresh_token.encode(), self.refresh_token.encode())

    def had(self, refresh_token: str) -> bool:
        """Whether this is its refresh token, or was one before."""
        return refresh_token == self.refresh_token or refresh_token in self._ended

    def accepts(self, claims: Claims) -> bool:
        """Whether an access token that says this, and has not expired, is good."""
        return claims.get("sub") == "pwd" and claims.get("sn") == self._token_age

    # What its owner or Shelly does.

    def revoke(self, *, refresh: bool = False, codes: bool = False, close: bool = True) -> None:
        """End all access tokens issued so far, and with them the sockets if `close`.

        With `refresh` also the refresh token, which is another one from now on; with `codes`
        also the codes.
        """
        self._token_age += 1
        if refresh:
            self._ended.append(self.refresh_token)
            self.refresh_token = secrets.token_hex(24)
        if codes:
            self._code_age += 1
        if close:
            self._cloud.cut_off(self, *BROKEN)

    def change_password(self, password: str) -> None:
        """Another password, which ends codes and tokens of every kind."""
        self._issued.extend((self.password, self.sha1))
        self.password = password
        self.revoke(refresh=True, codes=True)

    def move(self, host: str) -> None:
        """Let another host serve it and its devices; tokens for the old one end."""
        for device in self._owned.values():
            device.identity.host = host
        self.revoke()
        self.host = host

    # Holding answers back.

    def hold(self, *kinds: Asked) -> None:
        """Keep back the answers to such requests; what they say is what was true when asked."""
        self._holding = set(kinds)

    def release(self) -> None:
        """Send what was held, and hold nothing any more."""
        self._holding = set()
        held, self._held = self._held, []
        for send in held:
            self._cloud.soon(send)

    @property
    def held(self) -> int:
        """How many answers are held back now."""
        return len(self._held)

    def pass_on(self, asked: Asked, send: Callable[[], None]) -> None:
        """Send an answer now, unless it is to be held."""
        if asked in self._holding:
            self._held.append(send)
        else:
            send()


class Accounts:
    """All accounts of a world."""

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def make(
        self,
        email: str,
        password: str | None,
        host: str,
        cloud: Cloud,
        token_lifetime: float,
        code_lifetime: float,
    ) -> Account:
        """One more account, as described in `World.add_account`."""
        if self.by_email(email) is not None:
            raise ValueError(f"there is an account {email} already")
        account = Account(
            *(email, password or secrets.token_urlsafe(12), host),
            *(_FIRST_USER + len(self._accounts), cloud),
            token_lifetime=token_lifetime,
            code_lifetime=code_lifetime,
        )
        self._accounts[account.user_id] = account
        return account

    def by_email(self, email: str) -> Account | None:
        """The account of an e-mail address."""
        return next((one for one in self._accounts.values() if one.email == email), None)

    def by_claims(self, claims: Claims | None) -> Account | None:
        """The account that a code or an access token is for."""
        user_id = str((claims or {}).get("user_id"))
        return self._accounts.get(int(user_id)) if user_id.isdecimal() else None

    def by_refresh_token(self, token: str) -> Account | None:
        """The account whose refresh token this is, or was."""
        return next((one for one in self._accounts.values() if one.had(token)), None)
