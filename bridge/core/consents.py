"""Consents given and withdrawn, and what devices that go leave behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.core.effects import Effect
from bridge.core.events import GrantRevoked, GrantStored
from bridge.core.grants import Grants
from bridge.core.model import DeviceId, Now
from bridge.core.presence import Presence
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.requests import Requests
from bridge.core.timers import Timers
from bridge.core.visitors import Visitors


@dataclass(frozen=True, slots=True)
class ClearDue:
    """A timer's key: the last topic of a device that is gone may be cleared."""

    device: DeviceId


class Consents:
    """Lets devices come and go as their owners want it."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        presence: Presence,
        grants: Grants,
        visitors: Visitors,
        requests: Requests,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._presence = presence
        self._grants = grants
        self._visitors = visitors
        self._requests = requests

    def granted(self, event: GrantStored, now: Now) -> list[Effect]:
        """A consent was given."""
        device = event.grant.device
        self._timers.cancel(ClearDue(device))
        effects = self._grants.granted(event, now)
        known = self._registry.devices.get(device)
        if known is None:
            self._clear_soon(device, now)
            return effects
        return [*effects, *self._presence.describe(known, now)]

    def revoked(self, event: GrantRevoked, now: Now) -> list[Effect]:
        """A consent was withdrawn."""
        effects = self._grants.revoked(event.device, now)
        known = self._registry.devices.get(event.device)
        if known is None:
            return effects + self.dropped(event.device, now)
        # It comes by another way as well.
        return [*effects, *self._presence.describe(known, now), *self._presence.judge(known, now)]

    def hide_all(self, devices: Iterable[DeviceId], now: Now) -> list[Effect]:
        """Take away what former runs published of devices that are not served now."""
        return [effect for device in devices for effect in self.hide(device, now)]

    def hide(self, device: DeviceId, now: Now) -> list[Effect]:
        """The same of one device."""
        self._clear_soon(device, now)
        return self._grants.hide(device)

    def dropped(self, device: DeviceId, now: Now) -> list[Effect]:
        """A device was taken away: the rest of what is known of it goes too."""
        self._clear_soon(device, now)
        return self.forget(device, now)

    def forget(
        self, device: DeviceId, now: Now, why: str = "the device was removed"
    ) -> list[Effect]:
        """The same, but what is published stays; whoever waits for an answer hears `why`."""
        self._presence.forget(device, now)
        self._visitors.forget(device)
        return self._requests.gone(device, why)

    def cleared(self, key: ClearDue, _: Now) -> list[Effect]:
        """The time has come to take the last topic away."""
        return self._publications.forgotten(key.device)

    def _clear_soon(self, device: DeviceId, now: Now) -> None:
        """Give subscribers a moment to read the `offline` before it is taken away."""
        self._timers.set(ClearDue(device), now.mono + 1.0)
