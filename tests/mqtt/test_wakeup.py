"""The wake-up: noticed at once, never lost, harmless after its end."""

from __future__ import annotations

import socket
import threading
import time

from bridge.mqtt.wakeup import Wakeup


def test_a_sleeper_is_woken() -> None:
    wakeup = Wakeup()
    waker = threading.Timer(0.05, wakeup.wake)
    waker.start()
    begin = time.monotonic()
    assert not wakeup.wait(5)
    assert time.monotonic() - begin < 2
    waker.join(5)
    wakeup.close()


def test_a_wake_before_the_sleep_is_not_lost_and_counts_once() -> None:
    wakeup = Wakeup()
    for _ in range(100_000):
        wakeup.wake()
    begin = time.monotonic()
    wakeup.wait(5)
    assert time.monotonic() - begin < 2
    wakeup.close()


def test_a_ready_socket_is_told_from_a_wake() -> None:
    wakeup = Wakeup()
    near, far = socket.socketpair()
    with near, far:
        assert not wakeup.wait(0.01, near)
        assert wakeup.wait(5, near, write=True)
        far.send(b"x")
        assert wakeup.wait(5, near)
    wakeup.close()


def test_stop_and_wake_after_close_are_harmless() -> None:
    wakeup = Wakeup()
    wakeup.stop()
    assert wakeup.stopped
    wakeup.close()
    wakeup.close()
    wakeup.wake()
    wakeup.stop()
