"""What is behind the one listener of a simulated world: its hosts, told apart by their names.

Runs in the world's event loop, with the world's lock held.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.simulator.api import Api
from bridge.simulator.cloud import Host, Viewer
from bridge.simulator.exchange import Reply, Request
from bridge.simulator.tokens import Claims, Tokens
from bridge.simulator.wire import Wire

ViewerOf = Callable[[Claims, str], Viewer | None]
"""The viewer that a good token's claims stand for at a host, if it is of that kind."""


class Front:
    """Hands requests to hosts and endpoints."""

    def __init__(
        self,
        api: Api,
        tokens: Tokens,
        changed: Callable[[], None],
        soon: Callable[[Callable[[], None]], None],
    ) -> None:
        """`changed` and `soon` are as in `Host`."""
        self.hosts: dict[str, Host] = {}
        self.viewers: list[ViewerOf] = []
        self._api = api
        self._tokens = tokens
        self._changed = changed
        self._soon = soon

    def add(self, name: str) -> Host:
        """One more host."""
        host = self.hosts[name] = Host(name, self._viewer_of, self._changed, self._soon)
        return host

    def dispatch(self, wire: Wire, request: Request) -> None:
        """Have a request answered; HTTP is answered alike by all names."""
        host = self.hosts.get(request.host)
        if not request.wants_websocket:
            self._api.serve(wire, request)
        elif host is None:
            wire.reply(Reply(404, b"no such host\n", "text/plain"))
        else:
            host.upgrade(wire, request)

    def is_mute(self, name: str | None) -> bool:
        """Whether nobody who asks for this name is spoken to; None: whether any name is mute."""
        if name is None:
            return any(host.faults.mute for host in self.hosts.values())
        host = self.hosts.get(name)
        if host is None or not host.faults.mute:
            return False
        host.counters.unanswered += 1
        self._changed()
        return True

    def _viewer_of(self, token: str, host: str) -> Viewer | None:
        claims = self._tokens.check(token)
        if claims is None:
            return None
        found = (viewer_of(claims, host) for viewer_of in self.viewers)
        return next((viewer for viewer in found if viewer is not None), None)
