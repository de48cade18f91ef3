"""Hosts that are divided for good: consents that are stored here, and whose hosts others have."""

from __future__ import annotations

from collections.abc import Set

from bridge.core.model import DeviceId, Grant, LinkId
from bridge.core.registry import Registry


class Shards:
    """Keeps up which hosts of others there are, as far as a consent here tells of them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._elsewhere: dict[DeviceId, LinkId] = {}

    @property
    def devices(self) -> Set[DeviceId]:
        """Devices with consents here, and hosts of others."""
        return self._elsewhere.keys()

    def is_ours(self, grant: Grant) -> bool:
        """Whether a consent is for a host of ours; else it is remembered."""
        link = LinkId(grant.host)
        if not self._registry.owns(link):
            self.send_away(grant.device, link)
            return False
        return True

    def send_away(self, device: DeviceId, link: LinkId) -> None:
        """A device is on a host of others."""
        self._elsewhere[device] = link
        self._registry.owners[link] = None

    def comes_back(self, device: DeviceId) -> None:
        """A device is on no host of others any more."""
        link = self._elsewhere.pop(device, None)
        if link is not None and link not in self._elsewhere.values():
            self._registry.owners.pop(link, None)
