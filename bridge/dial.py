"""Opening TLS connections within a time limit that holds, and that any thread can cut short.

The library's own way allows a time limit for every address and every read, none for the look-up
of the name, and nobody else can end it. Knows nothing of what is said on a connection.
"""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from typing import Any, Self

from bridge.threads import Deadline, spawn
from bridge.tls import certificate_problem

_Address = tuple[int, Any]
"""Address family, and the address as the `socket` module wants it."""


class Attempt:
    """One connection being opened and, for as long as the `with` lasts, used.

    When `seconds` after `connect` are over, or `abort` was called by any thread, every wait on the
    connection ends with an `OSError`. `name` is for its thread.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._news = threading.Event()
        self._over = threading.Event()
        self.aborted = False
        self.timed_out = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._lock:
            self._socket = None

    def abort(self) -> None:
        """End whatever is under way, at once; safe twice."""
        with self._lock:
            self.aborted = True
            if self._socket is not None:
                shut(self._socket)
        self._news.set()

    def _limit(self, end: Deadline) -> None:
        if not self._over.wait(end.remaining()):
            self.timed_out = True
            self.abort()

    def connect(
        self, address: tuple[str, int], context: ssl.SSLContext, name: str
    ) -> ssl.SSLSocket:
        """A connection to `address` (host or IP address, port) with TLS, checked against `name`.

        Once for an attempt. It has no time limit of its own. Raises `OSError`, of which `describe`
        makes a text.
        """
        secured = self._reach(self._look_up(*address), context, name)
        try:
            secured.do_handshake()
            self._check()
        except BaseException:
            self.close(secured)
            raise
        return secured

    def close(self, connection: socket.socket) -> None:
        """Close a connection that was opened here."""
        with self._lock:
            self._socket = None
        connection.close()

    def _look_up(self, host: str, port: int) -> list[_Address]:
        """In a thread of its own: the system gives up by itself, but late, and cannot be woken.

        Afterwards that thread sees to the time limit of what follows.
        """
        end = Deadline(self._seconds)
        answers: list[list[_Address] | OSError] = []

        def ask() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                answers.append([(entry[0], entry[4]) for entry in found])
            except OSError as error:
                answers.append(error)
            except UnicodeError:
                answers.append(socket.gaierror(socket.EAI_NONAME, "not a host name"))
            self._news.set()
            self._limit(end)

        spawn(f"{self._name}-aid", ask, lambda *_: self.abort())
        if not self._news.wait(end.remaining()):
            self.timed_out = True
        self._check()
        answer = answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _reach(
        self, addresses: list[_Address], context: ssl.SSLContext, name: str
    ) -> ssl.SSLSocket:
        """A connection to the first address that answers; each gets its share of the time.

        TLS is put around the socket before it is connected: Python forgets to close one whose peer
        hangs up while that is done.
        """
        problem: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
        for family, address in addresses:
            secured = context.wrap_socket(
                socket.socket(family, socket.SOCK_STREAM),
                server_hostname=name,
                do_handshake_on_connect=False,
            )
            try:
                self._watch(secured)
                secured.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                secured.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                secured.settimeout(self._seconds / len(addresses))
                secured.connect(address)
            except OSError as error:
                self.close(secured)
                self._check()
                problem = error
            else:
                # A timeout left on a TLS socket loses connections when two threads use it.
                secured.settimeout(None)
                return secured
        raise problem

    def _watch(self, connection: socket.socket) -> None:
        """Have `abort` shut this socket from now on."""
        with self._lock:
            self._socket = connection
        self._check()

    def _check(self) -> None:
        if self.timed_out:
            raise TimeoutError
        if self.aborted:
            raise ConnectionAbortedError(errno.ECONNABORTED, "it was ended here")


def shut(connection: socket.socket) -> None:
    """Make every read and write on a socket end, in any thread.

    Past `SSLSocket.shutdown`, which would take the TLS state from under a thread that reads.
    """
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return


def describe(error: OSError) -> str:
    """Why a connection failed, without what the peer sent and without the address."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {certificate_problem(error)}"
    if isinstance(error, ssl.SSLError):
        # An error that was not made by OpenSSL has no reason at all.
        reason = getattr(error, "reason", None) or "unknown reason"
        return f"TLS failed: {reason.replace('_', ' ').lower()}"
    return error.strerror or "the connection broke"
