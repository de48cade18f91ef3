"""Answers that go wrong in the same way whatever was asked: errors, pages, half and endless ones.

Runs in the world's event loop only.
"""

from __future__ import annotations

import asyncio
from enum import Enum

from bridge.simulator.exchange import Reply
from bridge.simulator.wire import Wire

_CHUNK = b"x" * 65_536
_CUT_AFTER = 0.05
_WRONG = {
    "ERROR_500": Reply(500, b"internal error", "text/plain"),
    "HTML": Reply(200, b"<!doctype html><p>Log in to this network.", "text/html"),
    "EMPTY": Reply(200),
    "REDIRECT": Reply(302, headers={"Location": "/elsewhere"}),
}


class Astray:
    """Gives wrong answers; faults of equal names mean the same, whoever lists them."""

    def __init__(self) -> None:
        self._endless: set[asyncio.Task[None]] = set()

    def answer(self, wire: Wire, fault: Enum) -> bool:
        """Answer, or do not, as a fault wants it; False if it is none of those known here."""
        if fault.name == "HANG":
            return True
        if fault.name == "CUT":
            wire.write(Reply(body=b'{"isok":true,"data":"eyJ').encode(length=500))
            asyncio.get_running_loop().call_later(_CUT_AFTER, wire.abort)
        elif fault.name == "HUGE":
            task = asyncio.get_running_loop().create_task(_endless(wire))
            self._endless.add(task)
            task.add_done_callback(self._endless.discard)
        elif fault.name in _WRONG:
            wire.reply(_WRONG[fault.name])
        else:
            return False
        return True


async def _endless(wire: Wire) -> None:
    """Send a body of 1 GB, as fast as it is taken."""
    wire.write(Reply().encode(length=2**30))
    for _ in range(2**30 // len(_CHUNK)):
        while wire.paused and not wire.is_closing:
            await asyncio.sleep(0.005)
        if wire.is_closing:
            return
        wire.write(_CHUNK)
        await asyncio.sleep(0)
