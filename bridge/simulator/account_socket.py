"""The account-bound API in the simulated cloud: the frames of a socket, commands and RPC.

(Shelly docs, Real Time Events.)
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager
from typing import Any

from bridge.simulator.account import BROKEN, Account
from bridge.simulator.account_faults import RollerWords
from bridge.simulator.cloud import Host
from bridge.simulator.desk import Desk, Find, complain, decode, encode
from bridge.simulator.devices.base import Device
from bridge.simulator.devices.orders import OPEN_CLOSE, UP_DOWN, Refused, Words
from bridge.simulator.tokens import Claims
from bridge.simulator.wire import Wire

Json = Any

_WORDS: dict[RollerWords, Words] = {
    RollerWords.OPEN_CLOSE: OPEN_CLOSE,
    RollerWords.UP_DOWN: UP_DOWN,
    RollerWords.BOTH: {**OPEN_CLOSE, **UP_DOWN},
}


class AccountSocket:
    """An account as a viewer, by one of its tokens; it may have several connections at once."""

    exclusive = False

    def __init__(
        self,
        account: Account,
        claims: Claims,
        find: Find,
        lock: AbstractContextManager[object],
    ) -> None:
        """`claims` are the token's; `find` gives the device of an id as frames carry it."""
        self.name = account.name
        self._account = account
        self._expires = claims.get("exp")
        self._lock = lock
        self._desk = Desk(find, lock, self._allow)

    def opened(self, wire: Wire) -> None:
        """Close it when the token expires, if that is wanted by then."""
        self._account.counters.opened.append(time.monotonic())
        if isinstance(self._expires, int | float):
            left = max(0.0, self._expires - time.time())
            asyncio.get_running_loop().call_later(left, self._expire, wire)

    def _expire(self, wire: Wire) -> None:
        if self._account.faults.close_at_expiry and wire.is_open:
            wire.close(*BROKEN)

    def sees(self, device: Device) -> bool:
        """Whether it is the account's or shared with it."""
        return self._account.sees(device)

    def status_frame(self, device: Device, status: Json) -> bytes:
        """`Shelly:StatusOnChange`."""
        return encode(_event("Shelly:StatusOnChange", device) | {"status": status})

    def settings_frame(self, device: Device) -> bytes | None:
        """`Shelly:Settings`, which was never seen here."""
        if not self._account.faults.tells_settings:
            return None
        return encode(_event("Shelly:Settings", device) | {"settings": device.settings()})

    def online_frame(self, device: Device, online: bool) -> bytes:
        """`Shelly:Online`."""
        return encode(_event("Shelly:Online", device) | {"online": int(online)})

    def on_message(self, host: Host, wire: Wire, data: bytes) -> None:
        """A command or an RPC; anything else is answered with an error."""
        message = decode(data)
        account = self._account
        with self._lock:
            match message.get("event"):
                case "Shelly:CommandRequest":
                    account.counters.commands += 1
                    words = _WORDS[account.faults.roller_words]
                    self._desk.command(host, wire, message, words)
                case "Shelly:JrpcRequest":
                    account.counters.rpcs += 1
                    self._desk.rpc(host, wire, message, account.faults.rpc_error)
                case _:
                    complain(host, wire, "unknown event")

    def _allow(self, device: Device) -> Refused | None:
        if self._account.owns(device):
            return None
        known = self._account.sees(device)
        return Refused("no permission to control this device" if known else "unknown device")


def _event(event: str, device: Device) -> dict[str, Json]:
    who = {"id": device.id, "code": device.code, "gen": device.generation}
    return {"event": event, "device": who}
