"""Server-sent events: what changed on a page since it was made, once a second.

(WHATWG HTML, 9.2.) The page is asked for again and again as if somebody loaded it; only elements
that differ from what was sent last go out, so what is shown is never another page's.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

from flask import Flask, Response, request, stream_with_context
from werkzeug.exceptions import NotFound, ServiceUnavailable

from bridge.web import regions
from bridge.web.desk import BusyError
from bridge.web.regions import Regions
from bridge.web.site import Site

INTERVAL = 1.0
SHARE = 0.01
"""Of the time that goes to a page which is followed, at most."""

SLOWEST = 5.0
"""Seconds; what is shown is never older than that."""

_LOOKS = 5
"""How often in that time it is looked whether anybody listens still."""

MOST_VIEWERS = 6
"""Pages that are followed at once; each holds one of the listener's workers."""

RETRY = 1_000
"""Milliseconds after which a browser that has lost us comes again."""

QUIET_LIMIT = 15.0
"""Seconds after which a line without meaning tells that we are still there."""

LONGEST = 600.0
"""Seconds after which the browser has to come again, so that a lost one does not stay."""


def add_live(app: Flask, site: Site) -> None:
    """Add `GET /live`."""
    places = threading.BoundedSemaphore(MOST_VIEWERS)

    @app.get("/live", provide_automatic_options=False)
    def live() -> Response:
        look = _look(site)
        if request.method == "HEAD":
            return Response(content_type="text/event-stream")
        if not places.acquire(blocking=False):
            raise ServiceUnavailable("too many pages are open", retry_after=10)
        gone: Callable[[], bool] = request.environ.get(
            "waitress.client_disconnected", lambda: False
        )
        stream = _Stream(_events(look, site.stopping, gone), places.release)
        return Response(stream_with_context(stream), content_type="text/event-stream")


class _Stream:
    """Gives its place back however it ends, also if it never began."""

    def __init__(self, events: Iterator[str], leave: Callable[[], None]) -> None:
        self._events = events
        self._leave: Callable[[], None] | None = leave

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self._events)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Called by the server when nobody listens any more."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


def _look(site: Site) -> Callable[[], Regions]:
    """How the page that is followed is made."""
    what, name = request.args.get("of", ""), request.args.get("name", "")
    asked = regions.asked_table(request.args)
    match what:
        case "overview":
            return lambda: regions.overview(site, site.desk.overview())
        case "devices":
            return lambda: regions.devices(site.desk.table(asked), asked)
        case "device":
            if site.desk.device(name) is None:
                raise NotFound
            return lambda: _device(site, name)
    raise NotFound


def _device(site: Site, name: str) -> Regions:
    found = site.desk.device(name)
    return {} if found is None else regions.device(found)


def _events(
    look: Callable[[], Regions], stopping: threading.Event, gone: Callable[[], bool]
) -> Iterator[str]:
    """First nothing, so that the browser knows it is connected; then what changed.

    `late` tells whether the engine answers no more, and `gone` that there is nothing to follow.
    """
    yield f": connected\nretry: {RETRY}\n\n"
    sent: Regions = {}
    late = False
    quiet = 0.0
    end = time.monotonic() + LONGEST
    while (begun := time.monotonic()) < end:
        was_late = late
        try:
            now, late = look(), False
        except BusyError:
            now, late = sent, True
        if not now and not late:
            yield "event: gone\ndata: gone\n\n"
            return
        if late != was_late:
            yield f"event: late\ndata: {'yes' if late else 'no'}\n\n"
        changed = changes(sent, now)
        sent = now
        if changed:
            yield f"event: change\ndata: {json.dumps(changed)}\n\n"
            quiet = 0.0
        elif quiet >= QUIET_LIMIT:
            yield ": still here\n\n"
            quiet = 0.0
        wait = pause(time.monotonic() - begun)
        for _ in range(_LOOKS):
            if stopping.wait(wait / _LOOKS) or gone():
                return
        quiet += wait


def pause(spent: float) -> float:
    """Seconds until the next look, if one took `spent` s: a busy bridge is looked at less often."""
    return min(max(INTERVAL, spent / SHARE), SLOWEST)


def changes(before: Regions, now: Regions) -> dict[str, str]:
    """The elements that are others now, by their ids; members alone where only they changed."""
    changed: dict[str, str] = {}
    for name, region in now.items():
        old = before.get(name)
        if old is not None and region.tag and list(old.members) == list(region.members):
            changed |= dict(region.members.items() - old.members.items())
        elif region != old:
            changed[name] = str(region.whole(name))
    return changed
