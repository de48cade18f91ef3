"""A network namespace with a cable to it, which can be pulled or can lose everything in silence.

Of 198.18.0.0/15, which is for tests of networks (RFC 2544).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_NOBODY = "02:00:00:00:00:01"
"""A hardware address that no end of the cable has."""


def ip(*arguments: str) -> None:
    """Run `ip`; raises `CalledProcessError`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)


class Cable:
    """The namespace `name`: `here` and `there` are the addresses of the cable's ends."""

    def __init__(self) -> None:
        number = os.getpid() % 16_384
        self.name = f"fault-{number}"
        prefix = f"198.{18 + number // 8_192}.{number // 64 % 128 * 2}.{number % 64 * 4}"
        front, _, last = prefix.rpartition(".")
        self.here, self.there = f"{front}.{int(last) + 1}", f"{front}.{int(last) + 2}"

    @property
    def inside(self) -> list[str]:
        """A command that runs the command after it in the namespace."""
        return ["ip", "netns", "exec", self.name]

    def lay(self) -> None:
        """Make it."""
        ip("netns", "add", self.name)
        ip("link", "add", self.name, "type", "veth", "peer", "inner", "netns", self.name)
        ip("address", "add", f"{self.here}/30", "dev", self.name)
        ip("link", "set", self.name, "up")
        for what in (
            ["address", "add", f"{self.there}/30", "dev", "inner"],
            ["link", "set", "lo", "up"],
        ):
            ip("-netns", self.name, *what)
        self.plug(True)

    def plug(self, plugged: bool) -> None:
        """Set the far interface up or down."""
        ip("-netns", self.name, "link", "set", "inner", "up" if plugged else "down")

    def lose(self, losing: bool) -> None:
        """Lose whatever is sent either way, which neither end is told of; or no longer."""
        far = ["-netns", self.name]
        for netns, address, device in ((far, self.here, "inner"), ([], self.there, self.name)):
            where = [address, "dev", device]
            if losing:
                wrong = ["lladdr", _NOBODY, "nud", "permanent"]
                ip(*netns, "neighbour", "replace", *where, *wrong)
            else:
                ip(*netns, "neighbour", "delete", *where)

    def clear(self) -> None:
        """Take it away; safe when it was never made."""
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, timeout=10)


@contextmanager
def laid() -> Iterator[Cable | None]:
    """A cable, or None where none can be laid."""
    made = Cable()
    try:
        try:
            made.lay()
        except (FileNotFoundError, subprocess.CalledProcessError):
            yield None
        else:
            yield made
    finally:
        if shutil.which("ip") is not None:
            made.clear()
