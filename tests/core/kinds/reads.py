"""Reading a status in the tests of kinds."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.kinds.catalog import Channel, Facts, layout
from bridge.core.model import Json

Status = dict[str, Json]


def channels(
    status: Status, mode: str | None = None, facts: Mapping[str, Facts] | None = None
) -> dict[str, Channel]:
    """`<kind>/<n>` → channel."""
    found, _ = layout(status, mode, facts)
    return {f"{each.kind}/{each.number}": each for each in found}


def values(status: Status, channel: str, **facts: Json) -> Status:
    """What a channel of a status says; `facts` are those of its component."""
    component = channels(status)[channel].component
    return channels(status, facts={component: facts})[channel].read(status)


def only(status: Status) -> tuple[str, Status]:
    """The one channel of a status, and what it says."""
    ((name, channel),) = channels(status).items()
    return name, channel.read(status)
