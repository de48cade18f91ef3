"""What is remembered of a device that connects to us, between its connections."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.core.model import DeviceId, Json
from bridge.sources.outbound_allowance import Allowance, Bucket

if TYPE_CHECKING:
    from bridge.sources.outbound_device import Visit


@dataclass(frozen=True, slots=True)
class Order:
    """A call that somebody wants made, worthless after `deadline` (monotonic s).

    Its answer is told as it is (`plain`), or as that to a command.
    """

    request: int
    method: str
    parameters: Json
    deadline: float
    plain: bool = False


@dataclass(slots=True, eq=False)
class Known:
    """What is remembered of a device between its connections."""

    device: DeviceId
    allowance: Allowance
    turns: Bucket
    """How often a new connection may take the place of one that is there."""
    visit: Visit | None = None
    address: str | None = None
    """From where it connected last."""
    sleeps: bool = False
    muted: bool = False
    """It was taken away; nothing of it is told until it comes again."""
    dynamic: dict[str, Json] | None = None
    """The status of its dynamic components; None until it told which there are."""
    revision: Json = None
    """Of its configuration, as its last whole status has it."""
    configured: Json = None
    """The revision of the configuration that it told; None if it is to be asked (again)."""
    waiting: deque[Order] = field(default_factory=deque)
    """Commands for when it wakes."""

    @property
    def is_configured(self) -> bool:
        """Whether its configuration is as it told it last."""
        return self.configured is not None and self.configured == self.revision
