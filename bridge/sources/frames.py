"""The frames that come by a cloud's socket, whichever cloud it is."""

from __future__ import annotations

from bridge.core import cloud
from bridge.core.cloud import ActionAnswered, CloudError
from bridge.core.events import (
    BadInput,
    CommandAnswered,
    OnlineReported,
    SettingsReported,
    StatusReported,
)
from bridge.core.model import LinkId
from bridge.errors import FrameError
from bridge.sources.base import Sink

Told = StatusReported | SettingsReported | OnlineReported
"""What a frame tells of a device."""


def read(data: bytes, link: LinkId, sink: Sink) -> Told | CommandAnswered | ActionAnswered | None:
    """The event of a frame; what is wrong with it goes to `sink`, and there is no event then.

    Raises `FrameError` for invalid UTF-8, which has to end the connection (RFC 6455 8.1).
    """
    try:
        event = cloud.decode(data, link)
    except FrameError as error:
        if error.kind == "utf8":
            raise
        sink(BadInput(link, error.kind, str(error)))
        return None
    if isinstance(event, CloudError):
        sink(BadInput(link, "cloud_error", f"the cloud says: {event.text!r}"))
        return None
    return event
