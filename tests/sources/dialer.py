"""Devices that dial out, scripted for tests: one thread plays any number of them."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import Frame, Opcode

from bridge.simulator.eventloop import EventLoop
from tests.brokers import wait_until

Json = Any

_log = logging.getLogger(__name__)
# A device's own log would hold the secret.
_log.setLevel(logging.WARNING)

STATUS: dict[str, Json] = {
    "switch:0": {"id": 0, "source": "init", "output": False, "apower": 0.0},
    "input:0": {"id": 0, "state": None},
    "sys": {"mac": "A8032ABE54DC", "cfg_rev": 7, "uptime": 4},
    "ws": {"connected": True},
}

SLEEPY: dict[str, Json] = {
    "temperature:0": {"id": 0, "tC": 20.5, "tF": 68.9},
    "sys": {"mac": "A8032ABE54DD", "cfg_rev": 3, "wakeup_period": 7200, "time": None},
}


class Dialers:
    """Runs devices; a context manager."""

    def __init__(self) -> None:
        self._loop = EventLoop("dialers")
        self._devices: list[Dialer] = []

    def __enter__(self) -> Self:
        self._loop.start(self._run)
        return self

    def __exit__(self, *_: object) -> None:
        for device in self._devices:
            device.wanted = False
        self._loop.stop()

    async def _run(self, ready: Callable[[], None]) -> None:
        ready()
        await asyncio.Event().wait()

    def add(self, url: str, hex_id: str = "a8032abe54dc", **options: Any) -> Dialer:
        """A device; it does nothing before `dial`."""
        device = Dialer(self, url, hex_id, **options)
        self._devices.append(device)
        return device

    def soon(self, act: Callable[[], object]) -> None:
        """Have the thread call something."""
        self._loop.soon(act)


class Dialer:
    """One device; `answers` maps a method to its result or error, or to what makes one."""

    def __init__(
        self,
        house: Dialers,
        url: str,
        hex_id: str,
        *,
        status: dict[str, Json] | None = None,
        components: list[Json] | None = None,
        context: ssl.SSLContext | None = None,
        first: str = "NotifyFullStatus",
    ) -> None:
        self.src = f"shellyplus1pm-{hex_id}"
        self.hex_id = hex_id
        self.url = url
        self.status = STATUS if status is None else status
        self.components = components or []
        self.page = 2
        self.first: str | None = first
        """The notification that it begins with, if any."""
        self.greeting: list[Json] = []
        """Frames that it sends even before that."""
        self.wanted = True
        self.dialling = False
        self.mute = False
        """It opens TCP connections and says nothing."""
        self.withhold = False
        """It answers nothing."""
        self.opened = 0
        self.unanswered = 0
        self.refusals: list[int] = []
        self.received: list[tuple[str, Json]] = []
        self.frames: list[Json] = []
        """Everything that came, as it came."""
        self.connection: ClientConnection | None = None
        self.answers: dict[str, Json] = {
            "Shelly.GetDeviceInfo": lambda _: {
                "id": self.src,
                "model": "SNSW-001P16EU",
                "gen": 2,
                "ver": "1.7.5",
                "app": "Plus1PM",
                "name": "Boiler",
            },
            "Shelly.GetConfig": {"sys": {"cfg_rev": 7, "device": {"name": "Boiler"}}},
            "Shelly.GetStatus": lambda _: self.status,
            "Shelly.GetComponents": self._listed,
            "Switch.Set": {"was_on": False},
        }
        self._house = house
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()

    def _listed(self, params: Json) -> Json:
        offset = params["offset"]
        return {
            "components": self.components[offset : offset + self.page],
            "offset": offset,
            "total": len(self.components),
            "cfg_rev": 7,
        }

    # Any thread

    def dial(self) -> Dialer:
        """Connect, and again whenever the connection ends; safe twice."""
        if not self.dialling:
            self.dialling = True
            self._house.soon(lambda: self._start(self._dial()))
        return self

    def wait_open(self) -> Dialer:
        """Wait until it is connected."""
        wait_until(lambda: self.connection is not None)
        return self

    def say(self, data: bytes | str | Json, *, binary: bool = False) -> None:
        """Send a message as it is, or as JSON."""
        body = data if isinstance(data, bytes) else _encode(data)

        def send() -> None:
            if self.connection is not None:
                opcode = Opcode.BINARY if binary else Opcode.TEXT
                self.connection.protocol.send_frame(Frame(opcode, body))
                self.connection.send_data()

        self._house.soon(send)

    def notify(self, method: str, **params: Json) -> None:
        """Send a notification."""
        self.say({"src": self.src, "dst": "ws", "method": method, "params": params})

    def freeze(self) -> None:
        """Read and answer nothing any more."""
        self._with_connection(lambda connection: connection.transport.pause_reading())

    def drop(self) -> None:
        """Cut the connection."""
        self._with_connection(lambda connection: connection.transport.abort())

    def sleep(self) -> None:
        """Close the connection and stay away."""
        self.wanted = False
        self._with_connection(lambda connection: self._start(connection.close()))

    def _with_connection(self, act: Callable[[ClientConnection], None]) -> None:
        def try_it() -> None:
            if self.connection is not None:
                act(self.connection)

        self._house.soon(try_it)

    def calls(self, method: str) -> list[Json]:
        """The parameters of the calls of a method."""
        return [params for name, params in list(self.received) if name == method]

    # The thread of all devices

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dial(self) -> None:
        while self.wanted:
            with suppress(OSError, ConnectionClosed, EOFError, InvalidHandshake):
                await self._once()
            await asyncio.sleep(0.02)

    async def _once(self) -> None:
        if self.mute:
            await self._stare()
            return
        async with connect(
            self.url,
            compression=None,
            ssl=self._context,
            ping_interval=None,
            close_timeout=0.2,
            max_size=2**20,
            proxy=None,
            logger=_log,
        ) as connection:
            self.opened += 1
            try:
                for frame in self.greeting:
                    await connection.send(_encode(frame), text=True)
                if self.first is not None:
                    told = {
                        "src": self.src,
                        "dst": "ws",
                        "method": self.first,
                        "params": {"ts": 1.5, **self.status},
                    }
                    await connection.send(_encode(told), text=True)
                self.connection = connection
                async for message in connection:
                    await self._take(connection, json.loads(message))
            finally:
                self.connection = None

    async def _stare(self) -> None:
        host, port = self.url.split("/")[2].rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        self.unanswered += 1
        try:
            while self.mute and self.wanted and not reader.at_eof():
                await asyncio.sleep(0.02)
        finally:
            writer.close()

    async def _take(self, connection: ClientConnection, frame: Json) -> None:
        self.frames.append(frame)
        method = frame.get("method")
        if method is None:
            return
        self.received.append((method, frame.get("params")))
        if self.withhold or method not in self.answers:
            if not self.withhold:
                error = {"code": 404, "message": f"No handler for {method}"}
                await self._answer(connection, frame, error=error)
            return
        answer = self.answers[method]
        result = answer(frame.get("params")) if callable(answer) else answer
        if isinstance(result, dict) and "error" in result:
            await self._answer(connection, frame, error=result["error"])
        else:
            await self._answer(connection, frame, result=result)

    async def _answer(self, connection: ClientConnection, frame: Json, **what: Json) -> None:
        body = {"id": frame["id"], "src": self.src, "dst": frame["src"], **what}
        await connection.send(_encode(body), text=True)


def _encode(value: Json) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
