"""Opening a TCP or TLS connection within a time limit that holds, and that `stop` can end.

Owns the steps up to a socket that is ready for MQTT. The library's own way of connecting allows a
time limit for every address and every read of the TLS handshake, not for the whole.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from typing import Any

from bridge.errors import ConnectionLost
from bridge.mqtt.wakeup import Wakeup
from bridge.threads import Deadline, spawn
from bridge.tls import certificate_problem

_Address = tuple[int, Any]
"""Address family and the address as the `socket` module wants it."""

STOPPED = "stopped"


class Dialer:
    """Opens connections to one host, one at a time.

    Names are looked up in a thread of its own, since the system's look-up cannot be interrupted.
    At most one such thread lives; one that hangs is waited for again by the next attempt.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self.tls = tls
        self._lookup: threading.Thread | None = None
        self._answer: list[_Address] | OSError | None = None

    def dial(self, deadline: Deadline, wakeup: Wakeup) -> socket.socket:
        """A connected, non-blocking socket without Nagle's delay; raises ConnectionLost."""
        addresses = self._look_up(deadline, wakeup)
        problem = "it has no address"
        for index, address in enumerate(addresses):
            share = Deadline(deadline.remaining() / (len(addresses) - index))
            try:
                return self._open(address, share, wakeup)
            except ssl.SSLCertVerificationError as error:
                problem = f"its certificate is refused: {certificate_problem(error)}"
            except OSError as error:
                problem = _describe(error)
        raise ConnectionLost(problem)

    def _look_up(self, deadline: Deadline, wakeup: Wakeup) -> list[_Address]:
        if self._lookup is None:
            self._answer = None
            self._lookup = spawn("mqtt-resolve", lambda: self._ask(wakeup), lambda *_: None)
        while self._answer is None and not deadline.passed:
            _check(wakeup)
            wakeup.wait(min(deadline.remaining(), 1.0))
            if not self._lookup.is_alive():
                break
        answer = self._answer
        if answer is not None or not self._lookup.is_alive():
            self._lookup = None
        if answer is None:
            raise ConnectionLost("its name was not resolved in time")
        if isinstance(answer, OSError):
            raise ConnectionLost(f"its name was not resolved: {_describe(answer)}")
        return answer

    def _ask(self, wakeup: Wakeup) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            self._answer = error
        except UnicodeError:
            self._answer = OSError(errno.EINVAL, "it is not a host name")
        else:
            self._answer = [(entry[0], entry[4]) for entry in found]
        wakeup.wake()

    def _open(self, address: _Address, deadline: Deadline, wakeup: Wakeup) -> socket.socket:
        sock = socket.socket(address[0], socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = sock.connect_ex(address[1])
            if code == errno.EINPROGRESS:
                _wait(sock, deadline, wakeup, write=True)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            return sock if self.tls is None else self._secure(self.tls, sock, deadline, wakeup)
        except BaseException:
            sock.close()
            raise

    def _secure(
        self, tls: ssl.SSLContext, sock: socket.socket, deadline: Deadline, wakeup: Wakeup
    ) -> socket.socket:
        secured = tls.wrap_socket(sock, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            while True:
                try:
                    secured.do_handshake()
                except ssl.SSLWantReadError:
                    _wait(secured, deadline, wakeup)
                except ssl.SSLWantWriteError:
                    _wait(secured, deadline, wakeup, write=True)
                else:
                    return secured
        except BaseException:
            secured.close()
            raise


def _wait(sock: socket.socket, deadline: Deadline, wakeup: Wakeup, *, write: bool = False) -> None:
    while True:
        _check(wakeup)  # before the wait, which may have swallowed an earlier wake-up
        if wakeup.wait(deadline.remaining(), sock, write=write):
            return
        if deadline.passed:
            raise TimeoutError(errno.ETIMEDOUT, "it does not answer")


def _check(wakeup: Wakeup) -> None:
    if wakeup.stopped:
        raise ConnectionLost(STOPPED)


def _describe(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
