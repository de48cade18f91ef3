"""The engine's thread: events from the inbox in, effects carried out.

It owns all device state and waits for nothing but its inbox, so whoever has to wait for it can.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bridge.core.effects import Effect, LetGo, Log, Publish
from bridge.core.engine import Engine
from bridge.core.events import Event, MessageArrived, Vitals
from bridge.core.model import Now
from bridge.inbox import Inbox
from bridge.threads import CrashHook, Deadline, spawn

LONGEST_WAIT = 1.0
"""The engine looks up at least this often (s)."""

VITALS_INTERVAL = 60.0
FIRST_VITALS = 5.0
"""The first vitals come early (s)."""

_FIRST_AT_ONCE = 500
"""Effects of the start that are carried out between two beats."""

_FLUSH_AFTER = 64
"""Events after which what they gave is passed on, however many more wait."""

_MOST_OVERLOADED = 10_000

_log = logging.getLogger(__name__)

Executor = Callable[[Any], Event | None]
"""Carries an effect out; may answer with an event at once."""


class EngineLoop:
    """Runs an engine in a thread named `engine`."""

    def __init__(
        self,
        engine: Engine,
        inbox: Inbox,
        publish: Callable[[list[Publish]], None],
        executors: Mapping[type, Executor],
        vitals: Callable[[], Vitals],
        on_crash: CrashHook,
        first_vitals: float = FIRST_VITALS,
    ) -> None:
        self._engine = engine
        self._inbox = inbox
        self._publish = publish
        self._executors = executors
        self._vitals = vitals
        self._on_crash = on_crash
        self._overloaded: deque[MessageArrived] = deque(maxlen=_MOST_OVERLOADED)
        self._thread: threading.Thread | None = None
        self._next_vitals = time.monotonic() + first_vitals
        self.beats = 0
        """Rounds made; one that stays the same for long is a stuck engine."""
        self.events = 0
        """Events that were taken out of the inbox."""
        self.delay = 0.0
        """The most that anything due had to wait for its round since the last vitals (s)."""

    def start(self, first: Iterable[Effect]) -> None:
        """Carry out the effects of the start, and run."""
        # Nothing else may hold on to them: there are some for every device.
        left = deque(first)
        self._thread = spawn("engine", lambda: self._run(left), self._on_crash)

    @property
    def is_alive(self) -> bool:
        """Whether the thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def overload(self, message: MessageArrived) -> None:
        """Have a message answered that the inbox had no room for. Any thread may call it."""
        self._overloaded.append(message)

    def stop(self, deadline: Deadline) -> list[str]:
        """Handle what waits, finish all commands, end; names the thread if it still lives."""
        self._inbox.close()
        if self._thread is None:
            return []
        self._thread.join(deadline.remaining())
        return [self._thread.name] if self._thread.is_alive() else []

    def _run(self, left: deque[Effect]) -> None:
        # All before the first event, which may undo them, and in portions, since very many devices
        # must not look like a stuck engine.
        while left:
            self._carry_out([left.popleft() for _ in range(min(_FIRST_AT_ONCE, len(left)))])
            self.beats += 1
        while True:
            last = self._inbox.closed
            timer = self._engine.next_timer()
            events = self._inbox.take(_until(timer))
            begun = time.monotonic()
            self._handle(events)
            self.events += len(events)
            now = _now()
            self.delay = max(self.delay, now.mono - min(begun, timer or begun))
            self._carry_out(self._engine.tick(now))
            self._answer_overloaded()
            if time.monotonic() >= self._next_vitals:
                self._next_vitals = time.monotonic() + VITALS_INTERVAL
                self._carry_out(self._engine.handle(self._vitals(), _now()))
                self.delay = 0.0
            self.beats += 1
            if last:
                break
        self._carry_out(self._engine.stop(_now()))

    def _handle(self, events: Iterable[Event]) -> None:
        effects: list[Effect] = []
        for count, event in enumerate(events, 1):
            effects += self._engine.handle(event, _now())
            if count % _FLUSH_AFTER == 0:
                self._carry_out(effects)
                effects = []
        self._carry_out(effects)

    def _answer_overloaded(self) -> None:
        while self._overloaded:
            message = self._overloaded.popleft()
            self._carry_out(self._engine.overloaded(message, _now()))

    def _carry_out(self, effects: list[Effect]) -> None:
        """Do everything; publications go on together, at the end and in their order."""
        while effects:
            publications: list[Publish] = []
            answers: list[Effect] = []
            for effect in effects:
                if isinstance(effect, Publish):
                    publications.append(effect)
                elif isinstance(effect, Log):
                    _log.log(effect.level, "%s", effect.text)
                else:
                    if isinstance(effect, LetGo):
                        # It is about what came before it, and not about what follows.
                        self._publish(publications)
                        publications = []
                    answer = self._executors[type(effect)](effect)
                    if answer is not None:
                        answers += self._engine.handle(answer, _now())
            if publications:
                self._publish(publications)
            effects = answers


def _until(timer: float | None) -> float:
    """How long to wait for it, at most (s)."""
    if timer is None:
        return LONGEST_WAIT
    return min(max(timer - time.monotonic(), 0.0), LONGEST_WAIT)


def _now() -> Now:
    return Now(time.monotonic(), time.time())
