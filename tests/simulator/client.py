"""A plain client of the simulated cloud, on the library that the bridge itself uses."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import websocket

from bridge.simulator.devices.base import Device
from bridge.simulator.world import World

Json = Any

LIMIT = 5.0
"""Seconds after which a test gives up waiting."""


def token(world: World, tag: str | None = None, secret: str | None = None) -> Json:
    """What the token endpoint answers, with its HTTP status."""
    form = {"itg": tag or world.tag, "token": secret or world.token}
    return post(world, "/integrator/get_access_token", urlencode(form).encode())


def post(world: World, path: str, body: bytes) -> tuple[int, bytes]:
    """POST to the simulated HTTPS endpoints."""
    context = ssl.create_default_context(cafile=str(world.ca_file))
    try:
        with urlopen(  # noqa: S310 - always https
            Request(world.api_url + path, body),  # noqa: S310 - always https
            context=context,
            timeout=LIMIT,
        ) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


class Client:
    """One connection to a simulated host; a context manager."""

    def __init__(self, world: World, host: str | None = None, *, jwt: str | None = None) -> None:
        self.world = world
        self.host = host or world.host().name
        jwt = jwt or world.tokens.issue({"itg": world.tag})
        plain = socket.create_connection(world.resolver(self.host, 6113), LIMIT)
        context = ssl.create_default_context(cafile=str(world.ca_file))
        try:
            tls = context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
        try:
            self.socket = websocket.create_connection(
                f"wss://{self.host}:6113/shelly/wss/hk_sock?t={jwt}",
                timeout=LIMIT,
                socket=tls,
                redirect_limit=0,
                enable_multithread=True,
            )
        except BaseException:
            tls.close()
            raise
        self._tls = tls
        self._trid = 100

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def peer(self) -> tuple[str, int]:
        """Our own end, as the host sees it."""
        address, port = self._tls.getsockname()
        return address, port

    def close(self) -> None:
        """Leave."""
        self.socket.close(timeout=1)
        # The library leaves the socket open when the peer closed first.
        self._tls.close()

    def next(self) -> Json:
        """The next message."""
        return json.loads(self.socket.recv())

    def until(self, event: str) -> Json:
        """The next message of that event; those before it are dropped."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            message = self.next()
            if message["event"] == event:
                return message
        raise AssertionError(f"no {event} came")

    def quiet(self) -> bool:
        """Whether nothing is on its way: an answer asked for now is the next message."""
        self.socket.send("{}")
        return bool(self.next() == {"event": "Error", "message": "unknown event"})

    def send(self, message: Json) -> None:
        """Say anything."""
        self.socket.send(json.dumps(message))

    def request(self, device: Device | str, cmd: Json, **params: Json) -> int:
        """Send a command; gives its `trid`."""
        self._trid += 1
        device_id = device if isinstance(device, str) else device.id
        data = {"cmd": cmd, "params": params}
        event = "Shelly:CommandRequest"
        self.send({"event": event, "trid": self._trid, "deviceId": device_id, "data": data})
        return self._trid

    def command(self, device: Device | str, cmd: Json, **params: Json) -> Json:
        """The `data` of the answer to a command."""
        trid = self.request(device, cmd, **params)
        answer = self.until("Shelly:CommandResponse")
        assert answer["trid"] == trid
        return answer["data"]

    def rpc(self, device: Device | str, method: str, trid: Json = "t1", **params: Json) -> Json:
        """The `response` of the answer to a native call."""
        device_id = device if isinstance(device, str) else device.id
        event = "Shelly:JrpcRequest"
        request = {"event": event, "trid": trid, "deviceId": device_id, "method": method}
        self.send(request | {"params": params})
        answer = self.until("Shelly:JrpcResponse")
        assert (answer["trid"], answer["deviceId"]) == (trid, device_id)
        return answer["response"]

    def action(self, name: str, device: Device | str) -> Json:
        """The `data` of the answer to an action."""
        self._trid += 1
        device_id = device if isinstance(device, str) else device.id
        data = {"action": name, "deviceId": device_id}
        self.send({"event": "Integrator:ActionRequest", "trid": self._trid, "data": data})
        answer = self.until("Integrator:ActionResponse")
        assert answer["trid"] == self._trid
        assert answer["user"] == self.world.tag
        return answer["data"]

    def verify(self, device: Device | str) -> Json:
        """The `data` of the answer to `DeviceVerify`."""
        return self.action("DeviceVerify", device)

    def status(self) -> Json:
        """The `status` of the next event that tells one."""
        return self.until("Shelly:StatusOnChange")["status"]

    def closed(self) -> int | None:
        """Wait for the end; gives the close code, None if the connection was cut."""
        try:
            while True:
                opcode, data = self.socket.recv_data(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return int.from_bytes(data[:2]) if data else 1005
        except (websocket.WebSocketConnectionClosedException, OSError):
            return None


def refused(act: Callable[[], object]) -> int:
    """The HTTP status with which a handshake is refused."""
    try:
        act()
    except websocket.WebSocketBadStatusException as error:
        return int(error.status_code)
    raise AssertionError("the handshake was not refused")
