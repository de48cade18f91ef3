"""Keepers on a real PostgreSQL, with holders that only remember what they were told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bridge.cluster.keeper import Keeper
from bridge.cluster.settings import KeeperSettings, KeeperTiming
from bridge.core.model import DeviceId, Grant, LinkId
from bridge.store import Store
from bridge.threads import Deadline
from tests.sources.recorder import Recorder

FAST = KeeperTiming(
    interval=0.1,
    statement=3.0,
    late=3.0,
    silent=2.0,
    disown=0.5,
    take_over=0.8,
    join=0.3,
    rest=0.2,
    noticed=4.0,
    read=2.0,
    read_again=1.0,
    name=6.0,
    retry=0.1,
    first=0.1,
    longest=0.5,
)
"""Everything goes faster, in the same order."""


def hosts(count: int) -> list[LinkId]:
    return [LinkId(f"shelly-{number}-sim.shelly.cloud") for number in range(1, count + 1)]


def grant(number: int, host: str, *, control: bool = True) -> Grant:
    """The consent for a device."""
    return Grant(DeviceId(f"{number:012x}"), host, "SHSW-1", "relay", ("",), control)


def consent(store: Store, links: Iterable[LinkId], first: int = 1) -> list[Grant]:
    """Store a consent on each host."""
    found = [grant(number, link) for number, link in enumerate(links, first)]
    for each in found:
        store.put_grant(each, at=1.0)
    return found


@dataclass(frozen=True)
class Change:
    """A holder was told to own a host, or has closed it; `at` is monotonic s."""

    at: float
    instance: str
    link: str
    owns: bool


class RecordingHolder:
    """Remembers when it owned what; what is `stuck` cannot be closed."""

    def __init__(self, instance: str, note: Callable[[Change], None]) -> None:
        self._instance = instance
        self._note = note
        self._lock = threading.Lock()
        self.owned: set[LinkId] = set()
        self.stuck: set[LinkId] = set()

    def own(self, link: LinkId) -> None:
        with self._lock:
            self.owned.add(link)
            self._note(Change(time.monotonic(), self._instance, link, owns=True))

    def disown(self, link: LinkId, deadline: Deadline) -> bool:
        if link in self.stuck:
            time.sleep(min(0.05, deadline.remaining()))
            return False
        with self._lock:
            if link in self.owned:
                self._note(Change(time.monotonic(), self._instance, link, owns=False))
                self.owned.discard(link)
        return True


class Instance:
    """A keeper with all that it needs; `stop` it in the end."""

    def __init__(
        self,
        name: str,
        address: str,
        history: list[Change],
        *,
        patterns: tuple[str, ...] | None = (),
        accounts: tuple[str, ...] = (),
        named: tuple[str, ...] = (),
        most: int = 64,
        keep: bool = False,
        mixed: bool = False,
        timing: KeeperTiming = FAST,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.name = name
        self.recorder = Recorder()
        self.holder = RecordingHolder(name, history.append)
        self.store = Store.connect(address)
        settings = KeeperSettings(
            address,
            name,
            patterns,
            named,
            accounts,
            most=most,
            keep=keep,
            mixed=mixed,
            timing=timing,
        )
        more = {} if clock is None else {"clock": clock}
        self.silences: list[float] = []
        self.keeper = Keeper(
            settings,
            self.store,
            self.holder,
            self.recorder,
            self.recorder.crashed,
            on_silence=lambda: self.silences.append(time.monotonic()),
            **more,
        )

    def start(self) -> None:
        self.keeper.start()

    def stop(self) -> None:
        assert self.keeper.stop(Deadline(5)) == []
        assert self.recorder.crashes == []
        self.store.close()


def run_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread of its own: other tests may have left a loop in ours."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result(60)


def overlaps(history: Iterable[Change]) -> list[str]:
    """Where two owned the same host at the same time; who died must have been noted as well."""
    owners: dict[str, str] = {}
    wrong = []
    for change in sorted(history, key=lambda change: change.at):
        owner = owners.get(change.link)
        if change.owns and owner not in (None, change.instance):
            wrong.append(f"{change.link}: {change.instance} while {owner} has it")
        if change.owns:
            owners[change.link] = change.instance
        elif owner == change.instance:
            del owners[change.link]
    return wrong
