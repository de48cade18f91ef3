"""Answers everybody who looks at the bridge; nothing that happens waits for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from bridge.core.effects import Effect, Show
from bridge.core.events import Looked
from bridge.core.misconduct import Misconduct
from bridge.core.model import Now
from bridge.core.refill import Refill
from bridge.core.registry import Registry
from bridge.core.requests import Requests
from bridge.core.timers import Timers
from bridge.core.views import devices
from bridge.core.views.asked import Courses, OneDevice, Overview, Table
from bridge.core.views.courses import CoursesDue, Tracks
from bridge.core.views.shown import Bridge, Connection, Course, Device, Elsewhere, Rows, Waiting

_WORDS = {True: "online", False: "offline", None: "unknown"}


class Views:
    """What is shown of the engine's state, and the courses of its values."""

    def __init__(
        self,
        registry: Registry,
        timers: Timers,
        requests: Requests,
        refill: Refill,
        misconduct: Misconduct,
        events: Mapping[type, int],
        results: Counter[str],
    ) -> None:
        """`events` and `results` are counted by others."""
        self._registry = registry
        self._timers = timers
        self._requests = requests
        self._refill = refill
        self._misconduct = misconduct
        self._events = events
        self._results = results
        self._tracks = Tracks()

    def restore(self, now: Now) -> None:
        """Begin with the courses, if anybody can ever look at them."""
        if self._registry.settings.courses:
            self._timers.set(CoursesDue(), now.mono)

    def tick(self, key: CoursesDue, now: Now) -> list[Effect]:
        """The next point of every course."""
        step = self._tracks.tick(self._registry.devices.values(), now.wall)
        self._timers.set(key, now.mono + step)
        return []

    def look(self, event: Looked, _: Now) -> list[Effect]:
        """Show what is asked for; None stands for a device that is not there."""
        return [Show(event.asker, self._shown(event))]

    def _shown(self, event: Looked) -> Bridge | Rows | Device | tuple[Course, ...] | None:
        match event.view:
            case Overview():
                return self._overview()
            case Table() as asked:
                return devices.table(self._registry, asked)
            case OneDevice(name):
                device = self._registry.find(name)
                return None if device is None else devices.one(self._registry, device)
            case Courses(name):
                device = self._registry.find(name)
                return None if device is None else self._tracks.of(device.id)

    def _overview(self) -> Bridge:
        registry = self._registry
        cluster = registry.settings.cluster
        known = registry.devices.values()
        sources = Counter(
            kind for device in known for kind in {path.kind for path in device.paths.values()}
        )
        return Bridge(
            version=registry.settings.version,
            started=registry.settings.started,
            protocol=self._refill.protocol or None,
            home_assistant=registry.settings.topics.prefix is not None,
            connections=tuple(self._connections()),
            waiting=tuple(
                Waiting(visitor.device, visitor.name or visitor.device, visitor.code or None)
                for visitor in registry.waiting()
            ),
            devices=Counter(_WORDS[device.online] for device in known),
            sources=sources,
            health=self._requests.last_health,
            events={kind.__name__: count for kind, count in self._events.items()},
            results=dict(self._results),
            bad_input=dict(self._misconduct.counts),
            instance=None if cluster is None else cluster.instance,
            elsewhere=tuple(self._elsewhere()),
        )

    def _elsewhere(self) -> Iterator[Elsewhere]:
        registry = self._registry
        for link, owner in sorted(registry.owners.items()):
            if not registry.owns(link):
                told = registry.unowned.get(link)
                yield Elsewhere(link, owner, None if told is None else told.error)

    def _connections(self) -> Iterator[Connection]:
        counts = Counter(
            link for device in self._registry.devices.values() for link in device.paths
        )
        shared = self._registry.settings.cluster is not None
        for link in sorted(self._registry.links.values(), key=lambda link: link.id):
            yield Connection(
                id=link.id,
                kind=link.kind,
                state=link.state,
                since=link.since,
                devices=counts[link.id],
                reconnects=link.reconnects,
                error=link.error,
                token_expires=link.token_expires,
                owner=self._registry.owner(link.id) if shared else None,
            )
