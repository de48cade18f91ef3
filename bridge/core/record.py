"""Which topics hold a retained message of a device: kept in little room, as there are many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from bridge.core.model import DeviceId
from bridge.core.sharing import same

_ID = "\0"
"""Stands for the device's id in a topic; no topic has it."""

_NONE: frozenset[str] = frozenset()


class TopicRecord:
    """The retained topics of every device.

    They differ by the device's id alone, so all devices of a model share one set without it.
    """

    def __init__(self, known: Mapping[DeviceId, Set[str]]) -> None:
        self._patterns: dict[DeviceId, frozenset[str]] = {}
        for device, topics in known.items():
            self.set(device, topics)

    def devices(self) -> Set[DeviceId]:
        """Every device that has a record, even an empty one."""
        return self._patterns.keys()

    def topics(self, device: DeviceId) -> set[str]:
        """The topics of a device."""
        return {pattern.replace(_ID, device) for pattern in self._patterns.get(device, _NONE)}

    def set(self, device: DeviceId, topics: Iterable[str]) -> None:
        """Take these topics for those of a device."""
        self._patterns[device] = same(frozenset(topic.replace(device, _ID) for topic in topics))

    def add(self, device: DeviceId, topic: str) -> bool:
        """Take a topic in; tells whether it is new."""
        known, pattern = self._patterns.get(device, _NONE), topic.replace(device, _ID)
        if pattern in known:
            return False
        self._patterns[device] = same(known | {pattern})
        return True

    def remove(self, device: DeviceId, topics: Set[str]) -> None:
        """Forget topics of a device; unknown ones are fine."""
        if topics and device in self._patterns:
            self.set(device, self.topics(device) - topics)

    def drop(self, device: DeviceId) -> None:
        """Forget a device."""
        self._patterns.pop(device, None)


class Fingerprints:
    """What was published last on each topic of a device, as far as it is needed to compare."""

    def __init__(self) -> None:
        self._last: dict[str, dict[DeviceId, int]] = {}

    def is_new(self, device: DeviceId, topic: str, text: str) -> bool:
        """Whether another text was published there last; this one is from now on."""
        last = self._last.setdefault(topic.replace(device, _ID), {})
        fingerprint = hash(text)
        if last.get(device) == fingerprint:
            return False
        last[device] = fingerprint
        return True

    def forget(self, device: DeviceId, topic: str) -> bool:
        """Forget what was published; tells whether anything was."""
        pattern = topic.replace(device, _ID)
        last = self._last.get(pattern, {})
        known = last.pop(device, None) is not None
        if not last:
            self._last.pop(pattern, None)
        return known
