"""How answers of an account's HTTP endpoints go out: distorted, limited, late, held back.

Runs in the world's event loop only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from bridge.simulator.account import Account
from bridge.simulator.account_faults import Answer, Asked, RateLimit
from bridge.simulator.astray import Astray
from bridge.simulator.exchange import Reply
from bridge.simulator.wire import Wire

Json = Any

Make = Callable[[], tuple[int, Json]]
"""Works out the good answer: HTTP status and JSON."""

_SPAN = 0.95
"""Seconds of which there may be one request of devices; a little less than the promised one."""

_LIMITED = frozenset({Asked.STATUS, Asked.LIST})
_LIMITS = {RateLimit.HTTP_429: Answer.TOO_MANY, RateLimit.HTTP_401: Answer.MAX_REQ}
_PADDING = "x" * 5 * 2**20
_MAX_REQ = {"isok": False, "errors": {"max_req": "Request limit reached!"}}
_TOKENS = ("access_token", "refresh_token", "code")


def refusal(key: str, text: str) -> Json:
    """A failure as the cloud words it."""
    return {"isok": False, "errors": {key: text}}


class Delivery:
    """Sends answers as the accounts' faults want them."""

    def __init__(self) -> None:
        self._astray = Astray()
        self._last: WeakKeyDictionary[Account, float] = WeakKeyDictionary()

    def answer(self, account: Account, asked: Asked, wire: Wire, make: Make) -> None:
        """Answer a request; what the answer says is worked out now, whenever it is sent."""
        fault = self._fault(account, asked)
        reply = None
        if fault is Answer.REFUSED:
            status = account.faults.refused_status
            account.counters.refused[asked] += 1
            reply = Reply.of(refusal("refused", "Not accepted."), status)
        elif fault is Answer.NOT_OK:
            reply = Reply.of(refusal("failed", "Try later."))
        elif fault in (Answer.TOO_MANY, Answer.MAX_REQ):
            reply = Reply.of(_MAX_REQ, 429 if fault is Answer.TOO_MANY else 401)
        elif not self._is_astray(fault):
            status, value = make()
            reply = Reply.of(distorted(value, fault) if status == 200 else value, status)

        def send() -> None:
            if wire.is_closing:
                return
            if reply is None:
                self._astray.answer(wire, fault)
            else:
                wire.reply(reply)

        delay = account.faults.delay
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, account.pass_on, asked, send)
        else:
            account.pass_on(asked, send)

    def _fault(self, account: Account, asked: Asked) -> Answer:
        fault = account.faults.answers.get(asked, Answer.GOOD)
        limit = _LIMITS.get(account.faults.rate_limit)
        if limit is None or asked not in _LIMITED:
            return fault
        now = time.monotonic()
        if now - self._last.get(account, -_SPAN) < _SPAN:
            account.counters.limited += 1
            return limit
        self._last[account] = now
        return fault

    @staticmethod
    def _is_astray(fault: Answer) -> bool:
        return fault in (
            *(Answer.ERROR_500, Answer.HTML, Answer.EMPTY, Answer.REDIRECT),
            *(Answer.HANG, Answer.CUT, Answer.HUGE),
        )


def distorted(value: Json, fault: Answer) -> Json:
    """A good answer, changed as a fault wants it."""
    match fault:
        case Answer.LIST:
            return [value]
        case Answer.LISTS:
            return {key: item if key == "isok" else [item] for key, item in value.items()}
        case Answer.LARGE:
            return value | {"pending_notifications": _PADDING}
        case Answer.NOT_A_JWT:
            return _without_tokens(value)
        case Answer.ARRAYS | Answer.NO_INFO | Answer.GARBAGE:
            data = value.get("data")
            return value | ({"data": _devices(data, fault)} if isinstance(data, dict) else {})
    return value


def _without_tokens(value: Json) -> Json:
    if isinstance(value, dict):
        words = {key: "not a token" for key in value if key in _TOKENS}
        return {key: _without_tokens(item) for key, item in value.items()} | words
    return value


def _devices(data: dict[str, Json], fault: Answer) -> Json:
    """The data of `all_status` or the device list with something wrong about its devices."""
    changed = dict(data)
    for name in ("devices_status", "devices"):
        entries = data.get(name)
        if not isinstance(entries, dict):
            continue
        if fault is Answer.GARBAGE:
            changed[name] = _GARBAGE | entries
        else:
            changed[name] = {key: _entry(entry, fault) for key, entry in entries.items()}
    return changed


_GARBAGE: dict[str, Json] = {
    "": None,
    "list": [],
    "text": "device",
    "number": 17,
    "nobody": {"_dev_info": {"id": ["x"], "gen": 5, "code": None, "online": "maybe"}},
    "nowhere": {"_dev_info": "G2", "id": {}, "sys": []},
}


def _entry(entry: dict[str, Json], fault: Answer) -> dict[str, Json]:
    if fault is Answer.NO_INFO:
        return {key: value for key, value in entry.items() if key != "_dev_info"}
    objects = [key for key, value in entry.items() if isinstance(value, dict)]
    emptied: dict[str, Json] = {key: [] for key in objects if key not in ("_dev_info", "sys")}
    return entry | emptied
