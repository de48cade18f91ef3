"""Calls to a device that connects to us: one at a time, each with its answer or its end.

A challenge for a password is answered. (Shelly docs, Gen2 RPC protocol, Authentication.)
"""

from __future__ import annotations

import asyncio
import itertools

from bridge.core import rpc, rpc_frames
from bridge.core.model import Json
from bridge.core.rpc_frames import Answer, CallError
from bridge.digest import RpcChallenge
from bridge.errors import AuthError, FrameError, PeerError
from bridge.sources.outbound_wire import Wire
from bridge.sources.timing import OutboundTiming

DENIED = 401


class GoneError(PeerError):
    """The connection ended before the answer came."""


class RefusedError(PeerError):
    """The device answered with an error."""

    def __init__(self, error: CallError) -> None:
        super().__init__(str(error))
        self.error = error


class Calls:
    """The calls of one connection, which all happen in the server's thread."""

    def __init__(self, wire: Wire, timing: OutboundTiming, password: str | None) -> None:
        self._wire = wire
        self._timing = timing
        self._password = password
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self._radio_turn = asyncio.Lock()
        """Apart, since what a gateway asks by radio may take long, and all else is quick."""
        self._open: dict[int, asyncio.Future[Answer]] = {}
        self._challenge: RpcChallenge | None = None

    def turn(self, method: str) -> asyncio.Lock:
        """What to hold while a method is called."""
        return self._radio_turn if _is_by_radio(method) else self._turn

    async def ask(self, method: str, parameters: Json = None) -> Json:
        """The result of a call when its turn has come; raises as `exchange` does."""
        async with self._turn:
            return await self.exchange(method, parameters)

    async def exchange(self, method: str, parameters: Json) -> Json:
        """The result of a call whose turn it is.

        A challenge is answered once, where a password is known. Raises `RefusedError`, `GoneError`
        or `TimeoutError`.
        """
        answer = await self._send(method, parameters)
        if answer.error is not None and answer.error.code == DENIED and self._password is not None:
            try:
                self._challenge = RpcChallenge.read(answer.error.message)
            except AuthError as unknown:
                raise RefusedError(CallError(DENIED, str(unknown))) from None
            answer = await self._send(method, parameters)
        if answer.error is None:
            return answer.result
        error = answer.error
        if error.code == DENIED:
            self._challenge = None
            without = self._password is None
            text = "it wants a password" if without else "it does not take the password"
            raise RefusedError(CallError(DENIED, text))
        raise RefusedError(error)

    def answered(self, answer: Answer) -> None:
        """An answer came; raises `FrameError` for one that nobody waits for."""
        number = answer.number
        future = self._open.get(number) if type(number) is int else None
        if future is None:
            raise FrameError("unknown_answer", "an answer to nothing that was asked")
        if not future.done():
            future.set_result(answer)

    def end(self) -> None:
        """The connection is gone: nobody waits any more."""
        for future in self._open.values():
            if not future.done():
                future.set_exception(GoneError("the connection was lost"))

    async def _send(self, method: str, parameters: Json) -> Answer:
        number = next(self._numbers)
        auth = None
        if self._challenge is not None and self._password is not None:
            auth = self._challenge.answer(self._password)
        future = asyncio.get_running_loop().create_future()
        self._open[number] = future
        try:
            if not self._wire.send(rpc_frames.call(number, method, parameters, auth)):
                raise GoneError("the connection was lost")
            timing = self._timing
            limit = timing.relay_limit if _is_by_radio(method) else timing.answer_limit
            return await asyncio.wait_for(future, limit)
        finally:
            del self._open[number]


def _is_by_radio(method: str) -> bool:
    return rpc.answer_limit(method, 0.0) > 0
