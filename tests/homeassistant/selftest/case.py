"""What a case is, and how its messages are put together."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from tests.homeassistant.selftest.pieces import BASE, CONFIG, device


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the oracle's input."""

    topic: str
    payload: Any
    """What is no string is sent as JSON."""
    retain: bool | None = None
    """None leaves it out."""


@dataclass(frozen=True, slots=True)
class Case:
    """Messages to one Home Assistant, and the findings that must come of them."""

    name: str
    messages: tuple[Message, ...]
    expected: Set[tuple[str, str]]
    """Kind and component of every finding."""


ONLINE = (Message("shelly/bridge/state", "online"), Message(f"{BASE}/availability", "online"))


def discovered(components: Mapping[str, Any], **changes: Any) -> Message:
    """The device's discovery message."""
    return Message(CONFIG, device(components, **changes))


def below(topic: str, payload: Any, retain: bool | None = None) -> Message:
    """A message on a topic of the device."""
    return Message(f"{BASE}/{topic}", payload, retain)


def shown(components: Mapping[str, Any], *states: Message) -> tuple[Message, ...]:
    """Discovery, availability, then states."""
    return (discovered(components), *ONLINE, *states)
