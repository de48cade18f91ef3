"""The disk is full, read-only or out of reach: what cannot be stored is not confirmed.

Everything else goes on, the log says it once, and all is well when there is space again.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import ClassVar

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import Peer, wait_until
from tests.system.process import BridgeProcess, quiet_port, wait_healthy
from tests.system.rig import callback_path, store_grants, write_config

RELAY = "SNSW-001P16EU"
MOST = 60
"""Consents after which what is left of a disk must be used up."""
WRITER = "it will be tried again"


class Disk:
    """Where the registry is, and how it fails."""

    name = ""
    environment: ClassVar[Mapping[str, str]] = {}
    fills = True
    """Whether consents are refused sooner or later."""

    bridge: BridgeProcess

    def __init__(self, place: Path) -> None:
        self.place = place

    def prepare(self, stack: ExitStack) -> None:
        """Before anything is stored."""

    def fail(self) -> None:
        """From now on nothing can be written."""
        self.bridge.arm()

    def heal(self) -> bool:
        """Let it work again; tells whether that is possible."""
        self.bridge.arm()
        return True


class FileLimit(Disk):
    """Files cannot grow, which anybody can have: SQLite says `disk I/O error`."""

    name = "no file grows"
    environment: ClassVar = {"LARGEST_FILE": "65536"}


class ReadOnly(Disk):
    """SQLite's own word for a registry that cannot be written to."""

    name = "read-only"
    environment: ClassVar = {"READ_ONLY": "yes"}

    def heal(self) -> bool:
        return False


class Forbidden(Disk):
    """The permissions are taken away; whoever has the files open may go on with them."""

    name = "permission lost"
    fills = False

    def fail(self) -> None:
        for path in (*self.place.iterdir(), self.place):
            path.chmod(0)

    def heal(self) -> bool:
        self.place.chmod(0o700)
        for path in self.place.iterdir():
            path.chmod(0o600)
        return True


class FullDisk(Disk):
    """A file system of its own, with a file that takes all the space."""

    name = "full"

    def prepare(self, stack: ExitStack) -> None:
        mount(self.place, stack)

    def fail(self) -> None:
        fill(self.place)

    def heal(self) -> bool:
        (self.place / "filler").unlink()
        return True


def mount(place: Path, stack: ExitStack, options: str = "size=1m") -> None:
    """A small file system, in memory."""
    place.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"{options},mode=700", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount can have a disk that is full; the other ways are tested")
    stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> None:
    """Take all the space."""
    with (place / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"x" * 4096):
            pass
    assert os.statvfs(place).f_bavail == 0


class System:
    """The bridge as a process, and what is around it."""

    def __init__(self, directory: Path, stack: ExitStack, disk: Disk) -> None:
        self.directory = directory
        self.disk = disk
        disk.prepare(stack)
        self.world = stack.enter_context(World())
        self.broker = stack.enter_context(Broker())
        self.peer = stack.enter_context(Peer(self.broker.port, "shelly/#"))
        self.relay = self.world.add_device(RELAY)
        store_grants(directory, [self.relay])
        self.public = quiet_port()
        self.config = write_config(
            self.world,
            self.broker.port,
            directory,
            web__public__listen=f"127.0.0.1:{self.public}",
        )
        self.callback = f"http://127.0.0.1:{self.public}{callback_path(directory)}"
        self.confirmed = [self.relay]
        self.refused: list[Device] = []

    def consent(self) -> int:
        """The owner of another device grants it; the HTTP status."""
        device = self.world.add_device(RELAY, granted=False)
        status = self.world.grant_by_callback(device, self.callback).status
        assert status in (200, 503)
        (self.confirmed if status == 200 else self.refused).append(device)
        return status

    def check_bridging(self) -> None:
        """What devices say comes through, and commands reach them."""
        topic = f"shelly/{self.relay.hex_id}/relay/0"
        before = len(self.relay.received)
        self.peer.publish(f"{topic}/set", "TOGGLE")
        wait_until(lambda: len(self.relay.received) == before + 1, 10, "the command came")
        state = b'"ON"' if self.relay.status()["switch:0"]["output"] else b'"OFF"'
        wait_until(lambda: state in self.peer.values[topic], 10, "the state came")

    def stored(self) -> set[str]:
        """The devices of the registry."""
        with Store.open(self.directory / "data", exclusive=True) as store:
            return {str(grant.device) for grant in store.grants()}


@pytest.fixture(params=[FileLimit, ReadOnly, Forbidden, FullDisk], ids=lambda kind: kind.name)
def system(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[System]:
    with ExitStack() as stack:
        yield System(tmp_path, stack, request.param(tmp_path / "data"))


def test_what_cannot_be_stored_is_not_confirmed_and_all_else_goes_on(system: System) -> None:
    disk = system.disk
    with BridgeProcess(system.config, **disk.environment) as bridge:
        disk.bridge = bridge
        wait_healthy(system.public, 20)
        wait_until(lambda: system.peer.values.get(f"shelly/{system.relay.hex_id}/relay/0"), 20)
        assert system.consent() == 200
        disk.fail()
        for _ in range(MOST):
            if system.consent() == 503:
                break
        assert bool(system.refused) is disk.fills
        system.check_bridging()
        wait_healthy(system.public)
        if disk.heal():
            assert system.consent() == 200
        system.check_bridging()
        bridge.kill()
    assert system.stored() == {device.hex_id for device in system.confirmed}
    errors = [line for line in bridge.log.splitlines() if " ERROR " in line]
    refusals = [line for line in errors if "it could not be stored" in line]
    assert len(refusals) == len(system.refused)
    assert len([line for line in errors if WRITER in line]) <= 1
    assert len(errors) <= len(refusals) + 1
    assert "Traceback" not in bridge.log


@pytest.mark.parametrize("left", [0, 4_096, 8_192])
def test_a_start_on_a_full_disk_is_no_fault_of_the_configuration(tmp_path: Path, left: int) -> None:
    with ExitStack() as stack:
        system = System(tmp_path, stack, FullDisk(tmp_path / "data"))
        fill(tmp_path / "data")
        filler = tmp_path / "data" / "filler"
        os.truncate(filler, filler.stat().st_size - left)
        check_start(system.config, {}, "disk")
        filler.unlink()
        with BridgeProcess(system.config):
            wait_healthy(system.public, 20)


def test_a_start_where_no_file_grows_is_no_fault_of_the_configuration(tmp_path: Path) -> None:
    with ExitStack() as stack:
        system = System(tmp_path, stack, Disk(tmp_path / "data"))
        check_start(system.config, {"LARGEST_FILE_AT_START": "16384"}, "disk I/O error")


def check_start(config: Path, environment: dict[str, str], said: str) -> None:
    """It ends at once, with one clear line, and the service manager may try again."""
    with BridgeProcess(config, **environment) as bridge:
        assert bridge.running.wait(20) == 1
        (line,) = bridge.log.splitlines()
        assert str(config.parent / "data") in line
        assert said in line
