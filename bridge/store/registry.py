"""The registry: grants, who we are, which topics are retained, which proofs are used.

Owns what the tables mean. Knows nothing of HTTP, MQTT or the cloud, nor of the kind of database.
Any thread may call any method; one at a time is served.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import astuple
from pathlib import Path
from sys import intern
from types import MappingProxyType, TracebackType

from bridge.core.logins import NONE, Login
from bridge.core.model import DeviceId, DeviceOptions, Grant, Published, Visitor
from bridge.errors import StoreError
from bridge.store import announced, records
from bridge.store.data_dir import DirectoryLock, prepare
from bridge.store.database import Database, Row, Transaction, put
from bridge.store.journal import Journal, OwnJournal, SharedJournal
from bridge.store.proofs import use
from bridge.store.records import (
    SELECT_GRANT,
    SELECT_LOGIN,
    Belongings,
    Changes,
    Holdings,
    Proof,
    read_grant,
    read_published,
    read_topics,
)
from bridge.store.sqlite import SqliteDatabase

_LONGEST_WAIT = 5.0
"""Seconds to wait for another thread's turn."""


_SELECT_TOPICS = "SELECT device, topic FROM device_topics"
_SELECT_PUBLISHED = "SELECT device, published FROM discovery"
_NOT_GRANTED = " WHERE device NOT IN (SELECT device FROM grants)"
_SELECT_OPTIONS = "SELECT device, name, area, throttle FROM options"
_UPDATE_GRANT = (
    "UPDATE grants SET host = coalesce(?, host), control = coalesce(?, control), "
    "code = coalesce(?, code) WHERE device = ? AND (host != ? OR control != ? OR code != ?)"
)
_IS_ELSEWHERE = "SELECT 1 FROM grants WHERE device = ? AND host != ?"
_PUT_META = put("meta")
_PUT_GRANT = put("grants")
_PUT_VISITOR = put("visitors")
_PUT_OPTIONS = put("options")
_PUT_LOGIN = put("logins")


class Store:
    """The open registry. Methods raise `StoreError` and leave it usable when one fails."""

    bridge_id: str
    """8 hex digits, made once."""
    callback_secret: str
    """The unguessable part of the consent callback's address, made once."""
    outbound_secret: str
    """The same of the address that devices connect to; empty until the bridge has run once."""

    def __init__(
        self, database: Database, journal: Journal, lock: DirectoryLock | None = None
    ) -> None:
        self._database = database
        self._journal = journal
        self._lock = lock
        self._turn = threading.Lock()
        meta: dict[str, str] = dict(database.query("SELECT key, value FROM meta"))
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
            database = SqliteDatabase.open(directory, create=create, writable=exclusive or writable)
            return cls(database, OwnJournal(), lock)
        except BaseException:
            if lock:
                lock.release()
            raise

    @classmethod
    def connect(cls, address: str, *, create: bool = True) -> Store:
        """Open the registry that several bridges share in PostgreSQL, at `postgresql://…`.

        It is made if `create` and it is not there. Raises `DataDirError` (unusable, or of a newer
        version) or `StartError` (not to be reached); what is said never shows the password.
        """
        # The library is an extra, and nobody else shall wait until it is loaded.
        from bridge.store.postgres import PostgresDatabase

        database = PostgresDatabase.connect(address, create=create)
        try:
            return cls(database, SharedJournal())
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close it and let the next bridge in; safe to call twice.

        A write that hangs is left to end with the process.
        """
        with suppress(StoreError):
            self._take_turn()
            try:
                self._database.close()
            finally:
                self._turn.release()
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

    def run_as(self, instance: str, *, alone: DeviceId) -> None:
        """Say which of several bridges, each with a registry of its own, has this one.

        One that another had is a copy, and what that one published besides the granted devices is
        its own business: forgotten here but for what a bridge published of itself as `alone`.
        """
        with self._transaction() as work:
            if work.query("SELECT 1 FROM meta WHERE key = 'instance' AND value = ?", (instance,)):
                return
            for table in ("device_topics", "discovery"):
                work.execute(f"DELETE FROM {table}{_NOT_GRANTED} AND device != ?", (alone,))  # noqa: S608 - our names
            work.execute(_PUT_META, ("instance", instance))

    def grants(self) -> list[Grant]:
        """Every stored grant, by device id."""
        return [read_grant(row) for row in self._query(f"{SELECT_GRANT} ORDER BY device")]

    def grant(self, device: DeviceId) -> Grant | None:
        """The grant of one device."""
        rows = self._query(f"{SELECT_GRANT} WHERE device = ?", (device,))
        return read_grant(rows[0]) if rows else None

    def hosts(self) -> set[str]:
        """The hosts whose devices are stored, also of those withdrawn and not forgotten."""
        return {host for (host,) in self._query(self._journal.hosts)}

    def homes(self, devices: Sequence[DeviceId] | None = None) -> dict[DeviceId, str]:
        """The hosts of all devices, or of these, that `hosts` is about."""
        asked = self._journal.homes
        if devices is not None:
            asked += f" WHERE device IN ({', '.join('?' * len(devices)) or 'NULL'})"
        # Few hosts for many devices.
        return {device: intern(host) for device, host in self._query(asked, devices or ())}

    def holdings(self, host: str) -> Holdings:
        """All that is stored of one host's devices, at one moment."""
        held = self._journal.held
        hosts = (host,) * held.count("?")
        with self._snapshot() as work:
            grants = work.query(f"{SELECT_GRANT} WHERE host = ? ORDER BY device", (host,))
            return Holdings(
                tuple(read_grant(row) for row in grants),
                self._journal.revisions(work, host),
                *_belongings(work, held, hosts),
                tuple(self._journal.withdrawn(work, host)),
            )

    def belongings(self, devices: Sequence[DeviceId]) -> Belongings:
        """What is stored of these devices besides their grants, at one moment."""
        with self._snapshot() as work:
            return _belongings(work, ", ".join("?" * len(devices)) or "NULL", devices)

    def changes(self, since: int | None) -> Changes | None:
        """Whose grant or options were stored or deleted, by any bridge, after number `since`.

        Without a number it tells only the newest one. None: that number is no longer known, so
        that everything must be read anew. A registry of one bridge tells of no changes.
        """
        return self._journal.changes(self._query, since)

    def put_grant(self, grant: Grant, *, at: float, proof: Proof | None = None) -> bool:
        """Store a grant (`at`: unix s) in place of the device's old one; on return it is on disk.

        False, with nothing changed, if `proof` came with the same body before. Raises
        `ProofReused` if it came with another one.
        """
        with self._transaction() as work:
            if proof and not use(work, proof):
                return False
            work.execute(_PUT_GRANT, records.grant_row(grant, at))
            self._journal.consented(work, grant.device)
        return True

    def revision(self, device: DeviceId) -> int:
        """Which consent of a device was stored last; later ones have higher numbers.

        Writes that come late say which one they are about. A registry of one bridge counts from
        when it was opened.
        """
        return self._journal.revision(self._query, device)

    def delete_grant(self, device: DeviceId, *, proof: Proof | None = None) -> bool:
        """Delete a device's grant, on return also from the disk; its topics stay listed.

        False if there was none, or if `proof` came with the same body before. Raises
        `ProofReused` as `put_grant`.
        """
        with self._transaction() as work:
            if proof and not use(work, proof):
                return False
            self._journal.withdraw(work, device)
            if not work.execute("DELETE FROM grants WHERE device = ?", (device,)):
                return False
            self._journal.changed(work, device)
            return True

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

        A device without a grant is left without. Where several bridges share the registry another
        host counts as a newer consent.
        """
        new = (host, None if control is None else int(control), code)
        with self._transaction() as work:
            if self._is_late(work, device, revision):
                return
            moves = host is not None and work.query(_IS_ELSEWHERE, (device, host))
            # The cloud repeats all this at every connect; equal values must not wear the disk.
            if work.execute(_UPDATE_GRANT, (*new, device, *new)):
                (self._journal.moved if moves else self._journal.changed)(work, device)

    def forget_device(
        self, device: DeviceId, *, revision: int | None = None, kept: bool = False
    ) -> None:
        """Delete all that is stored of a device, unless a newer consent came since.

        Of one that is `kept`, as it comes by another way too, only the consent goes.
        """
        with self._transaction() as work:
            if self._is_late(work, device, revision):
                return
            told = self._journal.forget(work, device)
            told += work.execute("DELETE FROM grants WHERE device = ?", (device,))
            if not kept:
                work.execute("DELETE FROM visitors WHERE device = ?", (device,))
                told += work.execute("DELETE FROM options WHERE device = ?", (device,))
                work.execute("DELETE FROM device_topics WHERE device = ?", (device,))
                work.execute("DELETE FROM discovery WHERE device = ?", (device,))
            if told:
                self._journal.changed(work, device)

    def visitors(self) -> list[Visitor]:
        """The devices that may connect to us, by their ids."""
        rows = self._query("SELECT device, code, name, wake_period FROM visitors ORDER BY device")
        return [Visitor(*row) for row in rows]

    def put_visitor(self, visitor: Visitor) -> None:
        """Store a device that may connect to us; on return it is on disk."""
        with self._transaction() as work:
            work.execute(_PUT_VISITOR, astuple(visitor))

    def drop_visitor(self, device: DeviceId) -> None:
        """Delete a device that may connect to us; all else that is stored of it stays."""
        with self._transaction() as work:
            work.execute("DELETE FROM visitors WHERE device = ?", (device,))

    def options(self) -> list[DeviceOptions]:
        """What was set of devices while the bridge ran, by their ids."""
        return [DeviceOptions(*row) for row in self._query(f"{_SELECT_OPTIONS} ORDER BY device")]

    def put_options(self, options: DeviceOptions) -> None:
        """Store what was set of a device, in place of what was; on return it is on disk."""
        with self._transaction() as work:
            work.execute("DELETE FROM options WHERE device = ?", (options.device,))
            if not options.is_empty:
                work.execute(_PUT_OPTIONS, astuple(options))
            self._journal.changed(work, options.device)

    def topics(self, *, granted: bool = True) -> dict[DeviceId, set[str]]:
        """The topics that hold, as far as we know, a retained message of a device.

        Without those of `granted` devices where they come with their hosts, see `holdings`.
        """
        return read_topics(self._query(_SELECT_TOPICS + ("" if granted else _NOT_GRANTED)))

    def remember(
        self,
        topics: Mapping[DeviceId, Set[str]] = MappingProxyType({}),
        published: Mapping[DeviceId, Published] = MappingProxyType({}),
    ) -> None:
        """Replace the lists of devices' retained topics, and what Home Assistant was told of them.

        After a power cut the last seconds of it may be missing: it is written again as soon as
        a device publishes, and flushing each change would wear out an SD card.
        """
        new, gone = announced.changed(self._query, topics)
        if not (new or gone or published):
            return
        with self._transaction(durable=False) as work:
            announced.put_topics(work, new, gone)
            announced.put_published(work, published)

    def set_topics(self, device: DeviceId, topics: Set[str]) -> None:
        """Replace the list of a device's retained topics; see `remember`."""
        self.remember({device: topics})

    def published(self, *, granted: bool = True) -> dict[DeviceId, Published]:
        """What Home Assistant was told of each device, as far as we know; see `topics`."""
        rows = self._query(_SELECT_PUBLISHED + ("" if granted else _NOT_GRANTED))
        return {device: read_published(device, text) for device, text in rows}

    def set_published(self, device: DeviceId, published: Published) -> None:
        """Replace what Home Assistant was told of a device; see `remember`."""
        self.remember(published={device: published})

    def login(self, account: str) -> Login:
        """What is stored of an account; nothing of one that nobody logged in to."""
        rows = self._query(f"{SELECT_LOGIN} WHERE account = ?", (account,))
        return Login(*rows[0]) if rows else NONE

    def put_login(self, account: str, login: Login) -> bool:
        """Store a login, on return on the disk; False if there is one with a higher count."""
        with self._transaction() as work:
            rows = work.query(f"{SELECT_LOGIN} WHERE account = ?", (account,))
            stored = Login(*rows[0]) if rows else NONE
            if stored.count > login.count:
                return False
            if stored != login:
                work.execute(_PUT_LOGIN, (account, *astuple(login)))
        return True

    def keep_logins(self, accounts: Collection[str]) -> None:
        """Forget the logins of all other accounts."""
        with self._transaction() as work:
            for (account,) in work.query("SELECT account FROM logins"):
                if account not in accounts:
                    work.execute("DELETE FROM logins WHERE account = ?", (account,))

    def _is_late(self, work: Transaction, device: DeviceId, revision: int | None) -> bool:
        return revision is not None and self._journal.revision(work.query, device) > revision

    def _query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        self._take_turn()
        try:
            return self._database.query(sql, parameters)
        finally:
            self._turn.release()

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        self._take_turn()
        try:
            with self._database.transaction(durable=durable) as work:
                yield work
        finally:
            self._turn.release()

    @contextmanager
    def _snapshot(self) -> Iterator[Transaction]:
        self._take_turn()
        try:
            with self._database.snapshot() as work:
                yield work
        finally:
            self._turn.release()

    def _take_turn(self) -> None:
        if not self._turn.acquire(timeout=_LONGEST_WAIT):
            raise StoreError("the registry is busy: it does not answer in time")


def _belongings(work: Transaction, held: str, parameters: Sequence[str]) -> Belongings:
    """Of the devices that `held` finds."""
    among = f"WHERE device IN ({held})"
    topics = work.query(f"{_SELECT_TOPICS} {among}", parameters)
    published = work.query(f"{_SELECT_PUBLISHED} {among}", parameters)
    options = work.query(f"{_SELECT_OPTIONS} {among} ORDER BY device", parameters)
    return Belongings(
        {device: frozenset(found) for device, found in read_topics(topics).items()},
        {device: read_published(device, text) for device, text in published},
        tuple(DeviceOptions(*row) for row in options),
    )
