"""Writes to the registry what the engine wants remembered, so that the engine never waits."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict

from bridge.core.effects import (
    DropGrant,
    SaveComponents,
    SaveGrant,
    SaveOptions,
    SaveTopics,
    SaveVisitor,
)
from bridge.core.model import DeviceId
from bridge.errors import StoreError
from bridge.store import Store
from bridge.threads import CrashHook, Deadline, spawn

RETRY = 30.0
"""After a failed write (a full disk) the next attempt comes this much later (s)."""

MOST_WAITING = 100_000

TOGETHER = 50
"""Pieces that are written at once, of those that are written often and need not be durable."""

_log = logging.getLogger(__name__)

Work = SaveGrant | SaveVisitor | SaveOptions | DropGrant | SaveTopics | SaveComponents

_Key = tuple[type, DeviceId]

_PUBLISHED = (SaveTopics, SaveComponents)


class StoreWriter:
    """A thread named `store-writer` with at most one piece of work of a kind for each device.

    A later piece replaces an earlier one, so what waits is bounded by the number of devices.
    After a failure it waits `retry` s.
    """

    def __init__(self, store: Store, on_crash: CrashHook, retry: float = RETRY) -> None:
        self._store = store
        self._on_crash = on_crash
        self._retry = retry
        self._waiting: OrderedDict[_Key, Work] = OrderedDict()
        self._gone: set[DeviceId] = set()
        """Devices that were let go while something is being written."""
        self._changed = threading.Condition()
        self._stopping = False
        self._failing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread = spawn("store-writer", self._run, self._on_crash)

    def put(self, work: Work) -> None:
        """Have something written; never waits."""
        with self._changed:
            key = (type(work), work.device)
            self._waiting[key] = _both(self._waiting.pop(key, None), work)
            while len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
            self._changed.notify()

    def let_go(self, device: DeviceId) -> None:
        """Write nothing more of what was published of a device: somebody else does so now."""
        with self._changed:
            for kind in _PUBLISHED:
                self._waiting.pop((kind, device), None)
            self._gone.add(device)

    def stop(self, deadline: Deadline) -> list[str]:
        """Write what waits, and end; names the thread if it still lives."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is None:
            return []
        self._thread.join(deadline.remaining())
        return [self._thread.name] if self._thread.is_alive() else []

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._stopping:
                    self._changed.wait(10.0)
                if not self._waiting:
                    if self._stopping:
                        return
                    continue
                pieces = self._next()
                self._gone.clear()
            if not self._write([work for _, work in pieces]):
                with self._changed:
                    if self._stopping:
                        return
                    for key, work in reversed(pieces):
                        self._put_back(key, work)
                    self._changed.wait_for(lambda: self._stopping, self._retry)

    def _next(self) -> list[tuple[_Key, Work]]:
        """The first piece, with those after it that may be written together with it."""
        pieces = [self._waiting.popitem(last=False)]
        while (
            self._waiting
            and len(pieces) < TOGETHER
            and isinstance(pieces[0][1], _PUBLISHED)
            and isinstance(next(iter(self._waiting.values())), _PUBLISHED)
        ):
            pieces.append(self._waiting.popitem(last=False))
        return pieces

    def _put_back(self, key: _Key, work: Work) -> None:
        if work.device in self._gone and isinstance(work, _PUBLISHED):
            return
        # What came meanwhile is newer, but need not say everything; its place in the order is the
        # newer one's too, or an earlier piece of another kind undid it.
        newer = self._waiting.get(key)
        self._waiting[key] = work if newer is None else _both(work, newer)
        if newer is None:
            self._waiting.move_to_end(key, last=False)

    def _write(self, pieces: list[Work]) -> bool:
        try:
            self._store_all(pieces)
        except StoreError as error:
            if not self._failing:
                _log.error("%s; it will be tried again", error)
            self._failing = True
            return False
        if self._failing:
            _log.info("the registry can be written again")
        self._failing = False
        return True

    def _store_all(self, pieces: list[Work]) -> None:
        """Store one piece, or several of those that go together."""
        match pieces[0]:
            case SaveGrant() as work:
                self._store.update_grant(
                    work.device,
                    revision=work.revision,
                    host=work.host,
                    control=work.control,
                    code=work.code,
                )
            case DropGrant() as work:
                self._store.forget_device(work.device, revision=work.revision, kept=work.kept)
            case SaveVisitor() as work if work.gone:
                self._store.drop_visitor(work.device)
            case SaveVisitor() as work:
                self._store.put_visitor(work.visitor)
            case SaveOptions() as work:
                self._store.put_options(work.options)
            case _:
                self._store.remember(
                    {each.device: each.topics for each in pieces if isinstance(each, SaveTopics)},
                    {
                        each.device: each.published
                        for each in pieces
                        if isinstance(each, SaveComponents)
                    },
                )


def _both(earlier: Work | None, later: Work) -> Work:
    """What is left to do: the later piece, and of a grant what only the earlier one says."""
    if not isinstance(earlier, SaveGrant) or not isinstance(later, SaveGrant):
        return later
    if earlier.revision != later.revision:
        return later
    return SaveGrant(
        later.device,
        host=earlier.host if later.host is None else later.host,
        control=earlier.control if later.control is None else later.control,
        code=earlier.code if later.code is None else later.code,
        revision=later.revision,
    )
