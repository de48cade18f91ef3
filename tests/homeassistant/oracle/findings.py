"""What is wrong with a message; knows nothing of how that was found out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of trouble a finding is."""

    DEVICE_REFUSED = "device_refused"
    """Nothing of the device exists for the user."""
    COMPONENT_REFUSED = "component_refused"
    """This entity does not exist; the others of the device do."""
    KEY_DROPPED = "key_dropped"
    """Home Assistant ignores this option without a word."""
    NOT_CREATED = "not_created"
    """The schemas accept the component, yet it makes no entity."""
    LEFT_BEHIND = "left_behind"
    """The component is gone from the message, its entity is not."""
    LOGGED = "logged"
    """Home Assistant wrote a warning or an error because of this message."""
    STATE_IGNORED = "state_ignored"
    """The entity does not show what the message says."""
    UNAVAILABLE = "unavailable"
    """The availability of an entity is not what the message says."""
    NEVER_PUBLISHED = "never_published"
    """An entity waits for a topic on which nothing was published."""
    NAME = "name"
    """The user cannot tell by its name what the entity is."""
    RETAIN = "retain"
    """The retain flag is wrong for what the message is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    kind: Kind
    topic: str
    component: str
    """Component id in the discovery message; empty when the whole message is meant."""
    text: str

    def as_json(self, file: str) -> dict[str, str]:
        """The finding as it is printed; `file` is the input it belongs to."""
        return {"file": file, **asdict(self)}
