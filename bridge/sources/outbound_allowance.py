"""How much one device may send: what the engine can work off beside all others."""

from __future__ import annotations

MESSAGES = 600
"""Messages at once: all the answers of a device with hundreds of components."""

MESSAGES_EACH_SECOND = 10.0
"""Messages in the long run."""

BYTES = 2 * 2**20
"""Bytes at once."""

BYTES_EACH_SECOND = 256 * 2**10
"""Bytes in the long run."""


class Allowance:
    """Two buckets, of messages and of bytes, that fill with time (monotonic s)."""

    def __init__(self, now: float) -> None:
        self._filled = now
        self._messages = float(MESSAGES)
        self._bytes = float(BYTES)

    def take(self, now: float, messages: int, size: int) -> None:
        """Something came; the buckets may go below nothing."""
        self._fill(now)
        self._messages -= messages
        self._bytes -= size

    def move_to(self, other: Allowance, now: float) -> None:
        """Have another one pay for what was taken here."""
        other.take(now, int(MESSAGES - self._messages), int(BYTES - self._bytes))

    def wait(self, now: float) -> float:
        """Seconds until more may come; 0 at once."""
        self._fill(now)
        messages = -self._messages / MESSAGES_EACH_SECOND
        return max(0.0, messages, -self._bytes / BYTES_EACH_SECOND)

    def is_half_full(self, now: float) -> bool:
        """Whether the device has been quiet for a while."""
        self._fill(now)
        return self._messages * 2 >= MESSAGES and self._bytes * 2 >= BYTES

    def _fill(self, now: float) -> None:
        seconds = max(0.0, now - self._filled)
        self._filled = now
        self._messages = min(float(MESSAGES), self._messages + seconds * MESSAGES_EACH_SECOND)
        self._bytes = min(float(BYTES), self._bytes + seconds * BYTES_EACH_SECOND)
