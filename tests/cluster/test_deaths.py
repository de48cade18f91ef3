"""Instances that are killed and frozen, at random too: nothing ever has two owners."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

import pytest

from bridge.cluster.settings import KeeperTiming
from bridge.core.model import LinkId
from bridge.store import Store
from tests.brokers import wait_until
from tests.cluster.rig import FAST, Change, consent, hosts, overlaps
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.postgres, pytest.mark.quiet]

LIMIT = 40.0
ROOT = Path(__file__).parents[2]


class Process:
    """An instance in a process of its own; `history` is what all of them did."""

    def __init__(
        self,
        name: str,
        address: str,
        history: list[Change],
        timing: KeeperTiming = FAST,
        *,
        keep: bool = False,
    ) -> None:
        self.name = name
        self._said = {"address": address, "name": name, "keep": keep, "timing": asdict(timing)}
        self._history = history
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread()
        self.owned: set[str] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        # It hears of a stop when it can end in order, and not before: the mask is inherited.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cluster.instance_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._reader = threading.Thread(target=self._read, args=(self._process,))
        self._reader.start()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(self._said)}\n".encode())
        self._process.stdin.flush()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            change = Change(*json.loads(line))
            self._history.append(change)
            (self.owned.add if change.owns else self.owned.discard)(change.link)

    def kill(self) -> None:
        """End it as a power cut would; what it owned is not connected any more."""
        if self._process is None:
            return
        self._process.kill()
        at = time.monotonic()
        self._process.wait(LIMIT)
        self._reader.join(LIMIT)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        for link in self.owned:
            self._history.append(Change(at, self.name, link, owns=False))
        self.owned.clear()
        self._process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in order."""
        assert self._process is not None
        self._signal(signal.SIGTERM)
        assert self._process.wait(LIMIT) == 0
        self._reader.join(LIMIT)
        assert self.owned == set()
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def everything_owned(links: list[LinkId], processes: list[Process], limit: float = LIMIT) -> None:
    def found() -> list[str]:
        return sorted(link for each in processes for link in each.owned)

    wait_until(lambda: found() == sorted(links), limit, "everything is owned")


def test_the_hosts_of_one_that_is_killed_are_owned_by_the_others_soon(
    database: str, store: Store, processes: ExitStack, history: list[Change]
) -> None:
    links = hosts(12)
    consent(store, links)
    found = [
        processes.enter_context(Process(name, database, history, KeeperTiming(rest=0.1)))
        for name in ("a", "b", "c")
    ]
    wait_until(lambda: {len(each.owned) for each in found} == {4}, LIMIT, "an even spread")
    dead = found.pop(0)
    lost = set(dead.owned)
    begin = time.monotonic()
    dead.kill()
    everything_owned(links, found)
    took = max(change.at for change in history if change.link in lost) - begin
    assert {len(each.owned) for each in found} == {6}
    assert took < 10
    assert overlaps(history) == []


def test_a_frozen_one_keeps_its_hosts_and_lets_go_first_when_it_goes_on(
    database: str, store: Store, processes: ExitStack, history: list[Change]
) -> None:
    links = hosts(8)
    consent(store, links)
    a, b = (processes.enter_context(Process(name, database, history)) for name in ("a", "b"))
    wait_until(lambda: len(a.owned) == len(b.owned) == 4, LIMIT, "an even spread")
    before, theirs = set(a.owned), set(b.owned)
    a.freeze()
    # Longer than it may be away; the other one has to look at it all the time.
    time.sleep(FAST.interval + FAST.late + 1)
    assert (b.owned, a.owned) == (theirs, before)
    del history[:]
    a.thaw()
    wait_until(lambda: len(history) >= 4, LIMIT, "it lets go")
    assert {(change.instance, change.owns) for change in history[:4]} == {("a", False)}
    everything_owned(links, [a, b])
    assert overlaps(history) == []


@pytest.mark.parametrize("keep", [False, True])
def test_whatever_happens_nothing_has_two_owners(
    server: PostgresServer, processes: ExitStack, history: list[Change], keep: bool
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown if it fails
    choice = random.Random(seed)  # noqa: S311 - a script that can be repeated
    links = hosts(12)
    address = server.database()
    with Store.connect(address) as store:
        consent(store, links)
    # What whoever kept its hosts has to let go of them in: as long as in earnest.
    timing = replace(FAST, take_over=KeeperTiming().take_over, noticed=KeeperTiming().noticed)
    found = [
        processes.enter_context(Process(name, address, history, timing, keep=keep))
        for name in ("a", "b", "c")
    ]
    everything_owned(links, found)
    for _ in range(12):
        one = choice.choice(found)
        kind = choice.choice(["kill", "stop", "freeze", "database", "crash", "hang"])
        if kind == "kill":
            one.kill()
            one.start()
        elif kind == "stop":
            one.stop()
            one.start()
        elif kind == "freeze":
            one.freeze()
            time.sleep(choice.uniform(0, FAST.late + 2))
            one.thaw()
        elif kind == "database":
            server.restart()
        elif kind == "crash":
            server.kill()
            time.sleep(choice.uniform(0, 1))
            server.start()
        else:
            server.freeze()
            time.sleep(choice.uniform(0, FAST.statement + 1))
            server.thaw()
        time.sleep(choice.uniform(0, 2))
    everything_owned(links, found)
    assert overlaps(history) == [], f"seed {seed}"
