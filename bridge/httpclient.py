"""Ask over HTTPS and get JSON, or one clear error. No redirects, no endless answers."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bridge.core import jsontext
from bridge.core.model import Json
from bridge.dial import Attempt, describe
from bridge.errors import AuthError, FrameError, PeerError

LARGEST_ANSWER = 65_536
"""Bytes of an answer's body that are read."""

LONGEST_WAIT = 3_600.0
"""Seconds for which a server can keep us from asking, at most."""

_RATE_LIMITED = b"max_req"
"""Shelly's account API also says it with 401 and this word in the body."""

Resolver = Callable[[str, int], tuple[str, int]]
"""Host name and port to the address to connect to; the name is still what TLS checks."""


def same_address(host: str, port: int) -> tuple[str, int]:
    """The resolver that leaves resolving to the system."""
    return host, port


class NoAnswerError(PeerError):
    """The server did not answer in time."""


class NotReachedError(PeerError):
    """There was no connection to the server, so that it knows nothing of the request."""


class NotReachedInTimeError(NotReachedError, NoAnswerError):
    """There was none in time."""


class RateLimitedError(PeerError):
    """The server wants to be asked more rarely; `retry_after` (s) if it said for how long."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: to a URL, with a form to post or, without one, to get.

    `bearer` is a token for the `Authorization` header; of the answer's body `largest` bytes are
    taken, and all of it may take `seconds` (None: as the client was told).
    """

    url: str
    fields: Mapping[str, str] | None = None
    bearer: str | None = None
    largest: int = LARGEST_ANSWER
    seconds: float | None = None

    def __repr__(self) -> str:
        return f"Ask({urlsplit(self.url).hostname})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server `host` answered; a body longer than `largest` comes one byte longer."""

    host: str
    status: int
    body: bytes
    largest: int
    retry_after: str | None = None

    def __repr__(self) -> str:
        return f"Answer({self.host}, {self.status})"

    def json(self) -> dict[str, Json]:
        """The JSON object of a good answer.

        Raises `RateLimitedError`, `AuthError` for 401 and 403, and `PeerError` for everything
        else that is not 200 with a JSON object. No text of the answer gets into the error.
        """
        if 300 <= self.status < 400:
            text = f"{self.host}: redirects elsewhere, which is not followed (HTTP {self.status})"
            raise PeerError(text)
        self.check_rate()
        if self.status in (401, 403):
            raise AuthError(f"{self.host}: refused (HTTP {self.status})")
        if self.status != 200:
            raise PeerError(f"{self.host}: answered HTTP {self.status}")
        return self.read()

    def check_rate(self) -> None:
        """Raise `RateLimitedError` if the server was asked too often."""
        if self.status == 429 or (self.status == 401 and _RATE_LIMITED in self.body):
            text = f"{self.host}: asked too often (HTTP {self.status})"
            raise RateLimitedError(text, _seconds(self.retry_after))

    def read(self) -> dict[str, Json]:
        """The JSON object of the body, whatever the status; raises `PeerError`."""
        if len(self.body) > self.largest:
            raise PeerError(f"{self.host}: the answer is larger than {self.largest} bytes")
        try:
            return jsontext.parse_object(self.body)
        except FrameError as error:
            text = f"{self.host}: the answer is not as documented: {error}"
            raise PeerError(text) from None


class HttpClient:
    """Makes single requests; `timeout` (s) is for a whole one. Any thread may use it."""

    def __init__(
        self, context: ssl.SSLContext, resolve: Resolver = same_address, timeout: float = 10.0
    ) -> None:
        self._context = context
        self._resolve = resolve
        self._timeout = timeout
        self._lock = threading.Lock()
        self._attempts: set[Attempt] = set()
        self._closed = False

    def post_form(self, url: str, fields: Mapping[str, str]) -> dict[str, Json]:
        """The JSON object that the server answers with; raises as `Answer.json` and `ask` do."""
        return self.ask(Ask(url, fields)).json()

    def ask(self, ask: Ask) -> Answer:
        """The server's answer, whatever it is; raises `PeerError` if there is none.

        Neither a field nor the token gets into the error.
        """
        parts = urlsplit(ask.url)
        host = parts.hostname or ""
        address = self._resolve(host, parts.port or 443)
        attempt = Attempt(f"http-{host}", ask.seconds or self._timeout)
        self._begin(attempt, host)
        connection = _Connection(host, address, self._context, attempt)
        try:
            with attempt:
                path = parts.path or "/"
                return _exchange(connection, f"{path}?{parts.query}" if parts.query else path, ask)
        except (OSError, http.client.HTTPException) as error:
            kind = _kind(connection.reached, attempt.timed_out)
            raise kind(f"{host}: {_reason(error, attempt)}") from None
        finally:
            self._end(attempt)

    def close(self) -> None:
        """Break off what is under way, and make no request any more; safe twice."""
        with self._lock:
            self._closed = True
            attempts = list(self._attempts)
        for attempt in attempts:
            attempt.abort()

    def _begin(self, attempt: Attempt, host: str) -> None:
        with self._lock:
            if self._closed:
                raise PeerError(f"{host}: not asked, since the bridge is stopping")
            self._attempts.add(attempt)

    def _end(self, attempt: Attempt) -> None:
        with self._lock:
            self._attempts.discard(attempt)


def _exchange(connection: _Connection, path: str, ask: Ask) -> Answer:
    """The answer; an endless body is cut one byte after the longest."""
    headers = {"Connection": "close"}
    body = None
    if ask.fields is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(ask.fields)
    if ask.bearer is not None:
        headers["Authorization"] = f"Bearer {ask.bearer}"
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        with connection.getresponse() as response:
            content = response.read(ask.largest + 1)
            wait = response.getheader("Retry-After")
    finally:
        connection.close()
    if connection.attempt.aborted:
        # A body without a length ends with the connection: this may be only a part of it.
        raise ConnectionAbortedError
    return Answer(connection.host, response.status, content, ask.largest, wait)


def _seconds(header: str | None) -> float | None:
    """`Retry-After` in s, an hour at most; a date or nonsense counts as nothing said."""
    text = (header or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    return min(float(text), LONGEST_WAIT)


def _kind(reached: bool, timed_out: bool) -> type[PeerError]:
    if not reached:
        return NotReachedInTimeError if timed_out else NotReachedError
    return NoAnswerError if timed_out else PeerError


def _reason(error: Exception, attempt: Attempt) -> str:
    if attempt.timed_out:
        return "it did not answer in time"
    if attempt.aborted:
        return "broken off, since the bridge is stopping"
    return describe(error) if isinstance(error, OSError) else "its answer is not HTTP"


class _Connection(http.client.HTTPSConnection):
    """Connects to a resolved address, and ends with its attempt."""

    def __init__(
        self, host: str, address: tuple[str, int], context: ssl.SSLContext, attempt: Attempt
    ) -> None:
        super().__init__(host, address[1], context=context)
        self._address = address
        self._tls = context
        self.attempt = attempt
        self.reached = False

    def connect(self) -> None:
        """Open the connection; TLS checks the name that was asked for."""
        self.sock = self.attempt.connect(self._address, self._tls, self.host)
        self.reached = True
