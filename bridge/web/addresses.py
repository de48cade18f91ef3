"""Names and addresses of this machine, as they stand in a configuration or a request."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a listener on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def names_us(header: str, listen_host: str) -> bool:
    """Whether a browser meant this machine: a page whose name was rebound to loopback did not."""
    ours = {"localhost", "127.0.0.1", "::1", listen_host.strip("[]").lower()}
    return (host_of(header) or None) in ours


def host_of(header: str) -> str:
    """The host in a `Host` header, without its port; empty if there is none in it."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
