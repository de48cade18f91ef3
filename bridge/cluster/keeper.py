"""Keeps this instance's share of the hosts: takes and gives back, and lets go when in doubt.

    free ─lock─► waiting, as its last owner may not know yet ─► owned ─► closing ─unlock─► free

A host's lock is given back only when its connection is closed for sure. If it is not sure that
the locks are ours (PostgreSQL is late or gone, or this process stood still), all connections are
closed before anything else happens.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from random import random

from bridge.cluster.arrivals import Arrivals
from bridge.cluster.base import Holder, Registry, Sink
from bridge.cluster.estate import Estate
from bridge.cluster.following import Follower
from bridge.cluster.locks import Locks, LostError, NameTakenError, RefusedError, View
from bridge.cluster.reading import Reader
from bridge.cluster.settings import KeeperSettings
from bridge.cluster.shares import Mate, Shares
from bridge.core.backoff import Backoff
from bridge.core.events import HostsKnown
from bridge.core.model import LinkId, Owner
from bridge.errors import StartError, StoreError
from bridge.threads import CrashHook, Deadline, spawn

NAME = "cluster"

_LOOK = 0.2
"""How often (s) it is looked whether a start is over."""

_END = 0.3
"""Seconds that what is under way has for its own end when the bridge stops."""

_log = logging.getLogger(__name__)


def boot_time() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Keeper:
    """The thread `cluster`. Events go to `sink`; `holder` keeps the connections.

    `on_silence` hears that nothing may have reached this process for a while, or it stood still.
    """

    def __init__(
        self,
        settings: KeeperSettings,
        registry: Registry,
        holder: Holder,
        sink: Sink,
        on_crash: CrashHook,
        clock: Callable[[], float] = boot_time,
        on_silence: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._on_silence = on_silence
        self._timing = settings.timing
        self._sink = sink
        self._on_crash = on_crash
        self._clock = clock
        hosts = () if settings.patterns is None else (settings.patterns or None)
        self._mate = Mate(hosts, frozenset(settings.accounts), settings.most)
        self._named = frozenset(LinkId(link) for link in (*settings.hosts, *settings.accounts))
        self._locks = Locks(
            settings.address,
            registry.bridge_id,
            settings.instance,
            settings.accounts,
            self._timing.statement,
            clock,
        )
        self._reader = Reader(registry, self._timing.read, homes=settings.mixed)
        self._estate = Estate(holder, sink)
        self._follower = Follower(
            self._reader,
            self._estate,
            sink,
            clock,
            self._timing.read_again,
            mixed=settings.mixed,
        )
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event
        self._ended: asyncio.Event
        self._stopping = threading.Event()
        self._settled = threading.Event()
        """The first attempt to sign in has come to its end."""
        self._refused: StartError | None = None
        self._end = Deadline(0)
        self._rounds = 0
        self._connected = False
        self._problem = ""

        self._arrivals = Arrivals()
        self._unowned: dict[LinkId, int] = {}
        """At how many looks a host had no owner."""
        self._known: dict[LinkId, Owner | None] = {}
        self._may_release = self._may_claim = 0.0
        self._signed_in = -math.inf
        """When (by the clock)."""

    # For any thread

    def start(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Sign in and begin; raises `StartError` if that is refused, but not if nobody answers.

        Returns soon if `is_over`, as somebody stops the bridge meanwhile.
        """
        self._thread = spawn(NAME, self._run, self._on_crash)
        end = Deadline(self._timing.name + 4 * self._timing.statement)
        while not (self._settled.wait(_LOOK) or is_over() or end.passed):
            pass
        if self._refused is not None:
            self._thread.join(self._timing.statement)
            raise self._refused

    def wake(self) -> None:
        """Look at once: something was stored."""
        if self._loop is not None:
            with suppress(RuntimeError):  # The loop has ended meanwhile.
                self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self, deadline: Deadline) -> list[str]:
        """Close all connections, let others have the hosts, and end."""
        self._end = deadline
        self._stopping.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # The loop has ended meanwhile.
                self._loop.call_soon_threadsafe(self._ended.set)
        self.wake()
        if self._thread is None:
            return []
        self._thread.join(deadline.remaining())
        return [NAME] if self._thread.is_alive() else []

    def beats(self) -> dict[str, int]:
        """How often the thread came round."""
        alive = self._thread is not None and self._thread.is_alive()
        return {NAME: self._rounds + self._locks.answers} if alive else {}

    @property
    def owned(self) -> frozenset[LinkId]:
        """What may be connected from here."""
        return frozenset(self._estate.owned)

    @property
    def state(self) -> str:
        """`connected` while PostgreSQL says what is ours, else `waiting`."""
        return "connected" if self._connected else "waiting"

    # The thread

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        self._woken, self._ended = asyncio.Event(), asyncio.Event()
        self._loop = loop
        try:
            loop.run_until_complete(self._main())
        finally:
            # Also after a mistake of ours nothing may stay connected that is not locked.
            self._drop(self._held())
            self._settled.set()
            loop.close()

    async def _main(self) -> None:
        """Work until the stop, then end in order although something may be under way."""
        work = asyncio.ensure_future(self._work())
        stop = asyncio.ensure_future(self._ended.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({work}, timeout=_END)
        if not work.done():
            self._locks.cut()
            work.cancel()
            await asyncio.wait({work}, timeout=_END)
        stop.cancel()
        try:
            with suppress(asyncio.CancelledError):
                await work
        finally:
            await self._farewell()

    async def _work(self) -> None:
        backoff = Backoff(self._timing.first, self._timing.longest)
        while not self._stopping.is_set():
            begun = self._clock()
            try:
                await self._sign_in()
                if not self._settled.is_set():
                    self._may_claim = self._clock() + self._timing.join
                self._settled.set()
                await self._serve()
            except StartError as error:
                if not self._settled.is_set():
                    self._refused = error
                    return
                self._lost(str(error), keep=False)
            except LostError as error:
                self._lost(str(error), keep=self._settings.keep)
                self._settled.set()
            if self._stopping.is_set():
                return
            await self._locks.close()
            backoff.ended(self._clock() - begun)
            await self._pause(backoff.next_delay(random()))  # noqa: S311 - jitter

    async def _sign_in(self) -> None:
        """A session with our name; what was kept while there was none is locked first."""
        await self._locks.open()
        await self._lock_kept()
        end = Deadline(self._timing.name)
        while not self._stopping.is_set():
            try:
                await self._locks.sign_in(self._mate)
                break
            except NameTakenError as error:
                if end.passed:
                    # Somebody else goes by our name, not a session of ours that is ending.
                    raise StartError(f"{error}; give this one its own cluster.instance") from None
            await self._pause(self._timing.retry)
        if self._problem:
            _log.warning("PostgreSQL is there again")
        self._signed_in = self._clock()
        self._problem, self._connected = "", True

    async def _lock_kept(self) -> None:
        wanted = self._estate.owned | dict.fromkeys(self._estate.closing, time.time())
        while wanted and not self._stopping.is_set():
            taken = await self._locks.take(wanted)
            left = wanted.keys() - taken.keys()
            lost = await self._locks.others(left) if left else set()
            if lost:
                self._drop(lost)
                _log.warning("other instances took %d of our hosts meanwhile", len(lost))
            wanted = {link: wanted[link] for link in left - lost}
            if wanted:
                await self._pause(self._timing.retry)

    async def _serve(self) -> None:
        """Look again and again; ends only with a stop or a doubt."""
        while not self._stopping.is_set():
            self._check_pace()
            links = self._links()
            view = await self._locks.look(links)
            looked = self._clock()
            if not self._held() <= view.mine or self._settings.instance not in view.mates:
                raise LostError("PostgreSQL does not know our locks any more")
            self._rounds += 1
            await self._hear(view.newest)
            self._check_pace()
            if self._links() != links:
                continue
            self._tell(view)
            await self._give_back(self._estate.closed())
            await self._balance(view)
            if await self._begin(looked):
                await self._pause(self._timing.interval)

    def _check_pace(self) -> None:
        """To be asked after every wait for something else than the locks' server."""
        if self._clock() - self._locks.answered > self._timing.interval + self._timing.late:
            raise LostError("this process stood still")

    def _held(self) -> set[LinkId]:
        """All that is locked."""
        return {*self._estate.owned, *self._estate.closing, *self._arrivals.waiting}

    def _links(self) -> set[LinkId]:
        """All that there is, and what there was and is still ours."""
        return {*self._wanted(), *self._held()}

    def _wanted(self) -> frozenset[LinkId]:
        return self._follower.hosts | self._named

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until somebody wakes us."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()
        self._rounds += 1

    # What there is

    async def _hear(self, newest: int) -> None:
        """Tell the engine of grants that came, went or moved."""
        try:
            if await self._follower.hear(newest):
                self._arrivals.again(self._estate.owned)
        except StoreError as error:
            self._say(f"what changed cannot be read: {error}")

    def _tell(self, view: View) -> None:
        wanted = self._wanted()
        known = {link: owner for link, owner in view.owners.items() if link in wanted}
        if known != self._known:
            self._known = known
            self._sink(HostsKnown(dict(known)))

    # Hosts come

    async def _balance(self, view: View) -> None:
        """Take what is our share, give up what is more."""
        wanted = self._wanted()
        for link in self._held() - self._estate.closing - wanted:
            await self._release(link)
        # Who joins those that have something already is given its share by them.
        if self._clock() < self._may_claim and not any(view.owners.values()):
            return
        owners = {link: self._owner(view, link) for link in view.owners if link in wanted}
        free = [link for link, owner in owners.items() if owner is None]
        self._unowned = {link: self._unowned.get(link, 0) + 1 for link in free}
        shares = Shares(self._settings.instance, view.mates, owners)
        claims = shares.claims(self._unowned)
        if claims:
            await self._claim(claims)
            return
        surplus = shares.release() if self._clock() >= self._may_release else None
        if surplus is not None and not self._estate.closing:
            _log.info("%s goes to another instance", surplus)
            self._may_release = self._clock() + self._timing.rest
            await self._release(surplus)

    def _owner(self, view: View, link: LinkId) -> str | None:
        """Who has a host; shortly after a start of the server also who had it just before.

        So also shortly after we signed in: a replica may have taken over, which has no locks, and
        those who are not there yet may not have noticed. Whoever is has closed everything, or
        locked it anew.
        """
        owner = view.owners[link]
        if owner is not None:
            return owner.instance
        former, noticed = view.formers.get(link), self._timing.noticed
        if former == self._settings.instance:
            return None
        # Less than nothing: the server's clock was set back meanwhile.
        is_new = 0 <= view.age < noticed
        is_away = former not in view.mates and self._clock() - self._signed_in < noticed
        return former if is_new or is_away else None

    async def _claim(self, links: Collection[LinkId]) -> None:
        since = time.time()
        try:
            taken = await self._locks.take(dict.fromkeys(links, since))
        except RefusedError as error:
            self._say(f"no more hosts can be taken: {error}")
            return
        now = self._clock()
        for link, former in taken.items():
            ready = now if former is None else now + self._timing.take_over
            self._arrivals.wait(link, since, ready)

    async def _begin(self, looked: float) -> bool:
        """Own what has waited long enough; False if some is left, as the next look must not be
        late.

        One is read as long as there is time for that, although all else took long.
        """
        timing = self._timing
        end = looked + max(timing.interval, timing.interval + timing.late - timing.read)
        for link, since in self._arrivals.due(self._clock(), self._estate.owned):
            if self._clock() > end:
                return False
            end = looked + timing.interval
            try:
                found = await self._reader.holdings(link)
            except StoreError as error:
                self._say(f"what is stored of {link} cannot be read: {error}")
                self._arrivals.failed(link)
                break
            self._check_pace()
            self._arrivals.done(link)
            self._estate.gain(link, since, found)
            _log.info("%s is ours", link)
        return True

    # Hosts go

    async def _release(self, link: LinkId) -> None:
        """Let somebody else have it, as soon as it is closed."""
        if self._arrivals.give_up(link) or self._estate.lose(link, Deadline(self._timing.disown)):
            await self._give_back([link])

    async def _give_back(self, links: Iterable[LinkId]) -> None:
        links = list(links)
        if links:
            await self._locks.give_back(links, gone=set(links) - self._wanted())

    def _drop(self, links: Collection[LinkId]) -> list[LinkId]:
        self._arrivals.forget(links)
        return self._estate.lose_all(links, Deadline(self._timing.disown))

    def _lost(self, why: str, *, keep: bool) -> None:
        """It is not sure that anything is ours."""
        still = [] if keep else self._drop(self._held() - self._arrivals.waiting)
        if not keep and self._clock() - self._locks.answered > self._timing.silent:
            self._on_silence()
        was_connected, self._connected = self._connected, False
        self._arrivals.clear()
        self._unowned.clear()
        if was_connected and not keep:
            us = self._settings.instance
            for link, owner in self._known.items():
                self._known[link] = None if owner and owner.instance == us else owner
            self._sink(HostsKnown(dict(self._known)))
        self._say(f"{why}; connections are {'kept' if keep else 'closed'} meanwhile")
        for link in still:
            _log.warning("%s: the connection was not closed in time", link)

    async def _farewell(self) -> None:
        """Close everything, then let the others know: they may have what we do not lock."""
        end = Deadline(max(0.0, self._end.remaining() - _END))
        self._estate.lose_all(self._held() - self._arrivals.waiting, end)
        if self._connected:
            self._connected = False
            with suppress(LostError):
                await self._locks.sign_out(_END)
        await self._locks.close()

    def _say(self, problem: str) -> None:
        level = logging.DEBUG if problem == self._problem else logging.WARNING
        self._problem = problem
        _log.log(level, "%s", problem)
