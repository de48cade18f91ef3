"""Which hosts may be spoken to: the integrator's token is sent to every one of them.

A host name comes from a callback or a cloud frame and is hostile until this rule has accepted
it. Nothing is repaired on the way (no lower-casing, no stripping): what is not exactly a plain
DNS name below an allowed pattern is refused. Knows no resolver and no configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 253
"""Characters of a DNS name (RFC 1035 2.3.4, without the root's dot)."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

_ANY = "*."


def is_host_name(host: object) -> bool:
    """Whether `host` is a plain DNS name: ASCII, lower case, no port, no IP address.

    A name whose last label is a number is refused, since resolvers read it as an IPv4 address.
    """
    return (
        isinstance(host, str)
        and len(host) <= LONGEST
        and _NAME.fullmatch(host) is not None
        and _NUMBER.fullmatch(host.rpartition(".")[2]) is None
    )


def is_pattern(text: str) -> bool:
    """Whether `text` is a host name, or `*.` and a host name."""
    return is_host_name(text.removeprefix(_ANY))


class HostRule:
    """The hosts that match at least one pattern.

    A pattern is a host name, or `*.` and a host name; `*` stands for one or more whole labels.
    Raises `ValueError` for anything else.
    """

    __slots__ = ("_names", "_suffixes")

    def __init__(self, patterns: Iterable[str]) -> None:
        names, suffixes = set(), []
        for pattern in patterns:
            if not is_pattern(pattern):
                raise ValueError("a host pattern is neither a host name nor *. and a host name")
            if pattern.startswith(_ANY):
                suffixes.append(pattern.removeprefix("*"))
            else:
                names.add(pattern)
        self._names = frozenset(names)
        self._suffixes = tuple(suffixes)

    def accepts(self, host: object) -> bool:
        """Whether `host`, as it came from outside, may be resolved and connected to."""
        return (
            isinstance(host, str)
            and is_host_name(host)
            and (host in self._names or host.endswith(self._suffixes))
        )
