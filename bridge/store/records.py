"""What the registry holds, as rows and as what the bridge knows it by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import NamedTuple

from bridge.core.model import DeviceId, DeviceOptions, Grant, Published
from bridge.errors import StoreError
from bridge.store.database import Row

SELECT_GRANT = 'SELECT device, host, code, type, names, control, "user" FROM grants'
SELECT_LOGIN = "SELECT count, base, access, refresh, code, refused, refusals FROM logins"


@dataclass(frozen=True, slots=True)
class Proof:
    """Shows that a callback is genuine, and is good for one body only.

    `signed` and `body` are SHA-256 hashes of what was signed and of the body that came with it at
    `seen`; after `expires` (both unix s) the proof is refused elsewhere and can be forgotten.
    """

    signed: bytes
    body: bytes
    seen: float
    expires: float


@dataclass(frozen=True, slots=True)
class Changes:
    """The devices whose grant or options changed, until the number `newest`."""

    newest: int
    devices: tuple[DeviceId, ...] = ()


class Belongings(NamedTuple):
    """What is stored of some devices besides their grants."""

    topics: Mapping[DeviceId, frozenset[str]]
    published: Mapping[DeviceId, Published]
    options: tuple[DeviceOptions, ...]


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that is stored of one host's devices, at one moment.

    `revisions` has the devices of `grants`, as `Store.revision` tells them. `withdrawn` are those
    whose consent was taken back and that were not forgotten since; `topics` and `published` have
    theirs too.
    """

    grants: tuple[Grant, ...]
    revisions: Mapping[DeviceId, int]
    topics: Mapping[DeviceId, frozenset[str]]
    published: Mapping[DeviceId, Published]
    options: tuple[DeviceOptions, ...]
    withdrawn: tuple[DeviceId, ...]


def grant_row(grant: Grant, at: float) -> Row:
    """A grant that was given at `at` (unix s)."""
    names = json.dumps(grant.names)
    control = int(grant.control)
    return (grant.device, grant.host, grant.code, grant.type, names, control, grant.user, at)


def read_grant(row: Row) -> Grant:
    """A row of `SELECT_GRANT`; raises `StoreError`."""
    device, host, code, kind, names, control, user = row
    try:
        # Few hosts and models for many devices.
        host, code = intern(host), intern(code)
        return Grant(device, host, code, kind, tuple(json.loads(names)), bool(control), user)
    except ValueError as error:
        raise StoreError(f"the registry is damaged: the names of {device}") from error


def published_text(published: Published) -> str:
    """What Home Assistant was told, as stored."""
    return json.dumps(published, separators=(",", ":"))


def read_published(device: DeviceId, text: str) -> Published:
    """The same, as read; raises `StoreError`."""
    try:
        return tuple(
            (str(part), tuple((str(component), str(platform)) for component, platform in told))
            for part, told in json.loads(text)
        )
    except (ValueError, TypeError) as error:
        raise StoreError(f"the registry is damaged: the components of {device}") from error


def read_topics(rows: list[Row]) -> dict[DeviceId, set[str]]:
    """The topics of each device."""
    found: dict[DeviceId, set[str]] = {}
    for device, topic in rows:
        found.setdefault(device, set()).add(topic)
    return found
