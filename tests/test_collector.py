"""The collector of circular garbage: what stays is looked through once, and ours has no circles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.collector import keep_collections_short
from bridge.core.engine import Engine
from bridge.core.events import BrokerUp, GrantRevoked, GrantStored, LinkChanged, StatusReported
from bridge.core.model import DeviceId, LinkState, Now, SourceKind
from tests.core import payloads
from tests.core.dialogue import HOST, grant, settings

OLDEST = 2


@pytest.fixture
def short() -> Iterator[None]:
    before = list(gc.callbacks)
    keep_collections_short()
    try:
        yield
    finally:
        gc.callbacks[:] = before
        gc.unfreeze()


@pytest.mark.usefixtures("short")
def test_what_stays_is_looked_through_once() -> None:
    gc.collect()
    frozen = gc.get_freeze_count()
    kept = [[number] for number in range(50_000)]
    gc.collect()
    assert gc.get_freeze_count() - frozen >= len(kept)
    # That is all that the next collection looks through.
    assert len(gc.get_objects(generation=OLDEST)) < 5_000


@pytest.mark.usefixtures("short")
def test_circles_that_come_later_are_still_freed() -> None:
    circle: list[object] = []
    circle.append(circle)
    del circle
    assert gc.collect() >= 1


@contextmanager
def nothing_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_devices_that_come_and_go_leave_no_circles() -> None:
    engine = Engine(settings(), {})
    mono = 100.0
    engine.restore([], Now(mono, mono))
    engine.handle(LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.CONNECTED), Now(mono, mono))
    engine.handle(BrokerUp("5"), Now(mono, mono))
    with nothing_collected():
        for number in range(1, 101):
            device = DeviceId(f"{number:012x}")
            engine.handle(GrantStored(grant(device)), Now(mono, mono))
            status = payloads.two_switches()
            engine.handle(StatusReported(HOST, device, status, full=True), Now(mono, mono))
            mono = settle(engine, mono)
            engine.handle(GrantRevoked(device), Now(mono, mono))
            mono = settle(engine, mono)
        assert gc.collect() == 0


def settle(engine: Engine, mono: float) -> float:
    """Let a minute pass; gives the time then."""
    end = mono + 60.0
    while (timer := engine.next_timer()) is not None and timer <= end:
        mono = max(mono, timer)
        engine.tick(Now(mono, mono))
    return end
