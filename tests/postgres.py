"""A PostgreSQL server for tests: a real one, on loopback, that can be killed, frozen and restarted.

Needs nothing of the system but the programs: neither its own server nor its users' rights.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.brokers import free_port, wait_until

PASSWORD = "postgres-canary"
"""Of the server's one user; it must show up nowhere but in the address."""

_USER = "bridge"
_SLOW = 30.0
"""Seconds that a start or an end may take on a busy machine."""
_AT_LEAST = 15


def postgres_programs() -> Path | None:
    """The directory with the newest server's programs that is installed; None if there is none."""
    places = [Path(found).parent for found in [shutil.which("postgres")] if found]
    # Debian keeps them out of PATH, so that several versions can be there.
    places += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: -float(place.parent.name)
    )
    whole = (place for place in places if (place / "initdb").exists())
    return next((place for place in whole if (place / "postgres").exists()), None)


def postgres_is_there() -> bool:
    """Whether the server and the library that talks to it are installed."""
    return postgres_programs() is not None and importlib.util.find_spec("psycopg") is not None


def make_cluster(place: Path) -> None:
    """Fill the empty directory `place` with a new database cluster, for servers to copy."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        work = Path(name)
        password = work / "password"
        password.write_text(f"{PASSWORD}\n")
        _give(work)
        subprocess.run(
            [
                _program("initdb"),
                *("-D", work / "data", "-U", _USER, "-A", "scram-sha-256"),
                *("--pwfile", password, "-E", "UTF8", "--locale=C.UTF-8", "--wal-segsize=1"),
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            timeout=120,
            cwd=work,
            **_as_user(),
        )
        shutil.copytree(work / "data", place / "data")


class PostgresServer:
    """A server of our own; `cluster` is what `make_cluster` filled (made anew without).

    It listens on `listen` (and to its subnet, if that is not loopback) with a port that stays the
    same over restarts. It only flushes what it writes if it is `durable`; `settings` are more
    lines of its configuration. Use it as a context manager.
    """

    def __init__(
        self,
        cluster: Path | None = None,
        *,
        listen: str = "127.0.0.1",
        durable: bool = False,
        settings: Sequence[str] = (),
    ) -> None:
        self._cluster = cluster
        self._listen = listen
        self._settings = [*settings]
        if not durable:
            self._settings += ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self.port = free_port()

    def __enter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="postgres-"))
        try:
            if self._cluster is None:
                make_cluster(self._directory)
            else:
                shutil.copytree(self._cluster / "data", self._data)
            if self._listen != "127.0.0.1":
                with (self._data / "pg_hba.conf").open("a") as file:
                    file.write("host all all samenet scram-sha-256\n")
            _give(self._directory)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None

    @property
    def _data(self) -> Path:
        if self._directory is None:
            raise RuntimeError("PostgreSQL was not set up")
        return self._directory / "data"

    @property
    def pid(self) -> int:
        """The id of the server's first process while it runs."""
        if self._process is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._process.pid

    @property
    def address(self) -> str:
        """Of the database that is always there, with the password."""
        return self.address_of("postgres")

    def address_of(self, database: str) -> str:
        """Of a database, with the password."""
        return f"postgresql://{_USER}:{PASSWORD}@{self._listen}:{self.port}/{database}"

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.address_of(name)

    def execute(self, sql: str, address: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement, in a connection of its own, and give the rows if it has any."""
        import psycopg

        with psycopg.connect(address or self.address, autocommit=True, connect_timeout=10) as found:
            cursor = found.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start it and wait until it serves."""
        log = self._data.with_name("log")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    _program("postgres"),
                    *("-D", self._data, "-p", str(self.port), "-k", self._data.parent),
                    *("-c", f"listen_addresses={self._listen}"),
                    # Many servers at a time must not use up the machine's shared memory.
                    *("-c", "shared_buffers=16MB", "-c", "max_connections=50"),
                    *itertools.chain.from_iterable(("-c", each) for each in self._settings),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._data,
                **_as_user(),
            )
        try:
            wait_until(self._serves, _SLOW, "PostgreSQL serves")
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order; every connection is closed."""
        if self._process is None:
            return
        # What is stopped takes no signal but SIGKILL.
        self.thaw()
        self._process.send_signal(signal.SIGINT)
        self._ended()

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        if self._process is None:
            return
        # Whoever is frozen starts nothing new meanwhile.
        self._signal(signal.SIGSTOP)
        processes = self._processes()
        for process in reversed(processes):
            _send(process, signal.SIGKILL)
        self._ended()
        wait_until(lambda: not any(map(_lives, processes)), _SLOW, "PostgreSQL is gone")

    def restart(self) -> None:
        """End it in order and start it again, on the same port."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop all its processes: connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _serves(self) -> bool:
        import psycopg

        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"PostgreSQL did not start:\n{self._log()}")
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _log(self) -> str:
        return self._data.with_name("log").read_text(errors="replace")[-4000:]

    def _signal(self, number: signal.Signals) -> None:
        # The first process starts the others, so it comes first.
        _send(self.pid, number)
        for process in self._processes()[1:]:
            _send(process, number)

    def _processes(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        try:
            return [self.pid, *map(int, children.read_text().split())]
        except OSError:
            return [self.pid]

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait(_SLOW)
            self._process = None


def _program(name: str) -> Path:
    programs = postgres_programs()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed")
    return programs / name


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as, since it refuses root; None for ourselves."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else None


def _as_user() -> dict[str, Any]:
    owner = _owner()
    if owner is None:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _give(directory: Path) -> None:
    owner = _owner()
    if owner is not None:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)


def _send(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
