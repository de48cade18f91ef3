"""A simulated Gen2+ device on its own: it dials out to a server, and answers calls there.

It is one of the world's devices; the same may be in the cloud as well. What it is told about its
server counts after a reboot, as with real ones. (Shelly docs, Gen2 Ws, RPC protocol,
Notifications, Sleep management.)
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from bridge.simulator.devices.base import Device, Status
from bridge.simulator.devices.orders import RpcError
from bridge.simulator.devices.rpc import FIRST_DYNAMIC
from bridge.simulator.world import World

Json = Any

BOOT_TIME = 0.3
"""Seconds for which a device that reboots is away."""

RETRY = 0.5
"""Seconds between two attempts to reach the server."""

AWAKE = 1.0
"""Seconds for which a device that sleeps listens."""

_OF_THE_CLOUD = frozenset({"id", "code", "ts", "serial", "reporter", "DeviceInfo"})
"""Members of a status or settings that the cloud adds."""

_PRESS = "v_eve:"
_PUSHES = {"S": "single_push", "SS": "double_push", "SSS": "triple_push", "L": "long_push"}
_INVALID, _REBOOTING = -103, -109

_log = logging.getLogger(__name__)
# Below this level the library writes addresses, with the secrets in them.
_log.setLevel(logging.WARNING)


class Unit:
    """A device with an outbound WebSocket. Everything public may be called by any thread."""

    def __init__(self, world: World, device: Device, *, awake: float = AWAKE) -> None:
        self.world = world
        self.device = device
        self.config: Status = {"enable": False, "server": None, "ssl_ca": "ca.pem"}
        """As it counts now."""
        self.pending: Status = dict(self.config)
        """As it will count after the next reboot."""
        self.connected = False
        self.opened = 0
        """Connections that it has had."""
        self.rebooting = False
        self.reboots = 0
        self.calls: list[tuple[str, Json]] = []
        """What it was asked by its server."""
        self._awake = awake
        self._connection: ClientConnection | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        world.watchers.append(self._changed)

    @property
    def source(self) -> str:
        """Its own name for itself."""
        return f"{self.device.identity.prefix}-{self.device.hex_id}"

    # What happens to it

    def dial(self, server: str, ssl_ca: str = "*") -> None:
        """Have it connect to a server, as if it had been told so long ago."""
        self.config = {"enable": True, "server": server, "ssl_ca": ssl_ca}
        self.pending = dict(self.config)
        self.world.soon(self._begin)

    def hang_up(self) -> None:
        """Cut its connection; it comes back."""
        self.world.soon(self._cut)

    def wake(self) -> None:
        """Let a device that sleeps connect, tell, listen for a moment, and go."""
        self.world.soon(lambda: self._run(self._once()))

    # The loop's thread

    def _begin(self) -> None:
        self._cut()
        if self._dialling is not None:
            self._dialling.cancel()
            self._dialling = None
        if self.config["enable"] and self.config["server"]:
            self._dialling = self._run(self._once() if self.device.sleeps else self._keep())

    def _run(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _cut(self) -> None:
        if self._connection is not None:
            self._connection.transport.abort()

    async def _keep(self) -> None:
        while True:
            await self._once()
            await asyncio.sleep(RETRY)

    async def _once(self) -> None:
        """One connection from its start to its end."""
        server = self.config["server"]
        if self.rebooting or not isinstance(server, str):
            return
        with suppress(OSError, WebSocketException, InvalidHandshake, EOFError, ValueError):
            async with connect(
                server,
                ssl=self._context(server),
                compression=None,
                subprotocols=[Subprotocol("json-rpc")],
                ping_interval=None,
                close_timeout=1,
                proxy=None,
                logger=_log,
            ) as connection:
                await self._talk(connection)

    def _context(self, server: str) -> ssl.SSLContext | None:
        if not server.startswith("wss:"):
            return None
        context = ssl.create_default_context(cafile=self.world.ca_file)
        if self.config["ssl_ca"] == "*":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def _talk(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.connected = True
        self.opened += 1
        # Displays begin with a part of their status (Shelly's own fleet manager says so).
        method = "NotifyStatus" if "Display" in self.source else "NotifyFullStatus"
        try:
            await self._send(self._notification(method, self.status()))
            if self.device.sleeps:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._listen(connection), self._awake)
                await connection.close(1000, "Bye")
            else:
                await self._listen(connection)
        finally:
            self._connection = None
            self.connected = False

    async def _listen(self, connection: ClientConnection) -> None:
        async for message in connection:
            frame = json.loads(message)
            if not isinstance(frame, dict) or "method" not in frame:
                continue
            self.calls.append((frame["method"], frame.get("params")))
            answer: Status = {"id": frame.get("id"), "src": self.source, "dst": frame.get("src")}
            try:
                answer["result"] = self.answer(frame["method"], frame.get("params"))
            except RpcError as error:
                answer["error"] = error.answer
            await self._send(answer)
            with self.world.lock:
                self.device.publish()

    async def _send(self, frame: Json) -> None:
        if self._connection is not None:
            text = json.dumps(frame, separators=(",", ":"))
            with suppress(WebSocketException):
                await self._connection.send(text)

    def _notification(self, method: str, params: Status) -> Status:
        stamped = {"ts": round(self.world.now(), 2), **params}
        return {"src": self.source, "dst": "ws", "method": method, "params": stamped}

    def _changed(self, device: Device, part: Status | None) -> None:
        """The device reports, or (None) its settings changed; with the world's lock held."""
        if device is not self.device or not self.connected:
            return
        events: list[Status] = []
        if part is None:
            events.append({"component": "sys", "event": "config_changed", "cfg_rev": 28})
            part = {}
        for key, value in part.items():
            if key.startswith(_PRESS) and value and (push := _PUSHES.get(value.get("ev"))):
                number = int(key.removeprefix(_PRESS))
                events.append({"component": f"input:{number}", "id": number, "event": push})
        status = _native(part)
        if status:
            self._tell(self._notification("NotifyStatus", status))
        if events:
            self._tell(self._notification("NotifyEvent", {"events": events}))

    def _tell(self, frame: Status) -> None:
        self.world.soon(lambda: self._run(self._send(frame)))

    # Calls, by whatever way they come

    def status(self) -> Status:
        """As `Shelly.GetStatus` answers."""
        known = _native(self.device.status())
        built_in = {key: value for key, value in known.items() if not _is_dynamic(key)}
        return {**built_in, "ws": {"connected": self.connected}}

    def answer(self, method: str, params: Json) -> Json:
        """The result of a call; raises `RpcError`. A change is not reported yet."""
        if self.rebooting:
            raise _error(_REBOOTING, "shutting down in 500 ms")
        with self.world.lock:
            match method.lower():
                case "shelly.getstatus":
                    return self.status()
                case "shelly.getconfig":
                    config = self.device.call(method, params, None)
                    return {**_native(config), "ws": dict(self.pending)}
                case "ws.getconfig":
                    return dict(self.pending)
                case "ws.getstatus":
                    return {"connected": self.connected}
                case "ws.setconfig":
                    return self._configure(params)
                case "shelly.reboot":
                    return self._reboot(params)
            return self.device.call(method, params, None)

    def _configure(self, params: Json) -> Status:
        wanted = params.get("config") if isinstance(params, Mapping) else None
        if not isinstance(wanted, Mapping) or not wanted.keys() <= self.pending.keys():
            raise _error(_INVALID, "Argument 'config' is not as documented")
        server = wanted.get("server")
        if server is not None and not isinstance(server, str):
            raise _error(_INVALID, "Argument 'server' is not a text")
        self.pending |= wanted
        return {"restart_required": self.pending != self.config}

    def _reboot(self, params: Json) -> None:
        delay = params.get("delay_ms", 0) if isinstance(params, Mapping) else 0
        self.world.soon(lambda: self._run(self._boot(delay / 1_000)))

    async def _boot(self, delay: float) -> None:
        await asyncio.sleep(delay)
        self.rebooting = True
        self.reboots += 1
        if self._dialling is not None:
            self._dialling.cancel()
        self._cut()
        await asyncio.sleep(BOOT_TIME)
        self.rebooting = False
        self.config = dict(self.pending)
        self._begin()


def _native(status: Status) -> Status:
    """A status or settings as the device has them, without what the cloud makes of them."""
    return {
        key: {} if value == [] else value
        for key, value in status.items()
        if key not in _OF_THE_CLOUD and not key.startswith(_PRESS)
    }


def _is_dynamic(key: str) -> bool:
    number = key.partition(":")[2]
    return number.isdecimal() and int(number) >= FIRST_DYNAMIC


def _error(code: int, message: str) -> RpcError:
    return RpcError({"code": code, "message": message})
