"""The HTTPS endpoints of the simulated cloud: who answers what, and the integrator's token.

Further endpoints are further entries in the table of routes.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.simulator.astray import Astray
from bridge.simulator.exchange import Reply, Request
from bridge.simulator.faults import ApiFaults, TokenAnswer
from bridge.simulator.tokens import Tokens
from bridge.simulator.wire import Wire

TOKEN_PATH = "/integrator/get_access_token"  # noqa: S105 - a path

Route = Callable[[Wire, Request], None]
"""Answers a request."""

_KEPT = 100_000
_WRONG = {
    TokenAnswer.NOT_OK: Reply.of({"isok": False, "errors": {"failed": "try later"}}),
    TokenAnswer.NOT_A_JWT: Reply.of({"isok": True, "data": "not a token"}),
}


@dataclass(slots=True)
class ApiCounters:
    """What was asked; times are monotonic s, oldest first."""

    token_requests: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    tokens_issued: int = 0
    tokens_refused: int = 0
    requests: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """Method and path of every request, without query and body."""


class Api:
    """Answers requests; lives in the world's event loop."""

    def __init__(self, tag: str, token: str, tokens: Tokens, changed: Callable[[], None]) -> None:
        self.faults = ApiFaults()
        self.counters = ApiCounters()
        self._tag = tag
        self._token = token
        self._tokens = tokens
        self._changed = changed
        self._astray = Astray()
        self._routes: dict[tuple[str, str], Route] = {("POST", TOKEN_PATH): self._get_token}

    def add(self, path: str, route: Route, *methods: str) -> None:
        """Have a path answered by `route`."""
        for method in methods:
            self._routes[method, path] = route

    def serve(self, wire: Wire, request: Request) -> None:
        """Answer a request, late if the faults want it so."""
        self.counters.requests.append((request.method, request.path))
        route = self._routes.get((request.method, request.path), self._not_found)
        if self.faults.delay > 0:
            asyncio.get_running_loop().call_later(self.faults.delay, route, wire, request)
        else:
            route(wire, request)
        self._changed()

    def _not_found(self, wire: Wire, _request: Request) -> None:
        wire.reply(Reply.of({"isok": False, "errors": {"not_found": "no such page"}}, 404))

    def _get_token(self, wire: Wire, request: Request) -> None:
        self.counters.token_requests.append(time.monotonic())
        fault = self.faults.token
        if fault is TokenAnswer.GOOD:
            wire.reply(self._token_for(request.form()))
        elif not self._astray.answer(wire, fault):
            wire.reply(_WRONG[fault])

    def _token_for(self, form: dict[str, str]) -> Reply:
        right = hmac.compare_digest(form.get("token", "").encode(), self._token.encode())
        if form.get("itg") != self._tag or not right:
            self.counters.tokens_refused += 1
            errors = {"wrong_credentials": "The integrator tag or token is wrong."}
            return Reply.of({"isok": False, "errors": errors}, self.faults.refused_status)
        self.counters.tokens_issued += 1
        return Reply.of({"isok": True, "data": self._tokens.issue({"itg": self._tag})})
