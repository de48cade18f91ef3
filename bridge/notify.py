"""Speaks to the service manager, such as systemd; says nothing where there is none.

The protocol is a datagram of `NAME=value` lines. (sd_notify(3), sd_watchdog_enabled(3).)
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

_PATIENCE = 1.0
"""How long (s) a manager may keep us waiting; a message that it does not take by then is lost."""

_log = logging.getLogger(__name__)


class Notifier:
    """Tells the manager that `NOTIFY_SOCKET` names; its methods never raise.

    The variable stays as it is, so that a restart in the same process finds it again.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog = _watchdog(environ)
        """How long (s) the manager waits for a sign of life; None if it wants none."""

    @property
    def wanted(self) -> bool:
        """Whether there is anybody who listens."""
        return self._address is not None

    def tell(self, **values: str | int) -> bool:
        """Send all values in one message, as `READY=1`; tells whether it was taken."""
        if self._address is None:
            return False
        lines = [f"{name}={' '.join(str(value).split())}" for name, value in values.items()]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_PATIENCE)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            _log.debug("the service manager cannot be told: %s", error)
            return False
        return True


def _address(name: str) -> str | None:
    """Where to send to: a path, or an abstract name that begins with `@`."""
    if name.startswith("@") and len(name) > 1:
        return f"\0{name[1:]}"
    return name if name.startswith("/") else None


def _watchdog(environ: Mapping[str, str]) -> float | None:
    wanted, meant = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (wanted.isdecimal() and int(wanted)) or meant not in ("", str(os.getpid())):
        return None
    return int(wanted) / 1e6
