"""Consents that are gone, until the broker has the last of what clears their devices' topics.

Not before that may anybody else serve the devices: what still waits here for the broker would take
away what they publish. Only where several instances share the registry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bridge.core.effects import DropGrant, Effect, Publish
from bridge.core.events import Delivered
from bridge.core.model import DeviceId, LinkId

_MARK = "clear"


@dataclass(slots=True)
class _Withdrawal:
    """Of a consent for `host` with this revision; `awaited` are the topics not cleared yet."""

    host: LinkId
    revision: int
    awaited: set[str] = field(default_factory=set)
    is_last: bool = False
    """Nothing more is going to be cleared."""


class Withdrawals:
    """Knows what is still to be cleared, and has the consents forgotten after that."""

    def __init__(self) -> None:
        self._found: dict[DeviceId, _Withdrawal] = {}

    def __contains__(self, device: DeviceId) -> bool:
        return device in self._found

    def begin(
        self, device: DeviceId, host: LinkId, revision: int, effects: Iterable[Effect]
    ) -> list[Effect]:
        """A consent is gone; gives the same effects, of which those that clear ask for receipts."""
        self._found[device] = _Withdrawal(host, revision)
        return self._asking(device, effects)

    def renew(self, device: DeviceId, host: LinkId, revision: int) -> None:
        """The same of a newer consent for it, while its topics are being cleared."""
        found = self._found[device]
        found.host, found.revision = host, revision

    def end(self, device: DeviceId, effects: Iterable[Effect]) -> list[Effect]:
        """These are the last that clear topics of a device."""
        found = self._found.get(device)
        if found is None:
            return list(effects)
        found.is_last = True
        return [*self._asking(device, effects), *self._judged(device)]

    def delivered(self, event: Delivered) -> list[Effect]:
        """The broker has something."""
        mark, _, what = event.receipt.partition(" ")
        device, _, topic = what.partition(" ")
        found = self._found.get(DeviceId(device)) if mark == _MARK else None
        if found is None:
            return []
        found.awaited.discard(topic)
        return self._judged(DeviceId(device))

    def of(self, host: LinkId) -> list[DeviceId]:
        """The devices whose consents were for this host."""
        return [device for device, found in self._found.items() if found.host == host]

    def forget(self, device: DeviceId) -> None:
        """There is a new consent for it, or it is somebody else's."""
        self._found.pop(device, None)

    def _asking(self, device: DeviceId, effects: Iterable[Effect]) -> list[Effect]:
        asking: list[Effect] = []
        for each in effects:
            if isinstance(each, Publish) and each.retain and not each.payload:
                self._found[device].awaited.add(each.topic)
                asking.append(replace(each, receipt=f"{_MARK} {device} {each.topic}"))
            else:
                asking.append(each)
        return asking

    def _judged(self, device: DeviceId) -> list[Effect]:
        found = self._found[device]
        if not found.is_last or found.awaited:
            return []
        del self._found[device]
        return [DropGrant(device, found.revision)]
