"""How much all devices that connect to us may have us remember; who knows the secret invents any.

Every one may have what a usual device has. What the larger ones have beyond that is bounded in sum.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.merge import weight
from bridge.core.model import DeviceId, Json

SHARE = 600
"""What each may have: a device of a dozen components with their settings."""

MOST_BEYOND = 200_000
"""What all may have beyond their shares: about 30 MB."""

_COMPONENT = 24
"""What a component weighs besides its members: its channel, topics and entities."""


def load(components: dict[str, Json]) -> int:
    """What a status, or settings, costs in memory, in members of an object."""
    return weight(components) + _COMPONENT * len(components)


class Room:
    """What devices have, each in several parts."""

    def __init__(self, most: int = MOST_BEYOND, share: int = SHARE) -> None:
        self._most = most
        self._share = share
        self._parts: dict[DeviceId, dict[str, int]] = {}
        self._beyond = 0

    def take(self, device: DeviceId, part: str, amount: int) -> bool:
        """Whether there is room for so much in a part of a device; then it has it.

        One that has as much already, or needs less, always finds it.
        """
        parts = self._parts.get(device, {})
        before = self._over(parts)
        after = self._over({**parts, part: amount})
        if after > before and self._beyond + after - before > self._most:
            return False
        self._parts[device] = {**parts, part: amount}
        self._beyond += after - before
        return True

    def leave(self, device: DeviceId) -> None:
        """A device is gone, with all that it had."""
        self._beyond -= self._over(self._parts.pop(device, {}))

    def _over(self, parts: Mapping[str, int]) -> int:
        return max(0, sum(parts.values()) - self._share)
