"""The registry on disk: grants, who we are, which topics are retained, which proofs are used.

Owns what the tables mean. Knows nothing of HTTP, MQTT or the cloud. Any thread may call any
method; one at a time is served.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from sys import intern
from types import TracebackType

from bridge.core.logins import NONE, Login
from bridge.core.model import DeviceId, DeviceOptions, Grant, Published, Visitor
from bridge.errors import BridgeError, StoreError
from bridge.store.data_dir import DirectoryLock, prepare
from bridge.store.database import open_database, read_meta

PROOF_LIMIT = 10_000
"""Used proofs remembered at a time; each lives for less than three minutes."""

_LONGEST_WAIT = 5.0
"""Seconds to wait for another thread's turn."""


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


class ProofReused(BridgeError):
    """The same proof came before with another body; nothing was changed."""


class Store:
    """The open registry. Methods raise `StoreError` and leave it usable when one fails."""

    bridge_id: str
    """8 hex digits, made once."""
    callback_secret: str
    """The unguessable part of the consent callback's address, made once."""
    outbound_secret: str
    """The same of the address that devices connect to; empty until the bridge has run once."""

    def __init__(self, connection: sqlite3.Connection, lock: DirectoryLock | None) -> None:
        self._connection = connection
        self._lock = lock
        self._turn = threading.Lock()
        self._revisions: dict[DeviceId, int] = {}
        meta = read_meta(connection)
        self.bridge_id = meta["bridge_id"]
        self.callback_secret = meta["callback_secret"]
        self.outbound_secret = meta.get("outbound_secret", "")

    @classmethod
    def open(
        cls, directory: Path, *, exclusive: bool, create: bool = True, writable: bool = False
    ) -> Store:
        """Open the registry in `directory`, making both if `create` and they are not there.

        `exclusive` is for the one bridge that runs on the directory; otherwise the registry can
        only be read, also while a bridge runs, or with `writable` be given logins. Raises
        `DataDirError` (unusable, damaged, or of a newer version: nothing is overwritten) or
        `StartError` (in use, disk full).
        """
        if create:
            prepare(directory)
        lock = DirectoryLock(directory) if exclusive else None
        try:
            connection = open_database(directory, create=create, writable=exclusive or writable)
            return cls(connection, lock)
        except BaseException:
            if lock:
                lock.release()
            raise

    def close(self) -> None:
        """Close the file and let the next bridge in; safe to call twice.

        A write that hangs is left to end with the process.
        """
        with suppress(StoreError), self._session() as connection:
            connection.close()
        if self._lock:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def grants(self) -> list[Grant]:
        """Every stored grant, by device id."""
        with self._session() as connection:
            rows = connection.execute(f"{_SELECT_GRANT} ORDER BY device").fetchall()
        return [_grant(row) for row in rows]

    def grant(self, device: DeviceId) -> Grant | None:
        """The grant of one device."""
        with self._session() as connection:
            row = connection.execute(f"{_SELECT_GRANT} WHERE device = ?", (device,)).fetchone()
        return None if row is None else _grant(row)

    def put_grant(self, grant: Grant, *, at: float, proof: Proof | None = None) -> bool:
        """Store a grant (`at`: unix s) in place of the device's old one; on return it is on disk.

        False, with nothing changed, if `proof` came with the same body before. Raises
        `ProofReused` if it came with another one.
        """
        with self._transaction() as connection:
            if proof and not _use(connection, proof):
                return False
            connection.execute(_PUT_GRANT, _row(grant, at))
            self._revisions[grant.device] = self._revisions.get(grant.device, 0) + 1
        return True

    def revision(self, device: DeviceId) -> int:
        """How many consents of a device were stored since the registry was opened.

        Writes that come late say which one they are about.
        """
        return self._revisions.get(device, 0)

    def delete_grant(self, device: DeviceId, *, proof: Proof | None = None) -> bool:
        """Delete a device's grant, on return also from the disk; its topics stay listed.

        False if there was none, or if `proof` came with the same body before. Raises
        `ProofReused` as `put_grant`.
        """
        with self._transaction() as connection:
            if proof and not _use(connection, proof):
                return False
            deleted = connection.execute("DELETE FROM grants WHERE device = ?", (device,))
            return deleted.rowcount > 0

    def update_grant(
        self,
        device: DeviceId,
        *,
        revision: int | None = None,
        host: str | None = None,
        control: bool | None = None,
        code: str | None = None,
    ) -> None:
        """Change what is given of a stored grant, unless a newer consent came since.

        A device without a grant is left without.
        """
        new = {"device": device, "host": host, "control": control, "code": code}
        with self._transaction() as connection:
            if revision not in (None, self.revision(device)):
                return
            connection.execute(
                "UPDATE grants SET host = coalesce(:host, host), "
                "control = coalesce(:control, control), code = coalesce(:code, code) "
                "WHERE device = :device "
                # The cloud repeats all this at every connect; equal values must not wear the disk.
                "AND (host != :host OR control != :control OR code != :code)",
                new,
            )

    def forget_device(
        self, device: DeviceId, *, revision: int | None = None, kept: bool = False
    ) -> None:
        """Delete all that is stored of a device, unless a newer consent came since.

        Of one that is `kept`, as it comes by another way too, what is published stays stored.
        """
        with self._transaction() as connection:
            if revision not in (None, self.revision(device)):
                return
            connection.execute("DELETE FROM grants WHERE device = ?", (device,))
            connection.execute("DELETE FROM visitors WHERE device = ?", (device,))
            if not kept:
                connection.execute("DELETE FROM options WHERE device = ?", (device,))
                connection.execute("DELETE FROM device_topics WHERE device = ?", (device,))
                connection.execute("DELETE FROM discovery WHERE device = ?", (device,))

    def visitors(self) -> list[Visitor]:
        """The devices that may connect to us, by their ids."""
        with self._session() as connection:
            rows = connection.execute(
                "SELECT device, code, name, wake_period FROM visitors ORDER BY device"
            ).fetchall()
        return [Visitor(*row) for row in rows]

    def put_visitor(self, visitor: Visitor) -> None:
        """Store a device that may connect to us; on return it is on disk."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO visitors (device, code, name, wake_period) "
                "VALUES (?, ?, ?, ?)",
                (visitor.device, visitor.code, visitor.name, visitor.wake_period),
            )

    def drop_visitor(self, device: DeviceId) -> None:
        """Delete a device that may connect to us; all else that is stored of it stays."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM visitors WHERE device = ?", (device,))

    def options(self) -> list[DeviceOptions]:
        """What was set of devices while the bridge ran, by their ids."""
        with self._session() as connection:
            rows = connection.execute(
                "SELECT device, name, area, throttle FROM options ORDER BY device"
            ).fetchall()
        return [DeviceOptions(*row) for row in rows]

    def put_options(self, options: DeviceOptions) -> None:
        """Store what was set of a device, in place of what was; on return it is on disk."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM options WHERE device = ?", (options.device,))
            if not options.is_empty:
                connection.execute(
                    "INSERT INTO options (device, name, area, throttle) VALUES (?, ?, ?, ?)",
                    astuple(options),
                )

    def topics(self) -> dict[DeviceId, set[str]]:
        """The topics that hold, as far as we know, a retained message of a device."""
        with self._session() as connection:
            rows = connection.execute("SELECT device, topic FROM device_topics").fetchall()
        found: dict[DeviceId, set[str]] = {}
        for device, topic in rows:
            found.setdefault(device, set()).add(topic)
        return found

    def set_topics(self, device: DeviceId, topics: Set[str]) -> None:
        """Replace the list of a device's retained topics.

        After a power cut the last seconds of it may be missing: it is written again as soon as
        the device publishes, and flushing each change would wear out an SD card.
        """
        with self._session() as connection:
            rows = connection.execute(
                "SELECT topic FROM device_topics WHERE device = ?", (device,)
            ).fetchall()
        known = {topic for (topic,) in rows}
        if known == topics:
            return
        with self._transaction(durable=False) as connection:
            connection.executemany(
                "DELETE FROM device_topics WHERE device = ? AND topic = ?",
                [(device, topic) for topic in known - topics],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO device_topics (device, topic) VALUES (?, ?)",
                [(device, topic) for topic in topics - known],
            )

    def published(self) -> dict[DeviceId, Published]:
        """What Home Assistant was told of each device, as far as we know."""
        with self._session() as connection:
            rows = connection.execute("SELECT device, published FROM discovery").fetchall()
        return {device: _published(device, text) for device, text in rows}

    def set_published(self, device: DeviceId, published: Published) -> None:
        """Replace what Home Assistant was told of a device; nothing is stored of nothing.

        As durable as `set_topics`.
        """
        with self._transaction(durable=False) as connection:
            if published:
                connection.execute(
                    "INSERT OR REPLACE INTO discovery (device, published) VALUES (?, ?)",
                    (device, json.dumps(published, separators=(",", ":"))),
                )
            else:
                connection.execute("DELETE FROM discovery WHERE device = ?", (device,))

    def login(self, account: str) -> Login:
        """What is stored of an account; nothing of one that nobody logged in to."""
        with self._session() as connection:
            row = connection.execute(f"{_SELECT_LOGIN} WHERE account = ?", (account,)).fetchone()
        return NONE if row is None else Login(*row)

    def put_login(self, account: str, login: Login) -> bool:
        """Store a login, on return on the disk; False if there is one with a higher count."""
        with self._transaction() as connection:
            row = connection.execute(f"{_SELECT_LOGIN} WHERE account = ?", (account,)).fetchone()
            stored = NONE if row is None else Login(*row)
            if stored.count > login.count:
                return False
            if stored != login:
                connection.execute(_PUT_LOGIN, (account, *astuple(login)))
        return True

    def keep_logins(self, accounts: Collection[str]) -> None:
        """Forget the logins of all other accounts."""
        with self._transaction() as connection:
            for (account,) in connection.execute("SELECT account FROM logins").fetchall():
                if account not in accounts:
                    connection.execute("DELETE FROM logins WHERE account = ?", (account,))

    @contextmanager
    def _session(self) -> Iterator[sqlite3.Connection]:
        if not self._turn.acquire(timeout=_LONGEST_WAIT):
            raise StoreError("the registry is busy: the disk does not answer in time")
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise StoreError(f"the registry cannot be used: {error}") from error
        finally:
            self._turn.release()

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        with self._session() as connection:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


_SELECT_GRANT = "SELECT device, host, code, type, names, control, user FROM grants"
_PUT_GRANT = (
    "INSERT OR REPLACE INTO grants (device, host, code, type, names, control, user, granted_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


_SELECT_LOGIN = "SELECT count, base, access, refresh, code, refused, refusals FROM logins"
_PUT_LOGIN = (
    "INSERT OR REPLACE INTO logins "
    "(account, count, base, access, refresh, code, refused, refusals) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def _row(grant: Grant, at: float) -> tuple[object, ...]:
    names = json.dumps(grant.names)
    control = int(grant.control)
    return (grant.device, grant.host, grant.code, grant.type, names, control, grant.user, at)


def _grant(row: tuple[DeviceId, str, str, str, str, int, str]) -> Grant:
    device, host, code, kind, names, control, user = row
    try:
        # Few hosts and models for many devices.
        host, code = intern(host), intern(code)
        return Grant(device, host, code, kind, tuple(json.loads(names)), bool(control), user)
    except ValueError as error:
        raise StoreError(f"the registry is damaged: the names of {device}") from error


def _published(device: DeviceId, text: str) -> Published:
    try:
        return tuple(
            (str(part), tuple((str(component), str(platform)) for component, platform in told))
            for part, told in json.loads(text)
        )
    except (ValueError, TypeError) as error:
        raise StoreError(f"the registry is damaged: the components of {device}") from error


def _use(connection: sqlite3.Connection, proof: Proof) -> bool:
    """Mark a proof as used; False if it was used before for the same body."""
    connection.execute("DELETE FROM used_proofs WHERE expires < ?", (proof.seen,))
    row = connection.execute(
        "SELECT body FROM used_proofs WHERE signed = ?", (proof.signed,)
    ).fetchone()
    if row is not None:
        if row[0] != proof.body:
            raise ProofReused("the proof was used before for another body")
        return False
    (count,) = connection.execute("SELECT count(*) FROM used_proofs").fetchone()
    if count >= PROOF_LIMIT:
        raise StoreError("too many consents at a time")
    connection.execute(
        "INSERT INTO used_proofs (signed, body, expires) VALUES (?, ?, ?)",
        (proof.signed, proof.body, proof.expires),
    )
    return True
