"""A request to the running bridge, by a short connection of its own."""

from __future__ import annotations

import secrets

from bridge.core import jsontext
from bridge.core.effects import Lane, Publish
from bridge.core.model import Json
from bridge.core.topics import Topics
from bridge.errors import FrameError
from bridge.mqtt.connection import ConnectionSettings
from bridge.mqtt.scan import connected, waiting
from bridge.threads import Deadline

_STEP = 0.25


def ask(
    settings: ConnectionSettings,
    topics: Topics,
    name: str,
    data: dict[str, Json],
    *,
    timeout: float = 5.0,
) -> dict[str, Json] | None:
    """The answer to `bridge/request/<name>`; None if nobody answered. Raises ConnectFailed."""
    mark, deadline = secrets.token_hex(8), Deadline(timeout)
    body = jsontext.dump({**data, "transaction": mark}).encode()
    request = Publish(topics.request(name), "", retain=False, lane=Lane.EVENT)
    asked = False
    with waiting(None) as wakeup, connected(settings, "-ask", wakeup, timeout) as connection:
        connection.subscribe([topics.response(name)])
        while not deadline.passed and connection.lost is None:
            if connection.subscribed and not asked:
                asked = True
                connection.publish(request, body)
            connection.step(min(deadline.remaining(), _STEP), wakeup)
            while connection.messages:
                answer = _answer(bytes(connection.messages.popleft().payload))
                if answer.get("transaction") == mark:
                    return answer
    return None


def _answer(payload: bytes) -> dict[str, Json]:
    try:
        return jsontext.parse_object(payload)
    except FrameError:
        return {}
