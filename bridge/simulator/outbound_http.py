"""The web server of a simulated device: `/shelly`, and its RPC by HTTP, perhaps with a password.

(Shelly docs, Gen1 and Gen2 `/shelly`, Gen2 RPC channels, Authentication.)
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import threading
from typing import Any

from bridge.errors import StartError
from bridge.simulator.devices.base import Device
from bridge.simulator.devices.orders import RpcError
from bridge.simulator.exchange import Reply, Request
from bridge.simulator.outbound import Unit
from bridge.simulator.wire import Wire
from bridge.simulator.world import World

Json = Any

_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class DevicePage:
    """Serves one device on 127.0.0.1 while the world lives; without a unit it is of Gen1."""

    def __init__(
        self,
        world: World,
        device: Device,
        unit: Unit | None = None,
        *,
        password: str | None = None,
        port: int = 0,
    ) -> None:
        """Listen on `port` (0: any free one); raises `StartError` if that fails."""
        self.port = port
        self._device = device
        self._unit = unit
        self._password = password
        self._nonce = secrets.token_hex(4)
        self._alive: set[Wire] = set()
        self._server: asyncio.Server | None = None
        self._failure: OSError | None = None
        ready = threading.Event()
        world.soon(lambda: self._start(ready))
        if not ready.wait(10):
            raise StartError("the simulated device's web server did not start")
        if self._failure is not None:
            text = f"cannot listen on 127.0.0.1:{port}: {self._failure.strerror}"
            raise StartError(f"{text}; choose another port")

    @property
    def address(self) -> str:
        """Where it is, as `enroll` takes it."""
        return f"127.0.0.1:{self.port}"

    def _start(self, ready: threading.Event) -> None:
        self._task = asyncio.get_running_loop().create_task(self._listen(ready))

    async def _listen(self, ready: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Wire(self._serve, self._alive), "127.0.0.1", self.port
            )
        except OSError as error:
            self._failure = error
            ready.set()
            return
        self.port = self._server.sockets[0].getsockname()[1]
        ready.set()
        async with self._server:
            await self._server.serve_forever()

    def _serve(self, wire: Wire, request: Request) -> None:
        if self._unit is not None and self._unit.rebooting:
            wire.abort()
        elif request.path == "/shelly":
            wire.reply(Reply.of(self._identity()))
        elif self._unit is None or not request.path.startswith("/rpc"):
            wire.reply(Reply(404, b"Not Found", "text/plain"))
        elif not self._is_allowed(request):
            wire.reply(Reply(401, b"", "text/plain", {"WWW-Authenticate": self._challenge()}))
        else:
            self._call(self._unit, wire, request)

    def _identity(self) -> Json:
        if self._unit is None:
            return {
                "type": self._device.code,
                "mac": self._device.hex_id.upper(),
                "auth": self._password is not None,
                "fw": "20230913-112003/v1.14.0-gcb84623",
            }
        info = self._device.settings()["DeviceInfo"]
        return {**info, "auth_en": self._password is not None}

    def _call(self, unit: Unit, wire: Wire, request: Request) -> None:
        try:
            if request.method == "POST":
                asked = json.loads(request.body)
                method, params, number = asked["method"], asked.get("params"), asked.get("id")
            else:
                method, number = request.path.removeprefix("/rpc/"), None
                params = {key: _value(text) for key, text in request.query.items()}
        except (ValueError, KeyError, TypeError):
            wire.reply(Reply(400, b"", "text/plain"))
            return
        try:
            result = unit.answer(str(method), params)
        except RpcError as error:
            told = {"error": error.answer}
        else:
            told = {"result": result}
        if request.method == "POST":
            wire.reply(Reply.of({"id": number, "src": unit.source, **told}))
        else:
            status = 200 if "result" in told else 500
            wire.reply(Reply.of(told.get("result", told.get("error")), status))
        with unit.world.lock:
            self._device.publish()

    # The password

    def _challenge(self) -> str:
        realm = self._realm
        return f'Digest qop="auth", realm="{realm}", nonce="{self._nonce}", algorithm=SHA-256'

    @property
    def _realm(self) -> str:
        return f"{self._device.identity.prefix}-{self._device.hex_id}"

    def _is_allowed(self, request: Request) -> bool:
        if self._password is None:
            return True
        header = request.headers.get("authorization", "")
        given = {name: quoted or bare for name, quoted, bare in _PAIR.findall(header)}
        who = _hash(f"admin:{self._realm}:{self._password}")
        what = _hash(f"{request.method}:{given.get('uri')}")
        parts = (who, self._nonce, given.get("nc"), given.get("cnonce"), given.get("qop"), what)
        right = _hash(":".join(str(part) for part in parts))
        return hmac.compare_digest(right, given.get("response", ""))


def _value(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
