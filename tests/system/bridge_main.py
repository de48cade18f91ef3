"""`shelly-bridge run` in a process of its own, for which every cloud host is on this machine.

`python -m tests.system.bridge_main CONFIG`. The environment says what goes wrong in it; where it
says "then", that is when SIGUSR1 comes, which is answered by the line `armed` on standard error:

- `CRASH_AFTER_COMMIT`: it dies between the commit of a consent and the answer to its callback.
- `BREAK=PLACE THREAD;PLACE THREAD…`: each `PLACE`, a function as `module:name.name`, then raises,
  once, in the first thread whose name matches; with `BREAK_HOW=hang` it never returns.
- `CLOCK=S,S`: the wall clock is wrong by so much (s) from the start, and then by the second number.
- `LARGEST_FILE=BYTES`: no file can then grow beyond that, until SIGUSR1 comes once more; with
  `LARGEST_FILE_AT_START` from the start.
- `READ_ONLY`: the registry can then not be written to any more.
- `PATIENCE=S,S`: after how long a part counts as late, and as stuck.
- `THREADS=FILE`: the name of each thread that is started is written there.
- `FAR=ADDRESS` or `FAR=ADDRESS:PORT`: every cloud host is there, and not on this machine.
- `QUICK=S`: how short a connection to a host must be to look as if somebody else took it.
"""

from __future__ import annotations

import importlib
import os
import re
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bridge import app, assembly, cli, parts
from bridge.cli import run
from bridge.config import Config
from bridge.sources.integrator import IntegratorSettings
from bridge.store import Store
from bridge.watch import Patience, Watch
from bridge.web import consent

_armed = threading.Event()
_when_armed: list[Callable[[], object]] = []


def here(_: str, port: int) -> tuple[str, int]:
    """The address of every host."""
    address, _, there = os.environ.get("FAR", "127.0.0.1").partition(":")
    return address, int(there or port)


def make_bridge(config: Config) -> app.Bridge:
    """The bridge, with that way to find hosts."""
    return app.Bridge(config, here)


def die(*_: object, **__: object) -> None:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(*_: object) -> None:
    """Let everything go wrong that is to go wrong later."""
    _armed.set()
    for act in _when_armed:
        act()
    os.write(2, b"armed\n")


def break_once(place: str, threads: str, how: str) -> None:
    """Have a function fail at its next call, in a thread whose name matches."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    function = getattr(owner, name)
    left = [how]

    def broken(*arguments: Any, **options: Any) -> Any:
        here = re.fullmatch(threads, threading.current_thread().name)
        if _armed.is_set() and here and left:
            left.clear()
            os.write(2, f"broken {threads}\n".encode())
            if how == "hang":
                threading.Event().wait()
            raise ZeroDivisionError("broken on purpose")
        return function(*arguments, **options)

    setattr(owner, name, broken)


def break_all(places: str) -> None:
    """Have several functions fail."""
    for each in places.split(";"):
        place, _, threads = each.partition(" ")
        break_once(place, threads, os.environ.get("BREAK_HOW", "raise"))


def shift_clock(first: float, then: float) -> None:
    """Let the wall clock be wrong."""
    real = time.time

    def wrong() -> float:
        return real() + (then if _armed.is_set() else first)

    time.time = wrong
    # What took the clock as it was before.
    vars(consent)["create_public_app"].__kwdefaults__["wall"] = wrong


def note_threads(file: Path) -> None:
    """Write down the name of each thread that is started."""
    start = threading.Thread.start

    def started(thread: threading.Thread) -> None:
        with file.open("a") as lines:
            lines.write(f"{thread.name}\n")
        start(thread)

    vars(threading)["Thread"].start = started


def keep_registry() -> None:
    """Make the registry read-only when the time has come."""
    opened = Store.open

    def opening(*arguments: Any, **options: Any) -> Store:
        store = opened(*arguments, **options)
        database = vars(store)["_database"]
        _when_armed.append(lambda: vars(database)["_connection"].execute("PRAGMA query_only = ON"))
        return store

    vars(app)["Store"].open = opening


def limit_files(largest: int) -> Callable[[], None]:
    """What a full disk does to whatever grows; the other way round each time it is called."""
    now, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wanted = [now, largest]

    def change() -> None:
        wanted.reverse()
        resource.setrlimit(resource.RLIMIT_FSIZE, (wanted[0], hard))

    _when_armed.append(change)
    return change


def hurry(quick: float) -> None:
    """Have another idea of what a short connection is."""
    settings = assembly.integrator_settings

    def quicker(*arguments: Any) -> IntegratorSettings:
        made = settings(*arguments)
        return replace(made, timing=replace(made.timing, quick=quick))

    vars(parts)["integrator_settings"] = quicker


def be_patient(late: float, stuck: float) -> None:
    """Have another idea of how long a part may take."""
    vars(app)["Watch"] = partial(Watch, parts={}, others=Patience(late, stuck))


def numbers(text: str) -> tuple[float, float]:
    """Two numbers with a comma between them."""
    first, _, second = text.partition(",")
    return float(first), float(second)


HOOKS: dict[str, Callable[[str], object]] = {
    "CRASH_AFTER_COMMIT": lambda _: vars(consent).update(answer=die),
    "BREAK": break_all,
    "CLOCK": lambda text: shift_clock(*numbers(text)),
    "LARGEST_FILE": lambda text: limit_files(int(text)),
    "LARGEST_FILE_AT_START": lambda text: limit_files(int(text))(),
    "READ_ONLY": lambda _: keep_registry(),
    "PATIENCE": lambda text: be_patient(*numbers(text)),
    "THREADS": lambda text: note_threads(Path(text)),
    "QUICK": lambda text: hurry(float(text)),
}

if __name__ == "__main__":
    vars(run)["Bridge"] = make_bridge
    for name, hook in HOOKS.items():
        if name in os.environ:
            hook(os.environ[name])
    signal.signal(signal.SIGUSR1, arm)
    sys.exit(cli.main(["run", "-c", sys.argv[1]]))
