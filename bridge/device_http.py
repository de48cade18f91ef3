"""Talks to one device in the local network by HTTP: who it is, and its RPC.

(Shelly docs, Gen1 and Gen2 `/shelly`, Gen2 RPC channels, Authentication.)
"""

from __future__ import annotations

import http.client
import re
import socket
from dataclasses import dataclass
from typing import Any

from bridge.core import jsontext
from bridge.core.kinds.convert import text
from bridge.core.model import Json
from bridge.dial import describe
from bridge.digest import http_answer
from bridge.errors import AuthError, ConnectionLost, FrameError, PeerError

LARGEST_ANSWER = 262_144
"""Bytes of an answer."""

_ADDRESS = re.compile(
    r"(?:http://)?(?P<host>\[[0-9a-fA-F:.%a-z]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?/?",
    re.ASCII,
)


class RefusedError(PeerError):
    """The device answered a call with an error."""

    def __init__(self, code: Json, message: str) -> None:
        super().__init__(f"the device says: {message}" + (f" ({code})" if code else ""))
        self.code = code


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is; `gen` 1 has no RPC."""

    id: str
    model: str
    gen: int
    name: str | None


class DeviceClient:
    """One device; every answer may take `seconds`."""

    def __init__(self, address: str, password: str | None = None, seconds: float = 10.0) -> None:
        """`address` is a host name or IP address, perhaps with a port; raises `ValueError`."""
        found = _ADDRESS.fullmatch(address)
        if found is None or not 0 < int(found["port"] or 80) < 65_536:
            raise ValueError(f"{address!r} is not the address of a device, such as 192.168.1.20")
        self.host = found["host"].strip("[]")
        self.port = int(found["port"] or 80)
        self._password = password
        self._seconds = seconds
        self._number = 0

    def identify(self) -> Identity:
        """Who it is, for which it wants no password; raises `PeerError`."""
        status, _, body = self._ask("GET", "/shelly", None, {})
        told: dict[str, Json] = {}
        if status == http.HTTPStatus.OK:
            try:
                told = jsontext.parse_object(body)
            except FrameError:
                told = {}
        if isinstance(told.get("type"), str) and "mac" in told:
            return Identity(str(told["mac"]).lower(), told["type"], 1, None)
        gen, name = told.get("gen"), text(told.get("id"))
        if not isinstance(gen, int) or name is None:
            raise PeerError(f"{self.host}: what answers there is not a Shelly device")
        return Identity(
            name.rpartition("-")[2].lower(),
            text(told.get("model")) or "?",
            gen,
            text(told.get("name")),
        )

    def call(self, method: str, parameters: Json = None) -> dict[str, Json]:
        """The result of a call; one that is null gives an empty object.

        Raises `RefusedError`, `AuthError` for a missing or wrong password, or another `PeerError`.
        """
        self._number += 1
        frame: dict[str, Json] = {"id": self._number, "src": "shelly-bridge", "method": method}
        if parameters is not None:
            frame["params"] = parameters
        body = jsontext.dump(frame).encode()
        status, headers, answer = self._ask("POST", "/rpc", body, {})
        if status == http.HTTPStatus.UNAUTHORIZED:
            status, headers, answer = self._ask("POST", "/rpc", body, self._proof(headers))
            if status == http.HTTPStatus.UNAUTHORIZED:
                raise AuthError(f"{self.host}: the device does not take the password")
        return self._result(status, answer)

    def _proof(self, headers: http.client.HTTPMessage) -> dict[str, str]:
        if self._password is None:
            raise AuthError(f"{self.host}: the device wants a password; give --password-file")
        challenge = headers.get("WWW-Authenticate", "")
        return {"Authorization": http_answer(challenge, self._password, "POST", "/rpc")}

    def _result(self, status: int, answer: bytes) -> dict[str, Json]:
        try:
            frame = jsontext.parse_object(answer)
        except FrameError:
            raise PeerError(f"{self.host}: it answered HTTP {status}, not in RPC") from None
        error = frame.get("error")
        if isinstance(error, dict):
            raise RefusedError(error.get("code"), (text(error.get("message")) or "no text")[:200])
        result = frame.get("result")
        return result if isinstance(result, dict) else {}

    def own_address(self) -> str:
        """This machine's address as the device sees it; raises `PeerError`."""
        try:
            family, kind, _, _, place = self._look_up()
            with socket.socket(family, kind) as probe:
                # Nothing is sent: this only asks which way a packet would go.
                probe.connect(place)
                found: str = probe.getsockname()[0]
        except OSError as error:
            raise ConnectionLost(f"{self.host}: {describe(error)}") from None
        return found

    def _look_up(self) -> tuple[Any, ...]:
        return socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)[0]

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self._seconds)
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, {**headers, "Connection": "close"})
            with connection.getresponse() as response:
                content = response.read(LARGEST_ANSWER)
                return response.status, response.headers, content
        except OSError as error:
            raise ConnectionLost(f"{self.host}: {describe(error)}") from None
        except http.client.HTTPException:
            raise PeerError(f"{self.host}: what answers there does not speak HTTP") from None
        finally:
            connection.close()
