"""POST a form over HTTPS and get JSON, or one clear error. No redirects, no endless answers."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit

from bridge.core import jsontext
from bridge.core.model import Json
from bridge.dial import Attempt, describe
from bridge.errors import AuthError, FrameError, PeerError

LARGEST_ANSWER = 65_536
"""Bytes of an answer's body that are read."""

Resolver = Callable[[str, int], tuple[str, int]]
"""Host name and port to the address to connect to; the name is still what TLS checks."""


def same_address(host: str, port: int) -> tuple[str, int]:
    """The resolver that leaves resolving to the system."""
    return host, port


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
        """The JSON object that the server answers with.

        Raises `AuthError` for 401 and 403, `PeerError` for everything else that is not 200 with
        a JSON object. No text of the answer and no field gets into the error.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        address = self._resolve(host, parts.port or 443)
        attempt = Attempt(f"http-{host}", self._timeout)
        self._begin(attempt, host)
        try:
            with attempt:
                connection = _Connection(host, address, self._context, attempt)
                status, body = _exchange(connection, parts.path or "/", urlencode(fields))
        except (OSError, http.client.HTTPException) as error:
            raise PeerError(f"{host}: {_reason(error, attempt)}") from None
        finally:
            self._end(attempt)
        return _json(host, status, body)

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


def _exchange(connection: _Connection, path: str, body: str) -> tuple[int, bytes]:
    """Status and body of the answer; an endless body is cut one byte after the longest."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"}
    try:
        connection.request("POST", path, body, headers)
        with connection.getresponse() as response:
            answer = response.read(LARGEST_ANSWER + 1)
    finally:
        connection.close()
    if connection.attempt.aborted:
        # A body without a length ends with the connection: this may be only a part of it.
        raise ConnectionAbortedError
    return response.status, answer


def _json(host: str, status: int, body: bytes) -> dict[str, Json]:
    if status in (401, 403):
        raise AuthError(f"{host}: refused (HTTP {status})")
    if 300 <= status < 400:
        raise PeerError(f"{host}: redirects elsewhere, which is not followed (HTTP {status})")
    if status != 200:
        raise PeerError(f"{host}: answered HTTP {status}")
    if len(body) > LARGEST_ANSWER:
        raise PeerError(f"{host}: the answer is larger than {LARGEST_ANSWER} bytes")
    try:
        return jsontext.parse_object(body)
    except FrameError as error:
        raise PeerError(f"{host}: the answer is not as documented: {error}") from None


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

    def connect(self) -> None:
        """Open the connection; TLS checks the name that was asked for."""
        self.sock = self.attempt.connect(self._address, self._tls, self.host)
