"""`check` and the listener for devices: its port, its certificate, what to enter in a device."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import config
from bridge.app import Bridge
from bridge.cli import outbound_check
from bridge.store import Store
from tests.brokers import free_port, make_certificate, wait_until
from tests.cli.conftest import Cli, Configure
from tests.cli.test_check import rows


@pytest.fixture
def listening(reachable: Configure) -> Callable[..., tuple[Path, int]]:
    def make(**values: str | Path) -> tuple[Path, int]:
        port = free_port()
        given = {"outbound__enabled": "true", "outbound__listen": f"127.0.0.1:{port}", **values}
        return reachable(**given), port

    return make


Listening = Callable[..., tuple[Path, int]]


def test_a_port_that_is_free_and_what_devices_connect_to(cli: Cli, listening: Listening) -> None:
    file, port = listening()
    result = cli("check", "-c", file)
    assert (result.code, result.err) == (0, "")
    word, details = rows(result)["outbound"]
    assert word == "ok"
    assert "the port is free" in details
    assert f"ws://127.0.0.1:{port}/shelly/<secret>" in details
    with Store.open(file.parent / "data", exclusive=False) as store:
        secret = store.outbound_secret
    assert secret not in result.out
    shown = cli("check", "--show-secret", "-c", file)
    assert f"ws://127.0.0.1:{port}/shelly/{secret}" in rows(shown)["outbound"][1]


def test_a_port_that_the_running_bridge_has(cli: Cli, listening: Listening) -> None:
    file, _ = listening()
    bridge = Bridge(config.load(file, {}))
    try:
        bridge.start()
        wait_until(lambda: bridge.failed_parts() == [])
        result = cli("check", "-c", file)
    finally:
        bridge.stop()
    assert result.code == 0
    assert "the bridge listens there" in rows(result)["outbound"][1]


def test_a_port_that_somebody_else_has(cli: Cli, listening: Listening) -> None:
    file, port = listening()
    with socket.create_server(("127.0.0.1", port)):
        result = cli("check", "-c", file)
    assert result.code == 1
    word, details = rows(result)["outbound"]
    assert word == "failed"
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in details


def test_an_address_that_this_machine_does_not_have(cli: Cli, listening: Listening) -> None:
    file, _ = listening(outbound__listen="192.0.2.1:8082")
    word, details = rows(cli("check", "-c", file))["outbound"]
    assert word == "failed"
    assert "cannot listen on 192.0.2.1:8082" in details


def test_a_certificate(cli: Cli, listening: Listening, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    cert, key = make_certificate(tmp_path / "made")
    file, port = listening(outbound__tls__cert_file=cert, outbound__tls__key_file=key)
    result = cli("check", "-c", file)
    assert result.code == 0
    assert f"wss://127.0.0.1:{port}/shelly/" in rows(result)["outbound"][1]
    key.write_text("nothing of use")
    result = cli("check", "-c", file)
    assert result.code == 1
    assert "are not a certificate and its key" in rows(result)["outbound"][1]


def test_where_it_does_not_listen_nothing_is_said(cli: Cli, reachable: Configure) -> None:
    assert "outbound" not in rows(cli("check", "-c", reachable()))


def test_a_listener_for_all_names_an_address_that_others_can_reach(
    cli: Cli, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_check, "_own_address", lambda _: "2001:db8::5")
    port = free_port()
    file, _ = listening(outbound__listen=f"0.0.0.0:{port}")
    details = rows(cli("check", "-c", file))["outbound"][1]
    assert f"ws://[2001:db8::5]:{port}/shelly/" in details
