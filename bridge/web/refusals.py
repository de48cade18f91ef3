"""Counts refused requests of each address: guessing must be slow, and must not fill the log.

Knows nothing of HTTP. Its memory is bounded.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

WINDOW = 60.0
"""Seconds after its first refusal in which an address is counted."""

_ADDRESSES = 1024


class Refusals:
    """How often each address was refused in its present minute."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}
        """Start and count; the oldest start is first."""

    def add(self, address: str | None) -> int:
        """Count one refusal; how many there were in this minute, this one included."""
        key = network_of(address)
        now = self._now()
        with self._lock:
            window = self._windows.get(key)
            if window is None or now - window[0] >= WINDOW:
                self._windows.pop(key, None)
                if len(self._windows) >= _ADDRESSES:
                    del self._windows[next(iter(self._windows))]
                window = (now, 0)
            start, count = window
            self._windows[key] = (start, count + 1)
            return count + 1

    def count(self, address: str | None) -> int:
        """How many refusals the address had in its present minute."""
        with self._lock:
            start, count = self._windows.get(network_of(address), (0.0, 0))
            return count if self._now() - start < WINDOW else 0


def network_of(address: str | None) -> str:
    """What one attacker can hardly change: an IPv4 address, the first half of an IPv6 address.

    `unknown` for anything else, so the result is fit for the log.
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
        parsed = parsed.ipv4_mapped
    return str(parsed)
