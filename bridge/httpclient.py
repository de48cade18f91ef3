"""POST a form over HTTPS and get JSON, or one clear error. No redirects, no endless answers."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bridge.core import jsontext
from bridge.core.model import Json
from bridge.errors import AuthError, FrameError, PeerError

LARGEST_ANSWER = 65_536
"""Bytes of an answer's body that are read."""

Resolver = Callable[[str, int], tuple[str, int]]
"""Host name and port to the address to connect to; the name is still what TLS checks."""


def same_address(host: str, port: int) -> tuple[str, int]:
    """The resolver that leaves resolving to the system."""
    return host, port


@dataclass(frozen=True, slots=True)
class HttpClient:
    """Makes single requests; `timeout` (s) is for a whole one."""

    context: ssl.SSLContext
    resolve: Resolver = same_address
    timeout: float = 10.0

    def post_form(self, url: str, fields: Mapping[str, str]) -> dict[str, Json]:
        """The JSON object that the server answers with.

        Raises `AuthError` for 401 and 403, `PeerError` for everything else that is not 200 with
        a JSON object. No text of the answer and no field gets into the error.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        connection = _Connection(
            host, self.resolve(host, parts.port or 443), self.context, self.timeout
        )
        guard = threading.Timer(self.timeout, connection.abort)
        guard.name = "http-deadline"
        guard.daemon = True
        guard.start()
        try:
            connection.request(
                "POST",
                parts.path or "/",
                urlencode(fields),
                {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"},
            )
            response = connection.getresponse()
            body = response.read(LARGEST_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            raise PeerError(f"{host}: {_reason(error, connection)}") from None
        finally:
            guard.cancel()
            connection.close()
        return _json(host, response.status, body)


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


def _reason(error: Exception, connection: _Connection) -> str:
    if connection.aborted or isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "the connection broke"


class _Connection(http.client.HTTPSConnection):
    """Connects to a resolved address, and can be aborted by another thread."""

    def __init__(
        self, host: str, address: tuple[str, int], context: ssl.SSLContext, timeout: float
    ) -> None:
        super().__init__(host, address[1], timeout=timeout, context=context)
        self._address = address
        self._tls = context
        self.aborted = False

    def connect(self) -> None:
        """Open the connection; TLS checks the name that was asked for."""
        plain = socket.create_connection(self._address, self.timeout)
        self.sock = plain
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def abort(self) -> None:
        """Break off whatever is under way."""
        self.aborted = True
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return
