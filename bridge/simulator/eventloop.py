"""An event loop in a thread of its own: started, asked to do things, stopped within a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from bridge.threads import spawn

_STARTING_TIME = 10.0
_STOPPING_TIME = 5.0

Main = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]
"""What the loop runs until it is cancelled; it calls its argument once it is ready."""


class EventLoop:
    """Runs one coroutine in a thread; crashes of any part of it are raised by `stop`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._crash: BaseException | None = None

    def start(self, main: Main) -> None:
        """Run `main`; returns once it is ready, and raises what it raises before that."""
        self._started.clear()
        self._thread = spawn(self._name, lambda: asyncio.run(self._run(main)), self._crashed)
        if not self._started.wait(_STARTING_TIME):
            raise TimeoutError(f"{self._name} did not start")
        self._raise_crash()

    def stop(self) -> None:
        """Cancel the coroutine and wait for its end. Safe to call twice; `start` works again."""
        main, thread = self._main, self._thread
        if main is not None and thread is not None and thread.is_alive():
            self.soon(main.cancel)
            thread.join(_STOPPING_TIME)
            if thread.is_alive():
                raise TimeoutError(f"{self._name} did not stop")
        self._raise_crash()

    @property
    def runs(self) -> bool:
        """Whether it is ready and not stopped."""
        return self._loop is not None

    @property
    def is_current(self) -> bool:
        """Whether this is the loop's own thread."""
        return threading.current_thread() is self._thread

    def soon(self, act: Callable[[], object]) -> None:
        """Have the loop call something, in the order of these calls; nothing when it is stopped."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(act)
        except RuntimeError:
            # It ended in this moment.
            return

    async def _run(self, main: Main) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        self._main = asyncio.current_task()

        def ready() -> None:
            self._loop = loop
            self._started.set()

        try:
            await main(ready)
        except asyncio.CancelledError:
            return
        finally:
            self._loop = None

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            self._crash = self._crash or error
        loop.default_exception_handler(context)

    def _crashed(self, _name: str, error: BaseException) -> None:
        self._crash = self._crash or error
        self._started.set()

    def _raise_crash(self) -> None:
        crash, self._crash = self._crash, None
        if crash is not None:
            raise crash
