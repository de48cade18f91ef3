"""What an admin listener is about when its pages matter little."""

from __future__ import annotations

from typing import Any

from bridge.core.topics import Topics
from bridge.web.desk import Desk
from bridge.web.site import Site


def make_site(**changes: Any) -> Site:
    """A healthy bridge on loopback, whose engine has no time for anybody."""
    given = {
        "listen_host": "127.0.0.1",
        "health": list,
        "desk": Desk(lambda _: False, Topics("shelly")),
        **changes,
    }
    return Site(**given)
