"""What `check` says of the listener that devices connect to."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace
from errno import EADDRINUSE

from bridge.assembly import outbound_place, outbound_settings
from bridge.cli.registry import open_registry
from bridge.config import Config
from bridge.errors import StartError
from bridge.store import Store

_SOMEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses beyond every home (RFC 5737, RFC 3849)."""


def check_outbound(config: Config, *, show_secret: bool) -> str:
    """Whether devices can connect, and by which address; raises a `BridgeError` if not."""
    with open_registry(config) as store:
        # Only for its certificate, which may be of no use.
        outbound_settings(config, store.outbound_secret)
        place = outbound_place(config, store.outbound_secret)
    listen = config.outbound.listen
    shown = place if show_secret else replace(place, secret="<secret>")  # noqa: S106 - stands for it
    address = shown.address(_own_address(listen.host))
    state = "the bridge listens there" if _is_used(config) else "the port is free"
    hint = "" if show_secret else ", the whole of it with --show-secret"
    alone = "; only devices on this machine reach that" if listen.is_loopback else ""
    return f"{listen}, {state}; devices connect to {address}{hint}{alone}"


def _is_used(config: Config) -> bool:
    """Whether the bridge listens already; raises `StartError` if it runs not and could not."""
    # Imported here since its library is only for those who have such devices.
    from bridge.sources.outbound_server import bind

    listen = config.outbound.listen
    try:
        bind(listen.host, listen.port).close()
    except StartError as error:
        if getattr(error.__cause__, "errno", None) == EADDRINUSE and _runs(config):
            return True
        raise
    return False


def _runs(config: Config) -> bool:
    """Whether a bridge has the data directory."""
    try:
        Store.open(config.data_dir, exclusive=True).close()
    except StartError:
        return True
    return False


def _own_address(host: str) -> str:
    """The address by which this machine reaches others; its name if that is not to be found."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: this only asks which way a packet would go.
        probe.connect((_SOMEWHERE[family], 9))
        found: str = probe.getsockname()[0]
        return found
    return socket.gethostname()
