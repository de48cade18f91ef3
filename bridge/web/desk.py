"""Between the threads that serve pages and the engine's: they ask and wait, it answers at once.

Knows nothing of HTTP.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from bridge.core import jsontext
from bridge.core.effects import Show
from bridge.core.events import Event, Looked, MessageArrived
from bridge.core.model import Json
from bridge.core.topics import Topics
from bridge.core.views import shown
from bridge.core.views.asked import Courses, OneDevice, Overview, Table, View
from bridge.errors import PeerError

_Shown = TypeVar("_Shown")

LOOK_LIMIT = 5.0
"""Seconds within which the engine answers, or something is very wrong."""

SLOW = 1.0
"""Seconds after which a look that has no answer yet is reason enough not to look again."""

MOST_LOOKS = 8
"""Looks that may wait for an answer at once; the engine has it in some milliseconds."""

MOST_ASKERS = 64
"""Who may wait for an answer at once."""


class BusyError(PeerError):
    """The engine does not answer in time, or too many ask at once; the text is fit to be shown."""


class Answers:
    """What one asker is shown; use it as a context manager, so that it ends."""

    def __init__(self, number: int, forget: Callable[[int], None]) -> None:
        self.number = number
        self._forget = forget
        self._shown: queue.SimpleQueue[Show] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._forget(self.number)

    def next(self, limit: float) -> Show:
        """The next answer, within `limit` s; raises `BusyError`."""
        try:
            return self._shown.get(timeout=max(limit, 0.0))
        except queue.Empty:
            raise BusyError("the bridge did not answer in time") from None

    def final(self, limit: float) -> Show:
        """The last answer of all, or the latest one when `limit` s are over.

        Raises `BusyError` if there was none.
        """
        end = time.monotonic() + limit
        found = self.next(limit)
        while not found.final:
            try:
                found = self.next(end - time.monotonic())
            except BusyError:
                break
        return found

    def put(self, show: Show) -> None:
        """The engine answers; never waits."""
        self._shown.put(show)


class Desk:
    """Takes questions and commands to the engine."""

    def __init__(self, offer: Callable[[Event], bool], topics: Topics) -> None:
        """`offer` hands an event to the engine if it has room; `topics` are those of the bridge."""
        self._offer = offer
        self._topics = topics
        self._lock = threading.Lock()
        self._last = 0
        self._open: dict[int, Answers] = {}
        self._fewer = threading.Condition(self._lock)
        self._looks: dict[int, float] = {}
        """When they began; the oldest one is first."""

    @property
    def asked(self) -> int:
        """How often something was asked or told here."""
        return self._last

    def overview(self) -> shown.Bridge:
        """The bridge as a whole; raises `BusyError`, as all of these."""
        return _there(self._look(Overview(), shown.Bridge))

    def table(self, asked: Table) -> shown.Rows:
        """A part of the table of devices."""
        return _there(self._look(asked, shown.Rows))

    def device(self, name: str) -> shown.Device | None:
        """A device by its id or its alias; None if there is none."""
        return self._look(OneDevice(name), shown.Device)

    def courses(self, name: str) -> tuple[shown.Course, ...] | None:
        """How a device's values went; None if there is no such device."""
        return self._look(Courses(name), tuple)

    def command(self, root: str, kind: str, number: int, wanted: Mapping[str, Json]) -> Answers:
        """Tell a channel something, as its `/set` topic does; gives its results.

        Each is shown as the JSON of `<channel>/result`.
        """
        topic = f"{self._topics.channel(root, kind, number)}/set"
        return self._send(topic, jsontext.dump(wanted))

    def request(self, name: str, data: Mapping[str, Json]) -> Answers:
        """Make a `bridge/request/<name>`; its one answer is the JSON of the response topic."""
        return self._send(self._topics.request(name), jsontext.dump(data))

    def show(self, show: Show) -> None:
        """The engine answers; one that nobody waits for any more is dropped. Never waits."""
        with self._lock:
            answers = self._open.get(show.asker)
        if answers is not None:
            answers.put(show)

    def _look(self, view: View, kind: type[_Shown]) -> _Shown | None:
        with self._begin() as answers:
            self._begin_look(answers.number)
            self._hand_over(Looked(answers.number, view))
            document = answers.next(LOOK_LIMIT).document
        if document is not None and not isinstance(document, kind):
            raise TypeError(f"{type(view).__name__} was shown as {type(document).__name__}")
        return document

    def _send(self, topic: str, payload: str) -> Answers:
        answers = self._begin()
        message = MessageArrived(topic, payload.encode(), time.monotonic(), asker=answers.number)
        try:
            self._hand_over(message)
        except BusyError:
            self._end(answers.number)
            raise
        return answers

    def _hand_over(self, event: Event) -> None:
        if not self._offer(event):
            raise BusyError("the bridge has too much to do just now; try again")

    def _begin(self) -> Answers:
        with self._lock:
            if len(self._open) >= MOST_ASKERS:
                raise BusyError("too many ask at once; try again")
            self._last += 1
            answers = self._open[self._last] = Answers(self._last, self._end)
        return answers

    def _begin_look(self, number: int) -> None:
        """Raises `BusyError` if others wait for long: more would only wait in vain."""
        end = time.monotonic() + SLOW
        with self._lock:
            while (now := time.monotonic()) <= end:
                oldest = next(iter(self._looks.values()), now)
                if now - oldest > SLOW:
                    break
                if len(self._looks) < MOST_LOOKS:
                    self._looks[number] = now
                    return
                self._fewer.wait(end - now)
        raise BusyError("the bridge does not answer just now; try again")

    def _end(self, number: int) -> None:
        with self._lock:
            self._open.pop(number, None)
            if self._looks.pop(number, None) is not None:
                self._fewer.notify()


def _there(found: _Shown | None) -> _Shown:
    if found is None:
        raise TypeError("the engine showed nothing")
    return found
