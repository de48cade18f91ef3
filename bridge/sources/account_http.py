"""What one Shelly account asks its cloud over HTTPS, never twice within a second.

(Shelly docs, Cloud Control API, Real Time Events and Communication; the login and the list of
devices as Shelly's own pages use them.)
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bridge.core.ids import device_from_hex
from bridge.core.model import DeviceId, Json
from bridge.errors import AuthError, FrameError, PeerError
from bridge.httpclient import Answer, Ask, HttpClient, RateLimitedError
from bridge.sources import jwt
from bridge.sources.account_status import MOST_DEVICES
from bridge.sources.jwt import Token

LARGEST_STATUS = 16 * 2**20
"""Bytes of the status of all devices; a device takes 2 to 10 KB."""

LONGEST_NAME = 100

_RATE_LIMITED = "max_req"
_SECRET_FIELDS = frozenset({"password", "code", "refresh_token"})
_SHOWN = re.compile(r"(?:(?:[A-Za-z]{1,20}|[0-9]{1,4})(?:[ _.,:;!?'()/-]{1,3}|$)){1,25}", re.ASCII)
"""What is shown of an answer that refuses: a few plain words, no secret that was sent."""

_OUTAGE = re.compile(
    r"maintenance|unavailable|temporar|overload|internal|server.?error|time.?out|timed.out"
    r"|try.(?:again.)?later"
)
_REFUSAL = re.compile(r"wrong|invalid|incorrect|expired|denied|not.found|unauthori|bad")
"""What the complaints (in lower case) of an answer speak of; a refusal counts for more."""


class NotServedError(PeerError):
    """The host does not know what it was asked for: perhaps the account was moved elsewhere."""


class AccountHttp:
    """The questions of one account; any thread may ask. All raise `PeerError`.

    `pace` (s) is the least time between two questions, `status_limit` (s) how long the answer
    with all devices may take.
    """

    def __init__(
        self, http: HttpClient, client_id: str, pace: float = 1.0, status_limit: float = 30.0
    ) -> None:
        self._http = http
        self._client_id = client_id
        self._pace = pace
        self._status_limit = status_limit
        self._turn = threading.Lock()
        self._next_at = 0.0
        self._closed = threading.Event()

    def close(self) -> None:
        """Break off what is under way, and ask nothing any more; safe twice."""
        self._closed.set()
        self._http.close()

    def log_in(self, api_url: str, email: str, sha1: str) -> str:
        """The code for an e-mail address and a password's SHA-1; `AuthError` if they are wrong."""
        fields = {
            "email": email,
            "password": sha1,
            "response_type": "",
            "client_id": self._client_id,
        }
        answer = self._oauth(Ask(f"{api_url}/oauth/login", fields))
        data = answer.get("data")
        code = data.get("code") if isinstance(data, Mapping) else None
        if not jwt.is_secret(code):
            raise PeerError("the cloud's answer to the login holds no code")
        return code

    def exchange(self, base: str, code: str) -> dict[str, Json]:
        """The tokens for a code, from the host at `base`; `AuthError` if the code is no good."""
        return self._token(base, {"grant_type": "code", "code": code})

    def renew(self, base: str, refresh: str) -> dict[str, Json]:
        """The tokens for a refresh token; `AuthError` if that is no good."""
        return self._token(base, {"grant_type": "refresh_token", "refresh_token": refresh})

    def all_status(self, token: Token, *, shared: bool) -> Mapping[str, Json]:
        """What the cloud knows of all devices, by a key that usually is the device's id.

        `AuthError` if the token is no good. With `shared` also the devices of other accounts.
        """
        query = {"show_info": "true", "no_shared": "false" if shared else "true"}
        data = self._data(
            Ask(
                f"{token.base}/device/all_status?{urlencode(query)}",
                bearer=token.text,
                largest=LARGEST_STATUS,
                seconds=self._status_limit,
            )
        )
        devices = data.get("devices_status")
        if devices == []:
            return {}
        if not isinstance(devices, Mapping) or len(devices) > MOST_DEVICES:
            raise PeerError("the cloud's answer holds no list of devices, or an endless one")
        return devices

    def names(self, token: Token) -> dict[DeviceId, str]:
        """The names that the devices have in Shelly's app."""
        data = self._data(
            Ask(
                f"{token.base}/interface/device/list",
                {},
                bearer=token.text,
                largest=LARGEST_STATUS,
                seconds=self._status_limit,
            )
        )
        devices = data.get("devices")
        return _names(devices) if isinstance(devices, Mapping) else {}

    def _token(self, base: str, fields: Mapping[str, str]) -> dict[str, Json]:
        return self._oauth(Ask(f"{base}/oauth/auth", {"client_id": self._client_id, **fields}))

    def _oauth(self, ask: Ask) -> dict[str, Json]:
        """The answer of a login or token endpoint; what it refuses with is not documented.

        `AuthError` only if it reads like a refusal: what a proxy or a broken server says of its
        own troubles costs no login.
        """
        answer = self._ask(ask)
        if answer.status not in (200, 400, 401, 403):
            _check_served(answer)
            return answer.json()
        answer.check_rate()
        try:
            content = answer.read()
        except PeerError as error:
            if answer.status == 200:
                raise
            raise PeerError(f"{error} (HTTP {answer.status})") from None
        if answer.status == 200 and content.get("isok") is not False and "error" not in content:
            return content
        words = _complaints(content)
        if any(_RATE_LIMITED in word for word in words):
            raise RateLimitedError(f"{answer.host}: asked too often")
        fields = ask.fields or {}
        sent = [fields[key].lower() for key in _SECRET_FIELDS & fields.keys()]
        shown = "; ".join(
            word
            for word in words
            if _SHOWN.fullmatch(word) and not any(value in word.lower() for value in sent)
        )
        said = f"({shown or f'HTTP {answer.status}'})"
        if not _is_refusal(answer.status, content, words):
            raise PeerError(f"{answer.host}: cannot answer now {said}")
        raise AuthError(f"{answer.host}: refused {said}")

    def _data(self, ask: Ask) -> Mapping[str, Json]:
        answer = self._ask(ask)
        _check_served(answer)
        content = answer.json()
        data = content.get("data")
        if content.get("isok") is True and isinstance(data, Mapping):
            return data
        if any(_RATE_LIMITED in word for word in _complaints(content)):
            raise RateLimitedError(f"{answer.host}: asked too often")
        raise PeerError(f"{answer.host}: the answer is not as documented")

    def _ask(self, ask: Ask) -> Answer:
        """Ask when it is our turn."""
        with self._turn:
            if self._closed.wait(max(0.0, self._next_at - time.monotonic())):
                raise PeerError("not asked, since the bridge is stopping")
            try:
                return self._http.ask(ask)
            finally:
                self._next_at = time.monotonic() + self._pace


def _check_served(answer: Answer) -> None:
    if answer.status == 404:
        raise NotServedError(f"{answer.host}: answered HTTP 404")


def _is_refusal(status: int, content: Mapping[str, Json], words: list[str]) -> bool:
    text = "\n".join(words).lower()
    if _REFUSAL.search(text) is not None:
        return True
    told = bool(words) or content.get("isok") is False
    return (told or status == 401) and _OUTAGE.search(text) is None


def _complaints(content: Mapping[str, Json]) -> list[str]:
    """The words in which an answer refuses: `errors` by key and text, or `error`."""
    errors = content.get("errors")
    words: list[Any] = [content.get("error")]
    if isinstance(errors, Mapping):
        words += [*errors.keys(), *errors.values()]
    elif isinstance(errors, list):
        words += errors
    return [word for word in words if isinstance(word, str)]


def _names(devices: Mapping[str, Any]) -> dict[DeviceId, str]:
    found = {}
    for key, entry in list(devices.items())[:MOST_DEVICES]:
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name.strip():
            continue
        try:
            device = device_from_hex(entry.get("id", key))
        except FrameError:
            continue
        found[device] = "".join(char if char.isprintable() else " " for char in name)[:LONGEST_NAME]
    return found
