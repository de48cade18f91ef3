"""The shared registry, asked from an event loop that must not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bridge.cluster.base import Registry
from bridge.core.model import DeviceId, Grant, LinkId
from bridge.errors import StoreError
from bridge.store.records import Belongings, Holdings
from bridge.threads import Deadline, spawn

MOST_CHANGES = 500
"""Devices that are read one by one; beyond that whole hosts are."""

_ANSWER = TypeVar("_ANSWER")


@dataclass(frozen=True, slots=True)
class News:
    """What changed until `newest`: a grant and its revision for each device, None if it is gone.

    Without `devices` so much changed that everything has to be read.
    """

    newest: int
    hosts: frozenset[LinkId]
    devices: tuple[tuple[DeviceId, Grant | None, int], ...] | None
    belongings: Belongings
    """Of those that have a grant, or whose topics are still to be cleared."""
    homes: Mapping[DeviceId, LinkId | None]
    """The hosts of those that changed, or of all; without a wish only of those without a grant."""


class _TooLateError(StoreError):
    def __init__(self) -> None:
        super().__init__("the registry does not answer in time")


class Reader:
    """Reads in a thread of its own, which ends with the answer; one question at a time.

    Everything raises `StoreError`, also when there is no answer within `limit` s.
    """

    def __init__(self, registry: Registry, limit: float, *, homes: bool = False) -> None:
        """With `homes` the news tell of all of those."""
        self._registry = registry
        self._limit = limit
        self._homes_wanted = homes
        self._busy = False
        self._late: asyncio.Future[News] | None = None

    async def news(self, since: int | None) -> News:
        """What changed after the number `since`.

        To read everything may take longer than `limit`: whoever asks again gets that answer.
        """
        answer, self._late = self._late or self._ask(lambda: self._news(since)), None
        if not await self._is_there(answer):
            self._late = answer
            raise _TooLateError
        return answer.result()

    async def holdings(self, link: LinkId) -> Holdings:
        """Everything of a host."""
        answer = self._ask(lambda: self._registry.holdings(link))
        if not await self._is_there(answer):
            answer.cancel()
            raise _TooLateError
        return answer.result()

    def _news(self, since: int | None) -> News:
        registry = self._registry
        changes = registry.changes(since)
        devices = None
        if changes is None:
            changes = registry.changes(None)
        elif since is not None and len(changes.devices) <= MOST_CHANGES:
            devices = self._each(changes.devices, Deadline(self._limit / 3))
        hosts = frozenset(LinkId(host) for host in registry.hosts())
        homes = self._homes(devices)
        stored = [device for device, grant, _ in devices or () if grant or homes.get(device)]
        belongings = registry.belongings(stored) if stored else Belongings({}, {}, ())
        newest = 0 if changes is None else changes.newest
        return News(newest, hosts, devices, belongings, homes)

    def _homes(
        self, devices: tuple[tuple[DeviceId, Grant | None, int], ...] | None
    ) -> dict[DeviceId, LinkId | None]:
        """Read after what changed: who is told too much here is told it once more."""
        wanted, changed = self._homes_wanted, None
        if devices is not None:
            changed = [device for device, grant, _ in devices if wanted or grant is None]
        if changed == [] or (changed is None and not wanted):
            return {}
        found = self._registry.homes(changed)
        homes = {device: LinkId(host) for device, host in found.items()}
        return {**dict.fromkeys(changed or ()), **homes}

    def _each(
        self, devices: tuple[DeviceId, ...], deadline: Deadline
    ) -> tuple[tuple[DeviceId, Grant | None, int], ...] | None:
        """The grants of these; None if they are too many for a registry that is so slow."""
        found = []
        for device in devices:
            if deadline.passed:
                return None
            # The revision first: of a consent that comes in between it is told once more.
            revision = self._registry.revision(device)
            found.append((device, self._registry.grant(device), revision))
        return tuple(found)

    async def _is_there(self, answer: asyncio.Future[_ANSWER]) -> bool:
        done, _ = await asyncio.wait({answer}, timeout=self._limit)
        return bool(done)

    def _ask(self, question: Callable[[], _ANSWER]) -> asyncio.Future[_ANSWER]:
        if self._busy:
            raise StoreError("the registry is still busy with the question before")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_ANSWER] = loop.create_future()
        # Whoever gave up does not hear of it any more.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

        def give(value: _ANSWER | None, error: BaseException | None) -> None:
            self._busy = False
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(value)  # type: ignore[arg-type]  # without an error there is one

        def ask() -> None:
            value, problem = None, None
            try:
                value = question()
            except Exception as error:  # noqa: BLE001 - it is raised where the question was asked
                problem = error
            try:
                loop.call_soon_threadsafe(give, value, problem)
            except RuntimeError:
                return  # The loop has ended meanwhile.

        self._busy = True
        spawn("cluster-read", ask, lambda *_: None)
        return answer
