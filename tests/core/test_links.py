"""What `bridge/hosts/<id>` says of a connection."""

from __future__ import annotations

from bridge.core.links import Link
from bridge.core.model import LinkState, SourceKind
from tests.core.dialogue import HOST, WALL


def test_a_connection_that_was_never_up() -> None:
    link = Link(HOST, SourceKind.INTEGRATOR, LinkState.BACKOFF, WALL, 5.0, error="refused")
    assert link.document(3) == {
        "kind": "integrator",
        "state": "backoff",
        "since": "2026-09-21T14:13:20.000Z",
        "devices": 3,
        "last_message": None,
        "reconnects": 0,
        "token_expires": None,
        "error": "refused",
    }
    assert not link.connected


def test_one_that_came_back_twice() -> None:
    link = Link(HOST, SourceKind.ACCOUNT, LinkState.CONNECTED, WALL, None, connects=3)
    link.last_message = link.token_expires = WALL
    document = link.document(0)
    assert (document["reconnects"], document["kind"]) == (2, "account")
    assert document["last_message"] == document["token_expires"] == "2026-09-21T14:13:20.000Z"
    assert link.connected
