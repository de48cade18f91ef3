"""Waking one thread that sleeps in `poll`, and telling it to stop."""

from __future__ import annotations

import select
import socket
import threading


class Wakeup:
    """A flag that other threads raise and one thread notices while it waits for its socket."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._lock = threading.Lock()
        self._open = True
        self.stopped = False

    def fileno(self) -> int:
        """For `poll`: readable after `wake`."""
        return self._reader.fileno()

    def wake(self) -> None:
        """End the sleep of the owner; from any thread, also after `close`."""
        with self._lock:
            if self._open:
                try:
                    self._writer.send(b"\0")
                except BlockingIOError:
                    return  # enough bytes wait there already

    def stop(self) -> None:
        """Ask the owner to end; safe twice."""
        self.stopped = True
        self.wake()

    def drain(self) -> None:
        """Called by the owner when it is awake."""
        try:
            self._reader.recv(4096)
        except BlockingIOError:
            return

    def wait(
        self, seconds: float, sock: socket.socket | None = None, *, write: bool = False
    ) -> bool:
        """Sleep until `sock` can be read or written (True), or until woken or too late (False)."""
        poller = select.poll()
        poller.register(self, select.POLLIN)
        if sock is not None:
            poller.register(sock, select.POLLOUT if write else select.POLLIN)
        ready = [number for number, _ in poller.poll(max(0.0, seconds) * 1_000)]
        if self.fileno() in ready:
            self.drain()
        return sock is not None and sock.fileno() in ready

    def close(self) -> None:
        """Give the sockets back; called by the owner, or by whoever ended it."""
        with self._lock:
            self._open = False
            self._reader.close()
            self._writer.close()
