"""`shelly-bridge store copy`: moves the registry between a data directory and PostgreSQL."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bridge.errors import StartError
from bridge.store import copying

_SCHEMES = ("postgresql://", "postgres://")
_PRIVATE = "file:"


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("store", help="move the registry")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    place = (
        "a data directory, postgresql://user@host/database, or file:PATH of a private file with "
        "such an address, which may have a password"
    )
    action = actions.add_parser("copy", help="copy the registry, while no bridge uses it")
    action.add_argument("source", metavar="FROM", type=_place, help=place)
    action.add_argument("target", metavar="TO", type=_place, help="the same; made if need be")
    action.add_argument(
        "--replace", action="store_true", help="delete the registry that is there already"
    )
    action.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Copy, and say how much it was."""
    found = copying.copy(
        _resolved(options.source), _resolved(options.target), replace=options.replace
    )
    counts = ", ".join(f"{count} {table}" for table, count in found.items() if table != "meta")
    print(f"copied: {counts}")  # noqa: T201 - the command's output
    return 0


def _place(text: str) -> str:
    """An argument; one with a password is refused, since all users see a process's arguments."""
    if _has_password(text):
        raise argparse.ArgumentTypeError(
            "an address with a password must not be an argument, which every user can see; "
            "write it to a private file and give file:PATH"
        )
    return text


def _has_password(text: str) -> bool:
    if "password=" in text:
        return True
    user = text.partition("://")[2].rpartition("@")[0]
    return ":" in user


def _resolved(text: str) -> copying.Place:
    if text.startswith(_SCHEMES):
        return text
    if not text.startswith(_PRIVATE):
        return Path(text)
    file = Path(text.removeprefix(_PRIVATE))
    try:
        if file.stat().st_mode & 0o077:
            raise StartError(f"{file}: others may read it; it holds a password: chmod 600")
        address = file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a text in UTF-8"
        raise StartError(f"{file}: {reason}") from None
    if not address.startswith(_SCHEMES):
        raise StartError(f"{file}: must hold an address like postgresql://user@host/database")
    return address
