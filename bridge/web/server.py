"""Runs a WSGI application in a thread, on a server that slow and endless clients cannot stop.

Knows nothing of what is served. TLS is the business of a reverse proxy in front.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from waitress import wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import Error
from werkzeug.middleware.proxy_fix import ProxyFix

from bridge.errors import StartError
from bridge.threads import CrashHook, Deadline, spawn

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

REQUEST_LIMIT = 60.0
"""Seconds from a request's first byte to its last."""

_LIMITS: dict[str, Any] = {
    "asyncore_use_poll": True,
    "channel_timeout": 30,
    "cleanup_interval": 10,
    "max_request_header_size": 16 * 1024,
    # Above the application's own limit, which thus answers what is only a little too large.
    "max_request_body_size": 80 * 1024,
    # So that an answer which takes long can tell that nobody waits for it any more.
    "channel_request_lookahead": 1,
    "log_socket_errors": False,
    "expose_tracebacks": False,
    "ident": None,
    # They are needed below; without a proxy nothing reads them.
    "clear_untrusted_proxy_headers": False,
}
_TICK = 1.0

MOST_UNSENT = 1_000_000
"""Bytes that wait for a client which reads slowly; whoever lets more pile up gets no more."""


class _JsonErrorTask(ErrorTask):
    """Answers what is not even HTTP as everything else is answered: with JSON."""

    def execute(self) -> None:
        # Its type stub names the error where the broken request is.
        request = cast(Any, self.request)
        error: Error = request.error
        # If the client has gone meanwhile, Waitress names the path, which there may not be.
        request.path = ""
        body = json.dumps({"ok": False, "error": error.reason.lower()}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [("Content-Type", "application/json")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    """Also closes a connection whose request trickles in, or whose answer trickles out."""

    error_task_class = _JsonErrorTask
    _begun = 0.0

    def write_soon(self, data: bytes) -> int:
        # Waitress would let 16 MB pile up and then hold the worker until the client reads.
        if self.total_outbufs_len > MOST_UNSENT:
            raise ClientDisconnected
        return super().write_soon(data)

    def received(self, data: bytes) -> bool:
        if self.request is not None and time.monotonic() - self._begun > REQUEST_LIMIT:
            self.will_close = True
            return False
        before = self.request
        taken = super().received(data)
        if self.request is not before:
            self._begun = time.monotonic()
        return taken


class WebServer:
    """One HTTP listener: bound when made, served from `start` to `stop`."""

    def __init__(
        self,
        name: str,
        app: WSGIApplication,
        host: str,
        port: int,
        on_crash: CrashHook,
        *,
        trusted_proxies: int = 0,
        connection_limit: int = 500,
        workers: int = 4,
        stopping: threading.Event | None = None,
    ) -> None:
        """Bind to `host` (an address or name) and `port` (0: any); `StartError` if it fails.

        `trusted_proxies` reverse proxies stand in front, each adding its peer to
        `X-Forwarded-For`; with 0 the header is ignored. Beyond `connection_limit` connections
        further ones wait; all listeners together must stay below the process's file descriptors.
        `workers` requests are answered at once. `stopping` is set when it ends, for answers that
        take long.
        """
        self.name = name
        self._on_crash = on_crash
        listener = bind(f"{name}: cannot listen on {host}:{port}", host, port)
        self.port: int = listener.getsockname()[1]
        if trusted_proxies:
            app = ProxyFix(
                app,
                x_for=trusted_proxies,
                x_proto=trusted_proxies,
                x_host=trusted_proxies,
                x_prefix=trusted_proxies,
            )
        self._map: dict[int, socket.socket] = {}
        server = create_server(
            app,
            map=self._map,
            sockets=[listener],
            connection_limit=connection_limit,
            # A request takes one only when it has come completely; until then a connection.
            threads=workers,
            **_LIMITS,
        )
        if not isinstance(server, BaseWSGIServer):
            raise AssertionError("one socket makes a plain server")
        server.channel_class = _Channel
        self._server = server
        # Its lines below a warning hold the paths of requests, which may be secret; and that
        # several requests come at once is no reason to warn.
        server.logger.setLevel(logging.WARNING)
        server.task_dispatcher.queue_logger.setLevel(logging.ERROR)
        self._stopping = stopping or threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether requests are being served."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = spawn(self.name, self._run, self._on_crash)

    def stop(self, deadline: Deadline) -> list[str]:
        """Finish the requests that have come completely, then close; safe to call twice.

        Names the thread if it still lives.
        """
        first = not self._stopping.is_set()
        self._stopping.set()
        if self._thread is not None:
            if first:
                self._server.pull_trigger()
            self._thread.join(deadline.remaining())
        if first:
            # The workers first: they still answer, and use what is closed after them.
            self._server.task_dispatcher.shutdown(timeout=int(deadline.remaining()))
            wasyncore.close_all(self._map, ignore_all=True)
        return [self.name] if self.alive else []

    def _run(self) -> None:
        # Waitress's own loop would go on until the last client has gone.
        while not self._stopping.is_set():
            wasyncore.loop(timeout=_TICK, use_poll=True, map=self._map, count=1)


def bind(what: str, host: str, port: int) -> socket.socket:
    """A socket that listens; raises `StartError`, which begins with `what`, if that fails."""
    address = host.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    both = address == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((address, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise StartError(f"{what}: {reason}") from error
