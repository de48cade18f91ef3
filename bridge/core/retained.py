"""Retained topics that nobody keeps up any more: found, reported, and cleared when that is safe."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from bridge.core import topics
from bridge.core.effects import Effect, Log, Publish, ScanRetained
from bridge.core.events import BrokerUp, RetainedFound
from bridge.core.model import DeviceId, LinkId, Now
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.results import Sender, Stage, result

AT_START = 0
"""The token of the scan that the bridge makes by itself."""

LARGEST_SHARE = 0.5
"""The bridge clears nothing by itself if more than this share of the devices seems unknown."""

_ID = re.compile(r"[0-9a-f]{6,16}|X[A-Za-z0-9_-]{1,63}", re.ASCII)
_DOCUMENTS = frozenset({"availability", "info", "state", "update"})
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)


@dataclass(slots=True)
class Leftovers:
    """What a scan showed: leftover topics by device, devices in all, stored commands."""

    topics: dict[str, list[str]] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    """Documents of connections that are no more."""

    def all_topics(self) -> list[str]:
        """Every leftover topic, sorted."""
        return sorted([*self.hosts, *(topic for group in self.topics.values() for topic in group)])


class Retained:
    """The scan at the start, and what may be concluded from a scan."""

    def __init__(self, registry: Registry, publications: Publications) -> None:
        self._registry = registry
        self._publications = publications
        self._ours = False
        self._scanned = False

    def broker_up(self, event: BrokerUp) -> list[Effect]:
        """Remember whether the topics found at the first connection were our own."""
        if event.owner is not None:
            self._ours = event.owner == self._registry.settings.bridge_id
        return self.link_up()

    def link_up(self) -> list[Effect]:
        """Scan once, when every connection has been up and so every device is known."""
        if self._scanned or not self._ours or self._registry.unlisted:
            return []
        if not all(link.connects for link in self._registry.links.values()):
            return []
        self._scanned = True
        return [ScanRetained(AT_START)]

    def found(self, event: RetainedFound, now: Now) -> list[Effect]:
        """The scan at the start is done."""
        topics_found = (topic for topic, _ in event.topics)
        leftovers = self.sort_out(topics_found, besides=self._registry.awaited)
        effects = self._report_commands(leftovers.commands, now)
        if not event.complete:
            return effects
        if not leftovers.topics:
            return [*effects, *self.clear(leftovers)]
        unknown = len(leftovers.topics)
        if unknown > 1 and unknown > LARGEST_SHARE * len(leftovers.devices):
            text = (
                f"{unknown} of {len(leftovers.devices)} devices on the broker are unknown here; "
                "nothing was cleared, see the request retained/clean"
            )
            return [*effects, Log(logging.WARNING, text)]
        text = f"cleared the retained topics of {unknown} devices that are no more"
        return [*effects, Log(logging.INFO, text), *self.clear(leftovers)]

    def clear(self, leftovers: Leftovers) -> list[Effect]:
        """Clear leftover topics; availability last, as it is read until then."""
        order = sorted(leftovers.all_topics(), key=lambda topic: topic.endswith("/availability"))
        for device in leftovers.topics:
            if device not in self._registry.devices:
                self._publications.forgotten(DeviceId(device))
        return [Publish(topic, "") for topic in order]

    def sort_out(self, found: Iterable[str], besides: Container[str] = ()) -> Leftovers:
        """Which retained topics belong to no device that is known, or is one of those `besides`.

        While accounts have not told yet which devices they have, none of theirs is a leftover.
        Where several instances share the devices, nothing of a device is.
        """
        leftovers = Leftovers()
        kept = self._registry.awaited if self._registry.unlisted else besides
        own = self._registry.settings.topics
        prefix, hosts = f"{own.base}/", own.host("")
        shared = self._registry.settings.cluster is not None
        links = self._registry.links.keys() | self._registry.unowned.keys()
        for topic in found:
            parsed = own.parse(topic)
            if parsed is not None and parsed.about is topics.Inbound.SET:
                # Others tell of those for their devices.
                if not shared or self._registry.find(parsed.name) is not None:
                    leftovers.commands.append(topic)
                continue
            if topic.startswith(hosts):
                if LinkId(topic.removeprefix(hosts)) not in links:
                    leftovers.hosts.append(topic)
                continue
            root, _, rest = topic.removeprefix(prefix).partition("/")
            if shared:
                # Which devices others have is not known here.
                continue
            if not topic.startswith(prefix) or not _ID.fullmatch(root) or not _is_ours(rest):
                continue
            leftovers.devices.add(root)
            if root not in self._registry.roots and root not in kept:
                leftovers.topics.setdefault(root, []).append(topic)
        return leftovers

    def _report_commands(self, commands: list[str], now: Now) -> list[Effect]:
        """A stored command never runs; its sender is told once."""
        effects: list[Effect] = []
        failures = self._registry.settings.topics.bridge("event")
        for topic in commands[:100]:
            parsed = self._registry.settings.topics.parse(topic)
            if parsed is not None:
                channel = self._registry.settings.topics.channel(
                    parsed.name, parsed.kind, parsed.number
                )
                effects += result(
                    Sender(channel, now.mono, failures=failures),
                    "retained",
                    Stage.REFUSED,
                    now,
                    "a stored command never runs; clear the topic",
                )
        return effects


def _is_ours(rest: str) -> bool:
    """Whether the levels below a device's are such as we publish."""
    parts = rest.split("/")
    if len(parts) == 1:
        return parts[0] in _DOCUMENTS
    return 2 <= len(parts) <= 3 and bool(_KIND.fullmatch(parts[0])) and parts[1].isdecimal()
