"""Keeps publications from the broker that it would hang up on.

A topic or payload that the broker does not accept ends the connection, and at QoS 1 it would do so
again and again. Most such publications can be told beforehand; `Quarantine` finds the others.
Knows no sockets.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence

from bridge.core.effects import Publish

_log = logging.getLogger(__name__)

PAYLOAD_LIMIT = 16 * 1024 * 1024
"""Bytes of the largest payload that is published."""

TEXT_LIMIT = 65_535
"""Bytes of a topic or another text (MQTT 5.0, 1.5.4)."""

NAMED_LIMIT = 1_000
"""Topics that are remembered as named in the log."""

BAR_FIRST = 30.0
BAR_LONGEST = 3_600.0
"""Seconds that a topic is barred: doubling, as the suspicion may have been wrong."""

AT_ONCE = 1.0
"""Seconds after a publication in which the end of the connection makes it suspect."""

STRIKES = 3
"""So many times the broker must hang up on a topic alone before it is barred."""

SUSPECT_LIMIT = 200

LONG = 1_000
"""Characters from which on a publication can be suspected just for its length."""

_FORBIDDEN = re.compile(r"[+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def encode(publish: Publish, payload_limit: int, max_packet: int | None) -> bytes | str:
    """The payload as bytes; or why the publication must not be sent, as text."""
    topic = publish.topic
    if not topic or _FORBIDDEN.search(topic):
        return "the topic is empty or has a wildcard or control character"
    try:
        payload = publish.payload.encode()
        if publish.properties and not _are_texts(publish.properties):
            return "a user property is too long or holds a NUL"
    except UnicodeEncodeError:
        return "the payload or a user property is not valid Unicode"
    topic_size = len(topic) if topic.isascii() else len(topic.encode())
    if topic_size > TEXT_LIMIT:
        return "the topic is too long"
    if len(payload) > payload_limit:
        return f"the payload has {len(payload)} bytes, the limit is {payload_limit}"
    if max_packet is not None and _packet_size(publish, topic_size, len(payload)) > max_packet:
        return f"the payload has {len(payload)} bytes, the broker takes packets up to {max_packet}"
    return payload


def _are_texts(properties: tuple[tuple[str, str], ...]) -> bool:
    texts = [text for pair in properties for text in pair]
    return all("\0" not in text and len(text.encode()) <= TEXT_LIMIT for text in texts)


def _packet_size(publish: Publish, topic_size: int, payload_size: int) -> int:
    """An upper bound: 45 bytes hold all the fixed parts, lengths and the content type."""
    extra = sum(5 + 4 * (len(name) + len(value)) for name, value in publish.properties)
    return 45 + topic_size + payload_size + extra + len(publish.correlation or b"")


class Refusals:
    """Counts publications that were not sent, and names each topic once in the log."""

    def __init__(self) -> None:
        self.count = 0
        self._named: set[str] = set()

    def add(self, topic: str, why: str) -> None:
        """One more was refused."""
        self.count += 1
        if topic not in self._named and len(self._named) < NAMED_LIMIT:
            self._named.add(topic)
            _log.warning("not published to %s: %s (said once per topic)", ascii(topic[:200]), why)


class Quarantine:
    """Finds the topic after which the broker hangs up, and bars it for a while.

    What was unacknowledged when the connection ended is suspect. A suspect is sent only while
    nothing else is on its way; if the broker then hangs up faster than it acknowledges other
    publications, several times in a row, the topic is barred. The longest one is barred at once if
    the broker never acknowledged one as long, with all down to half its length: there may be a
    limit.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._strikes: dict[str, int] = {}
        self._barred: dict[str, tuple[float, Publish]] = {}
        self._terms: dict[str, float] = {}
        self._longest_taken = LONG
        self._too_long: int | None = None
        self._too_long_until = 0.0
        self._too_long_term = BAR_FIRST / 2

    def suspects(self, topic: str) -> bool:
        """Whether the topic may be sent only alone."""
        return topic in self._strikes

    def cleared(self, publish: Publish) -> None:
        """The broker acknowledged a publication."""
        length = len(publish.payload)
        self._longest_taken = max(self._longest_taken, length)
        if self._too_long is not None and length >= self._too_long:
            self._too_long, self._too_long_term = None, BAR_FIRST / 2
        if self._strikes or self._terms:
            self._strikes.pop(publish.topic, None)
            self._terms.pop(publish.topic, None)

    def bars(self, publish: Publish) -> bool:
        """Whether the topic is barred; then its newest publication is kept for later."""
        entry = self._barred.get(publish.topic)
        if entry is not None:
            self._barred[publish.topic] = (entry[0], publish)
            return True
        if self._too_long is None or len(publish.payload) < self._too_long:
            return False
        if self._clock() >= self._too_long_until:
            return False
        self._barred[publish.topic] = (self._too_long_until, publish)
        return True

    def ended(self, in_flight: Sequence[Publish], age: float, usual: float | None) -> list[Publish]:
        """The connection ended `age` s after the last publication; what is barred now, if any.

        `usual`: seconds in which the broker acknowledged others, None if it acknowledged nothing.
        """
        if not in_flight or age > AT_ONCE:
            self._strikes.clear()
            return []
        hung_up = usual is not None and age <= 0.02 + 4 * usual
        longest = max(len(each.payload) for each in in_flight)
        if hung_up and longest > self._longest_taken:
            floor = max(self._longest_taken + 1, longest // 2)
            return self._bar_for_length([each for each in in_flight if len(each.payload) >= floor])
        topics = {publish.topic for publish in in_flight}
        alone = in_flight[0].topic if len(topics) == 1 else ""
        if alone not in self._strikes:
            if len(self._strikes) > SUSPECT_LIMIT:
                self._strikes.clear()
            self._strikes |= dict.fromkeys(topics - self._strikes.keys(), 0)
            return []
        self._strikes[alone] += hung_up
        return [self._bar(in_flight[-1])] if self._strikes[alone] >= STRIKES else []

    def _bar_for_length(self, publishes: Sequence[Publish]) -> list[Publish]:
        shortest = min(len(each.payload) for each in publishes)
        self._too_long = min(shortest, self._too_long or shortest)
        self._too_long_term = min(2 * self._too_long_term, BAR_LONGEST)
        self._too_long_until = self._clock() + self._too_long_term
        for each in publishes:
            self._barred[each.topic] = (self._too_long_until, each)
        return list({each.topic: each for each in publishes}.values())

    def _bar(self, publish: Publish) -> Publish:
        topic = publish.topic
        term = self._terms[topic] = min(2 * self._terms.get(topic, BAR_FIRST / 2), BAR_LONGEST)
        self._barred[topic] = (self._clock() + term, publish)
        # One more strike will do when its time is up.
        self._strikes[topic] = STRIKES - 1
        return publish

    def released(self) -> list[Publish]:
        """What may be tried again, since its time is up."""
        if not self._barred:
            return []
        now = self._clock()
        free = [topic for topic, (until, _) in self._barred.items() if until <= now]
        # Each alone, the shortest first: it shows what the longer ones need not try.
        self._strikes |= dict.fromkeys(set(free) - self._strikes.keys(), STRIKES - 1)
        publishes = [self._barred.pop(topic)[1] for topic in free]
        return sorted(publishes, key=lambda publish: len(publish.payload))
