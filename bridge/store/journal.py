"""Who is told of a change: nobody but us, or the other bridges that share the registry."""

from __future__ import annotations

from typing import Protocol

from bridge.core.model import DeviceId
from bridge.store.database import Query, Transaction
from bridge.store.records import Changes

KEPT = 10_000
"""Changes that stay in the journal; who missed more reads everything anew."""


class Journal(Protocol):
    """Notes, within the transaction that makes it, what changes of a device."""

    hosts: str
    """The statement that finds the hosts of which something is stored."""
    held: str
    """The one that finds a host's devices, with one parameter or more for the host."""
    homes: str
    """The one that finds these devices and their hosts."""

    def consented(self, work: Transaction, device: DeviceId) -> None:
        """A grant was stored."""

    def moved(self, work: Transaction, device: DeviceId) -> None:
        """Its grant was given another host."""

    def changed(self, work: Transaction, device: DeviceId) -> None:
        """Something else of its grant or options changed."""

    def withdraw(self, work: Transaction, device: DeviceId) -> None:
        """Its grant is about to be deleted, while its topics stay."""

    def forget(self, work: Transaction, device: DeviceId) -> int:
        """All of it is about to be deleted; how much others had still to hear of that."""

    def revision(self, query: Query, device: DeviceId) -> int:
        """Which consent of a device was stored last; 0 is before all others."""

    def revisions(self, work: Transaction, host: str) -> dict[DeviceId, int]:
        """The same for the grants of a host."""

    def withdrawn(self, work: Transaction, host: str) -> list[DeviceId]:
        """Devices of a host that are without a grant, and not forgotten."""

    def changes(self, query: Query, since: int | None) -> Changes | None:
        """What changed after the number `since`; None if that is too long ago."""


class OwnJournal:
    """Of a registry that one bridge uses: it only counts consents since it was opened."""

    hosts = "SELECT DISTINCT host FROM grants"
    held = "SELECT device FROM grants WHERE host = ?"
    homes = "SELECT device, host FROM grants"

    def __init__(self) -> None:
        self._revisions: dict[DeviceId, int] = {}

    def consented(self, work: Transaction, device: DeviceId) -> None:  # noqa: ARG002 - protocol
        """Count it."""
        self._revisions[device] = self._revisions.get(device, 0) + 1

    def moved(self, work: Transaction, device: DeviceId) -> None:
        """Nobody else wants to know."""

    def changed(self, work: Transaction, device: DeviceId) -> None:
        """Nobody else wants to know."""

    def withdraw(self, work: Transaction, device: DeviceId) -> None:
        """The bridge that runs clears the topics."""

    def forget(self, work: Transaction, device: DeviceId) -> int:  # noqa: ARG002 - protocol
        """Nothing is kept of it here."""
        return 0

    def revision(self, query: Query, device: DeviceId) -> int:  # noqa: ARG002 - protocol
        """How many consents were stored."""
        return self._revisions.get(device, 0)

    def revisions(self, work: Transaction, host: str) -> dict[DeviceId, int]:
        """The same for the grants of a host."""
        return {
            device: self._revisions.get(device, 0) for (device,) in work.query(self.held, (host,))
        }

    def withdrawn(self, work: Transaction, host: str) -> list[DeviceId]:  # noqa: ARG002 - protocol
        """Nobody withdraws a consent that we do not hear of."""
        return []

    def changes(self, query: Query, since: int | None) -> Changes | None:  # noqa: ARG002 - protocol
        """Nobody else makes any."""
        return Changes(0)


class SharedJournal:
    """Of a registry that several bridges use: it is stored there.

    Its numbers come in the order of the commits, as durable transactions come one after another.
    """

    hosts = "SELECT host FROM grants UNION SELECT host FROM withdrawn"
    held = (
        "SELECT device FROM grants WHERE host = ? UNION SELECT device FROM withdrawn WHERE host = ?"
    )
    homes = (
        "SELECT device, host FROM "
        "(SELECT device, host FROM grants UNION ALL SELECT device, host FROM withdrawn) AS stored"
    )
    """No device is in both, and to look for that would take long where there are many."""

    def consented(self, work: Transaction, device: DeviceId) -> None:
        """The number of the change says which consent it is."""
        number = self._note(work, device)
        work.execute("UPDATE grants SET revision = ? WHERE device = ?", (number, device))
        work.execute("DELETE FROM withdrawn WHERE device = ?", (device,))

    def moved(self, work: Transaction, device: DeviceId) -> None:
        """As a new consent: who had the host before may have it again before anybody looks."""
        self.consented(work, device)

    def changed(self, work: Transaction, device: DeviceId) -> None:
        """Note it."""
        self._note(work, device)

    def withdraw(self, work: Transaction, device: DeviceId) -> None:
        """Keep its host, whose owner clears the topics, at once or after it has started."""
        work.execute(
            "INSERT INTO withdrawn (device, host, revision) "
            "SELECT device, host, revision FROM grants WHERE device = ? "
            "ON CONFLICT (device) DO UPDATE SET host = excluded.host, revision = excluded.revision",
            (device,),
        )

    def forget(self, work: Transaction, device: DeviceId) -> int:
        """The topics were cleared, which whoever has another way to the device waits for."""
        return work.execute("DELETE FROM withdrawn WHERE device = ?", (device,))

    def revision(self, query: Query, device: DeviceId) -> int:
        """The number of its newest consent, be it given or taken back."""
        rows = query(
            "SELECT revision FROM grants WHERE device = ? "
            "UNION ALL SELECT revision FROM withdrawn WHERE device = ?",
            (device, device),
        )
        return max((int(revision) for (revision,) in rows), default=0)

    def revisions(self, work: Transaction, host: str) -> dict[DeviceId, int]:
        """The same for the devices of a host."""
        rows = work.query(
            "SELECT device, revision FROM withdrawn WHERE host = ? "
            "UNION ALL SELECT device, revision FROM grants WHERE host = ?",
            (host, host),
        )
        return dict(rows)

    def withdrawn(self, work: Transaction, host: str) -> list[DeviceId]:
        """Devices of a host that are without a grant, and not forgotten."""
        found = work.query("SELECT device FROM withdrawn WHERE host = ? ORDER BY device", (host,))
        return [device for (device,) in found]

    def changes(self, query: Query, since: int | None) -> Changes | None:
        """What changed after `since`; None where that number is not, or no longer, in it."""
        if since is None:
            ((newest,),) = query("SELECT max(seq) FROM changes")
            return Changes(newest)
        rows = query("SELECT seq, device FROM changes WHERE seq >= ? ORDER BY seq", (since,))
        if not rows or rows[0][0] != since:
            return None
        devices = dict.fromkeys(device for _, device in rows[1:])
        return Changes(rows[-1][0], tuple(devices))

    def restart(self, work: Transaction) -> None:
        """Another registry takes the place of this one: no number that anybody knows is left."""
        for table in ("changes", "withdrawn", "instances", "owners"):
            work.execute(f"DELETE FROM {table}")  # noqa: S608 - our names
        work.execute("INSERT INTO changes (device) VALUES ('')")

    def take_over(self, work: Transaction, other: Transaction) -> None:
        """Take what another one has of withdrawn consents; its numbers mean nothing here."""
        work.executemany(
            "INSERT INTO withdrawn (device, host, revision) VALUES (?, ?, 0)",
            other.query("SELECT device, host FROM withdrawn"),
        )

    def _note(self, work: Transaction, device: DeviceId) -> int:
        ((number,),) = work.query(
            "INSERT INTO changes (device) VALUES (?) RETURNING seq", (device,)
        )
        work.execute("DELETE FROM changes WHERE seq <= ?", (number - KEPT,))
        return int(number)
