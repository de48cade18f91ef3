"""How numeric values went since the start: all on one clock, which slows down as time goes by.

Each value has at most `MOST_POINTS` points; when they are full every second one is dropped and
the clock goes half as fast, so the memory is bounded whatever the time.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.core.device import Device
from bridge.core.model import DeviceId
from bridge.core.views.readings import measured
from bridge.core.views.shown import Course

FIRST_STEP = 30.0
"""Seconds between two points at first."""

MOST_POINTS = 120
MOST_COURSES = 2_000
"""Values that are followed: about 1 MB; the rest has to do without."""

_Key = tuple[DeviceId, str, int, str]


@dataclass(frozen=True, slots=True)
class CoursesDue:
    """A timer's key: the next point of every course."""


_EMPTY = array("f", [math.nan]) * MOST_POINTS


@dataclass(slots=True)
class _Track:
    """The points of one value, by their ticks; it is followed since the tick `begun`."""

    begun: int
    unit: str
    # With room for all of them from the beginning: memory that grows for an hour looks like a leak.
    points: array[float] = field(default_factory=lambda: _EMPTY[:])


class Tracks:
    """The courses of all values that are followed."""

    def __init__(self) -> None:
        self.step = FIRST_STEP
        self._ticks = 0
        self._at = 0.0
        self._tracks: dict[_Key, _Track] = {}

    def tick(self, devices: Iterable[Device], wall: float) -> float:
        """Take a point of every value (unix s), and tell after how many s the next one is due."""
        if self._ticks == MOST_POINTS:
            self._thin()
        seen: set[_Key] = set()
        there: set[DeviceId] = set()
        is_full = len(self._tracks) >= MOST_COURSES
        followed = {key[0] for key in self._tracks} if is_full else set()
        for device in devices:
            if is_full and device.id not in followed:
                continue
            there.add(device.id)
            for (kind, number), state in device.channels.items():
                for described, value in measured(state):
                    key = (device.id, kind, number, described.key)
                    seen.add(key)
                    self._add(key, value, described.unit)
        for key in self._tracks.keys() - seen:
            if key[0] not in there:
                del self._tracks[key]
        self._ticks += 1
        self._at = wall
        return self.step

    def of(self, device: DeviceId) -> tuple[Course, ...]:
        """The courses of a device's values."""
        return tuple(
            Course(kind, number, key, track.unit, self.step, self._at, self._values(track))
            for (owner, kind, number, key), track in self._tracks.items()
            if owner == device
        )

    def _add(self, key: _Key, value: float, unit: str) -> None:
        track = self._tracks.get(key)
        if track is None:
            if len(self._tracks) >= MOST_COURSES:
                return
            track = self._tracks[key] = _Track(self._ticks, unit)
        track.points[self._ticks] = value

    def _values(self, track: _Track) -> tuple[float | None, ...]:
        points = track.points[track.begun : self._ticks]
        return tuple(None if math.isnan(point) else point for point in points)

    def _thin(self) -> None:
        """Keep the points of every second tick."""
        for track in self._tracks.values():
            kept = track.points[::2]
            track.points = kept + _EMPTY[len(kept) :]
            track.begun = (track.begun + 1) // 2
        self._ticks = (self._ticks + 1) // 2
        self.step *= 2
