"""What was published of devices, as it is stored: their retained topics, and Home Assistant's part.

Of many devices at once, as a server may be far away.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from bridge.core.model import DeviceId, Published
from bridge.store.database import Query, Transaction, put_all
from bridge.store.records import published_text, read_topics


def changed(
    query: Query, topics: Mapping[DeviceId, Set[str]]
) -> tuple[list[tuple[DeviceId, str]], list[tuple[DeviceId, str]]]:
    """The topics that are new, and those that are gone, each with its device."""
    if not topics:
        return [], []
    marks = ", ".join("?" * len(topics))
    rows = query(f"SELECT device, topic FROM device_topics WHERE device IN ({marks})", [*topics])  # noqa: S608 - only marks
    known = read_topics(rows)
    new, gone = [], []
    for device, now in topics.items():
        before = known.get(device, set())
        new += [(device, topic) for topic in now - before]
        gone += [(device, topic) for topic in before - now]
    return new, gone


def put_topics(
    work: Transaction, new: list[tuple[DeviceId, str]], gone: list[tuple[DeviceId, str]]
) -> None:
    """Store what `changed` found."""
    if gone:
        work.executemany("DELETE FROM device_topics WHERE device = ? AND topic = ?", gone)
    put_all(work, "device_topics", new)


def put_published(work: Transaction, published: Mapping[DeviceId, Published]) -> None:
    """Replace what Home Assistant was told of devices; nothing is stored of nothing."""
    none = [(device,) for device, told in published.items() if not told]
    if none:
        work.executemany("DELETE FROM discovery WHERE device = ?", none)
    rows = [(device, published_text(told)) for device, told in published.items() if told]
    put_all(work, "discovery", rows)
