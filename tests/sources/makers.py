"""Makers of drivers, for tests that want one with options of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.contract import Driver

_Made = TypeVar("_Made", bound=Driver)


@contextmanager
def making(kind: Callable[..., _Made], far_side: object) -> Iterator[Callable[..., _Made]]:
    """Makes drivers with options of their own; in the end each must stop and leave nothing."""
    with ExitStack() as stack:

        def make(**options: Any) -> _Made:
            driver = kind(far_side, **options)

            def end() -> None:
                assert driver.source.stop(Deadline(5)) == []
                assert driver.recorder.crashes == []
                wait_until(lambda: not driver.leftovers())

            stack.callback(end)
            return driver

        yield make
