"""Who belongs to an account, and what is told of them in which order.

Frames and answers come by different connections, so one lock puts them in order: what came by the
socket is never followed by something older. That lock is held while the engine is told, who may
let us wait; so the engine's own thread must never take it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Container, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from bridge.core.events import (
    BadInput,
    DevicesListed,
    OnlineReported,
    RefreshAnswered,
    StatusReported,
)
from bridge.core.model import DeviceId, LinkId, ListedDevice
from bridge.errors import FrameError
from bridge.sources import jwt
from bridge.sources.account_status import Entry, Overlay
from bridge.sources.base import Sink
from bridge.sources.frames import Told

LONGEST_PAUSE = 3_600.0
"""Seconds after which a device that speaks without being listed is asked about anew, at most."""

PRESS_KEPT = 15.0
"""Seconds for which a button press of a device waits for the device to be listed."""

DOUBTED = 60
"""Pauses between lists for which devices are kept that a list suddenly lacks in masses."""

_MOST_STRANGERS = 1_000
_MOST_PRESSES = 100
_PRESS = "v_eve:"
_STAMPS = frozenset({"serial", "ts"})

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Stranger:
    """A device that speaks and is not listed: when it is a reason to ask again (monotonic s)."""

    next_at: float
    pause: float


@dataclass(frozen=True, slots=True)
class Listing:
    """What an account says of its devices; `epoch` is what `Roll.ask` gave.

    `own` are those that it may command; None: all of them. `unread` are there, but nothing of
    theirs could be read. `user` is whose account it is, empty if that is not known.
    """

    epoch: int
    entries: Sequence[Entry]
    wrong: Sequence[FrameError]
    own: frozenset[DeviceId] | None = None
    unread: frozenset[DeviceId] = frozenset()
    user: str = ""


class Roll:
    """The devices of one account. Times are monotonic s; `again` (s) is the pause between lists."""

    def __init__(self, link: LinkId, sink: Sink, again: float) -> None:
        self._link = link
        self._sink = sink
        self._again = again
        self._sure = 0.8 * again
        """How much later (s) a second list has to be, to say that a device is gone."""
        self._doubted = DOUBTED * again
        """The same (s) for a list that is doubted."""
        self._order = threading.Lock()
        """Guards everything; see above."""
        self._listed: dict[DeviceId, ListedDevice] = {}
        self._names: Mapping[DeviceId, str] = {}
        self._told: DevicesListed | None = None
        self._unread: frozenset[DeviceId] = frozenset()
        self._first_at: float | None = None
        """When the first list came that was not empty."""
        self._settled = False
        """Two lists came, one well after the other."""
        self._missing: dict[DeviceId, float] = {}
        self._absent: set[DeviceId] = set()
        """Devices that are offline since lists that are doubted lack them."""
        self._doubting = False
        self._user = ""
        self._empty_since: float | None = None
        self._strangers: dict[DeviceId, _Stranger] = {}
        self._presses: deque[tuple[float, StatusReported]] = deque(maxlen=_MOST_PRESSES)
        self._overlay = Overlay()
        self._asking = False
        self._epoch = 0
        self._listed_at = float("-inf")
        self._wanted_at: float | None = None

    # For any thread

    def has(self, device: DeviceId) -> bool:
        """Whether the device is of this account."""
        return device in self._listed

    @property
    def wanted_at(self) -> float | None:
        """When the devices should be listed again; None if nothing calls for it."""
        return self._wanted_at

    # For the thread that reads the socket

    def opened(self) -> None:
        """A connection is open: remember from now on what it tells."""
        with self._order:
            self._epoch += 1
            self._asking = True
            self._overlay.clear()

    def heard(self, event: Told, now: float) -> bool:
        """Tell what came by the socket; False if it is of a device that is not listed."""
        with self._order:
            if self._asking and isinstance(event, StatusReported | OnlineReported):
                self._overlay.heard(event)
            if event.device in self._listed:
                self._sink(event)
                return True
            self._keep_presses(event, now)
            stranger = self._strangers.get(event.device)
            if stranger is None:
                if len(self._strangers) >= _MOST_STRANGERS:
                    return False
                stranger = self._strangers[event.device] = _Stranger(now, self._again)
            if self._wanted_at is None and now >= stranger.next_at:
                self._wanted_at = max(now, self._listed_at + self._again)
            return False

    # For the thread that asks

    def ask(self) -> int:
        """An answer is being asked for; gives what `take` is to be told."""
        with self._order:
            if not self._asking:
                self._asking = True
                self._overlay.clear()
            return self._epoch

    def take(
        self, answer: Listing, asked: frozenset[DeviceId], now: float, *, everything: bool
    ) -> bool:
        """Tell what an answer says of the `asked` devices, or of all; False if it is too old."""
        with self._order:
            if answer.epoch != self._epoch:
                return False
            for error in answer.wrong:
                self._sink(BadInput(self._link, error.kind, str(error)))
            found = {entry.device: self._overlay.over(entry) for entry in answer.entries}
            self._asking = False
            self._overlay.clear()
            new = found.keys() - self._listed.keys()
            back = self._absent & found.keys()
            if not self._update(found, answer, now):
                return True
            for device, entry in found.items():
                answers = everything or device in asked
                if answers or device in new or device in back:
                    self._tell(entry, answers=answers)
            for device in asked - found.keys():
                self._sink(RefreshAnswered(self._link, device, "failed"))
            self._tell_presses(new, now)
            return True

    def name(self, names: Mapping[DeviceId, str]) -> None:
        """The devices' names in Shelly's app came."""
        with self._order:
            self._names = names
            self._listed = {
                device: replace(listed, name=names.get(device, listed.name))
                for device, listed in self._listed.items()
            }
            if self._told is not None:
                self._tell_list()

    def _update(self, found: Mapping[DeviceId, Entry], answer: Listing, now: float) -> bool:
        """Take in who is listed; False if that is nobody and should be asked again.

        A device has to be missing twice: what a cloud forgets for a moment is not gone. So has
        one of a former run, which only the engine knows: the first list says nothing of it.
        """
        own = answer.own
        self._empty_since = now if self._empty_since is None or found else self._empty_since
        if not found and not self._listed and now - self._empty_since < self._doubted:
            self._wanted_at = now + self._again
            return False
        listed = {
            entry.device: ListedDevice(
                entry.device,
                entry.code,
                self._names.get(entry.device),
                own is None or entry.device in own,
            )
            for entry in found.values()
        }
        listed |= {
            device: was
            for device, was in self._listed.items()
            if device in answer.unread and device not in listed
        }
        kept = self._keep(self._listed.keys() - listed.keys(), answer.user, now)
        listed |= {device: self._listed[device] for device in kept}
        self._absent &= kept
        if found and self._first_at is None:
            self._first_at = now
        self._settled |= self._first_at is None or now - self._first_at >= self._sure
        self._unread = answer.unread - listed.keys()
        self._listed = dict(sorted(listed.items()))
        self._listed_at = now
        self._wanted_at = None if self._settled and not kept else now + self._again
        for device, stranger in list(self._strangers.items()):
            if device in listed:
                del self._strangers[device]
            elif now >= stranger.next_at:
                stranger.next_at = now + stranger.pause
                stranger.pause = min(2 * stranger.pause, LONGEST_PAUSE)
        self._tell_list()
        return True

    def _keep(self, gone: Set[DeviceId], user: str, now: float) -> Set[DeviceId]:
        """Which of the devices that a list lacks are kept for now.

        A list that lacks more than half of them is doubted: then they are offline, and go later.
        After a login of another user nothing is doubted.
        """
        another = jwt.are_two_users(user, self._user)
        self._user = user or self._user
        doubting = not another and 2 * len(gone) > len(self._listed)
        # Where the cloud comes to its senses, the rest has to be missing anew.
        known = {} if self._doubting and not doubting else self._missing
        missing = {device: known.get(device, now) for device in gone}
        self._doubting = doubting
        limit = self._doubted if doubting else 0.0 if another else self._sure
        self._missing = {device: since for device, since in missing.items() if now - since < limit}
        kept = self._missing.keys()
        absent = {device for device, since in self._missing.items() if now - since >= self._sure}
        fresh = absent - self._absent
        if fresh:
            text = "%s: the cloud lists %d of %d devices no more; they are kept for an hour"
            _log.warning(text, self._link, len(fresh), len(self._listed))
        self._absent |= fresh
        for device in sorted(fresh):
            self._sink(OnlineReported(self._link, device, False))
        return kept

    def _tell_list(self) -> None:
        listed = tuple(self._listed.values())
        told = DevicesListed(self._link, listed, self._settled, self._unread)
        if told != self._told:
            self._told = told
            self._sink(told)

    def _tell(self, entry: Entry, *, answers: bool) -> None:
        if any(not name.startswith("_") for name in entry.status):
            self._sink(
                StatusReported(
                    self._link,
                    entry.device,
                    entry.status,
                    full=True,
                    code=entry.code,
                    live=entry.online,
                )
            )
        else:
            # The cloud knows nothing of it, which is no reason to forget what we know.
            self._sink(OnlineReported(self._link, entry.device, entry.online))
        if answers:
            outcome = "ok" if entry.online else "offline"
            self._sink(RefreshAnswered(self._link, entry.device, outcome))

    def _keep_presses(self, event: Told, now: float) -> None:
        if not isinstance(event, StatusReported):
            return
        kept = {
            name: value
            for name, value in event.status.items()
            if name.startswith(_PRESS) or name in _STAMPS
        }
        if any(name.startswith(_PRESS) for name in kept):
            self._presses.append((now, replace(event, status=kept)))

    def _tell_presses(self, new: Container[DeviceId], now: float) -> None:
        """Button presses that came before the device was listed, unless they are old."""
        waiting = list(self._presses)
        self._presses.clear()
        for at, event in waiting:
            if event.device in new and now - at < PRESS_KEPT:
                self._sink(event)
            elif now - at < PRESS_KEPT:
                self._presses.append((at, event))
