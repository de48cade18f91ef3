"""The host that an account lives on, as its tokens name it: they are sent there, so it is checked.

(Shelly docs, Real Time Events: `user_api_url`.)
"""

from __future__ import annotations

import re

from bridge.core.hosts import HostRule
from bridge.core.model import Json
from bridge.errors import PeerError

_BASE = re.compile(r"https://([a-z0-9.-]{1,253})(:[0-9]{1,5})?/?", re.ASCII)
_LOCAL = re.compile(r"(?:.+\.)?localhost", re.ASCII)
_HIGHEST_PORT = 65_535


def account_base(url: Json, what: str, rule: HostRule) -> str:
    """The URL of the account's host, without a slash at its end; `what` names it.

    Raises `PeerError` unless it is HTTPS to a host that `rule` accepts, at its usual port.
    """
    match = _BASE.fullmatch(url) if isinstance(url, str) else None
    if match is None or int((match[2] or ":1")[1:]) not in range(1, _HIGHEST_PORT + 1):
        raise PeerError(f"{what} does not name the account's host")
    if not rule.accepts(match[1]):
        raise PeerError(f"{what} names a host that is not in the account's allowed_hosts")
    if match[2] not in (None, ":443") and not _LOCAL.fullmatch(match[1]):
        raise PeerError(f"{what} names a port of its host, as only this machine may have it")
    return f"https://{match[1]}{match[2] or ''}"
