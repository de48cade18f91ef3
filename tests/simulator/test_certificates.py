"""Certificates of the simulated servers."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from bridge.simulator.certificates import Authority, write_private
from bridge.simulator.world import World
from tests.simulator.client import LIMIT


def test_files_are_private_and_the_authority_key_is_not_among_them(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.certify(authority.server_context(), ["a.shelly.cloud"])
    assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "server.pem"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert b"PRIVATE" not in (tmp_path / "ca.pem").read_bytes()


def test_a_file_that_was_readable_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(0o644)
    write_private(path, b"after")
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("strict", [False, True])
def test_every_name_of_the_world_is_certified(strict: bool) -> None:
    with World(["shelly-9-sim.shelly.cloud", "shelly-2.localhost"]) as world:
        world.add_host("later.shelly.cloud")
        context = ssl.create_default_context(cafile=str(world.ca_file))
        if strict:
            context.verify_flags |= ssl.VERIFY_X509_STRICT
        names = [host.name for host in world.hosts]
        for name in (*names, "localhost", "127.0.0.1"):
            plain = socket.create_connection(("127.0.0.1", world.port), LIMIT)
            with context.wrap_socket(plain, server_hostname=name):
                pass
        plain = socket.create_connection(("127.0.0.1", world.port), LIMIT)
        with plain, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname="other.shelly.cloud")
