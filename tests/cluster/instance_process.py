"""One keeper in a process of its own, to be killed and frozen.

Its first line of input holds the settings as JSON. What its holder is told goes to the output, one
JSON array for each: monotonic s, instance, link, whether it is owned.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import Any

from bridge.cluster.keeper import Keeper
from bridge.cluster.settings import KeeperSettings, KeeperTiming
from bridge.errors import StoreError
from bridge.store import Store
from bridge.threads import Deadline
from tests.cluster.rig import Change, RecordingHolder


def note(change: Change) -> None:
    line = json.dumps([change.at, change.instance, change.link, change.owns])
    # One write for a line, so that a kill leaves none in two.
    sys.stdout.buffer.write(f"{line}\n".encode())
    sys.stdout.buffer.flush()


def main() -> int:
    said: dict[str, Any] = json.loads(sys.stdin.readline())
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    crashes: list[BaseException] = []

    def crashed(_: str, error: BaseException) -> None:
        crashes.append(error)
        ended.set()

    store = None
    while store is None:
        try:
            store = Store.connect(said["address"])
        except Exception:  # noqa: BLE001 - the server may be away just now
            if ended.wait(0.1):
                return 0
    settings = KeeperSettings(
        said["address"], said["name"], (), keep=said["keep"], timing=KeeperTiming(**said["timing"])
    )
    keeper = Keeper(settings, store, RecordingHolder(said["name"], note), lambda _: None, crashed)
    keeper.start()
    ended.wait()
    alive = keeper.stop(Deadline(5))
    try:
        store.close()
    except StoreError:
        return 1
    return 1 if alive or crashes else 0


if __name__ == "__main__":
    sys.exit(main())
