"""Tests of the pure part touch no network."""

from __future__ import annotations

import socket
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt to open a socket fail the test."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("bridge.core must not open a socket")

    monkeypatch.setattr(socket, "socket", refuse)
