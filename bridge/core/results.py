"""What the sender of a command is told: one JSON message per stage, the last one final."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from bridge.core import jsontext
from bridge.core.commands import Command, Target
from bridge.core.effects import Effect, Lane, Publish, Show
from bridge.core.kinds.catalog import ChannelKey
from bridge.core.kinds.fields import Values
from bridge.core.model import DeviceId, Json, LinkId, Now, SourceKind

RESULT_EXPIRY = 60
"""A result older than this (s) is of no use to anybody."""

_NO_FAILURES = frozenset({"ok", "superseded"})

_ECHO_LIMIT = 256
"""Characters of a command that are sent back."""


class Stage(StrEnum):
    """How far a command got."""

    REFUSED = "refused"
    SENT = "sent"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wants to know: the `/set` message, as far as its answer needs it."""

    topic: str
    """The channel's topic; results go to `<topic>/result`."""
    arrived: float
    wanted: Mapping[str, Json] = field(default_factory=dict)
    id: Json = None
    qos: int = 1
    response_topic: str | None = None
    correlation: bytes | None = None
    device: DeviceId | None = None
    """The device that is meant, if there is one of that name."""
    failures: str | None = None
    """The topic on which failures are told as well: `bridge/event`."""
    asker: int | None = None
    """Who of our own pages is shown the results."""
    counts: Counter[str] = field(default_factory=Counter, compare=False)
    """Where final results are counted, by their status."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a command goes: the device's channel, its component, and the link to it."""

    device: DeviceId
    channel: ChannelKey
    target: Target
    link: LinkId
    source: SourceKind
    native: bool = False
    """In the device's own RPC, not in the cloud's words."""


@dataclass(slots=True)
class Order:
    """A command on its way, and how far it got. Times are monotonic s."""

    sender: Sender
    route: Route
    command: Command
    deadline: float
    before: Values = field(default_factory=dict)
    """The channel's values when it was sent, or lately while it waits."""
    request: int = 0
    shown: bool = False
    """The state that was asked for was seen since it was sent."""
    accepted: bool = False
    waits: bool = False
    """Its device sleeps; it is sent when that wakes."""
    rerouted: bool = False
    """Another way than the first one was taken."""

    def result(self, status: str, stage: Stage, now: Now, error: str | None = None) -> list[Effect]:
        """The messages that tell the sender of this command."""
        return result(self.sender, status, stage, now, error, self.route, self.request)


def result(
    sender: Sender,
    status: str,
    stage: Stage,
    now: Now,
    error: str | None = None,
    route: Route | None = None,
    request: int = 0,
) -> list[Effect]:
    """The messages of one stage: on the result topic, and where the sender asked for them."""
    if stage is not Stage.ACCEPTED:
        sender.counts[status] += 1
    document: Values = {
        "id": sender.id,
        "status": status,
        "stage": stage.value,
        "command": _echo(sender.wanted),
        "via": f"{route.source}:{route.link}" if route else None,
        "trid": request or None,
        "ms": round((now.mono - sender.arrived) * 1000),
        "error": error,
        "ts": iso(now.wall),
    }
    body = jsontext.dump(document)
    device = route.device if route is not None else sender.device
    properties = [("source", route.source.value)] if route is not None else []
    if device is not None:
        properties.append(("device", device))
    places: list[tuple[str, bytes | None]] = [(f"{sender.topic}/result", None)]
    if sender.response_topic is not None:
        places.append((sender.response_topic, sender.correlation))
    messages: list[Effect] = [
        Publish(
            topic,
            body,
            retain=False,
            qos=sender.qos,
            lane=Lane.EVENT,
            correlation=correlation,
            expiry=RESULT_EXPIRY,
            properties=tuple(properties),
        )
        for topic, correlation in places
    ]
    if sender.failures is not None and status not in _NO_FAILURES:
        failure = {
            "type": "command_failed",
            "device": device,
            "topic": sender.topic,
            "status": status,
            "error": error,
            "ts": iso(now.wall),
        }
        told = jsontext.dump(failure)
        messages.append(
            Publish(sender.failures, told, retain=False, lane=Lane.EVENT, expiry=RESULT_EXPIRY)
        )
    if sender.asker is not None:
        messages.append(Show(sender.asker, document, final=stage is not Stage.ACCEPTED))
    return messages


def _echo(wanted: Mapping[str, Json]) -> Json:
    """The command as it was understood, or a note that it is too long to repeat."""
    short = dict(wanted)
    return short if len(str(short)) <= _ECHO_LIMIT else {"too_long": True}


@lru_cache(32)
def iso(wall: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the millisecond, with `Z`."""
    moment = datetime.fromtimestamp(wall, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
