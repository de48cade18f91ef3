"""`shelly-bridge simulate`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from bridge.simulator.command import add_arguments, describe, host_names, populate, run
from bridge.simulator.world import World
from bridge.threads import Deadline
from tests.simulator.client import LIMIT, Client
from tests.simulator.test_consent import Receiver, serving


def arguments(*texts: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["--port", "0", *texts])


def test_it_says_what_to_configure_and_ends_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "made"
    assert run(arguments("--seconds", "0.1", "--devices", "3", "--directory", str(directory))) == 0
    text = capsys.readouterr().out
    block = text[text.index("integrator:") : text.index("\n\n", text.index("integrator:"))]
    config = yaml.safe_load(block)["integrator"]
    assert config["ca_file"] == str(directory / "ca.pem")
    assert config["trust_key_file"] == str(directory / "trust-key.pem")
    assert config["hosts"] == config["allowed_hosts"] == ["localhost"]
    assert config["api_url"] == f"https://localhost:{config['wss_port']}"
    assert config["tag"]
    assert config["token"]
    assert len([line for line in text.splitlines() if line.endswith("  localhost")]) == 3


def test_what_it_says_works() -> None:
    with World(host_names(1)) as world:
        populate(world, 2)
        assert f"  wss_port: {world.port}\n" in describe(world)
        with Client(world, "localhost") as client:
            assert client.verify(world.devices[0])["result"] == "OK"


def test_names_that_this_machine_does_not_know_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(host: str, _port: object) -> list[object]:
        if host != "localhost":
            raise socket.gaierror
        return []

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with World(host_names(3)) as world:
        assert "\n127.0.0.1 shelly-2.localhost shelly-3.localhost\n" in describe(world)
    with World(host_names(1)) as world:
        assert "/etc/hosts" not in describe(world)


def test_devices_are_spread_over_hosts_and_models() -> None:
    world = World(host_names(4))
    populate(world, 40)
    world.stop()
    hosts = [device.host for device in world.devices]
    assert {hosts.count(host) for host in hosts} == {10}
    assert len({device.code for device in world.devices}) > 15


def test_a_load_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments("--seconds", "0.2", "--rate", "100", "--devices", "5")) == 0
    assert "0 events sent, 0 held back" in capsys.readouterr().out


@pytest.mark.parametrize("page", [False, True])
def test_consents_are_given(capsys: pytest.CaptureFixture[str], page: bool) -> None:
    with serving(Receiver()) as receiver:
        url = receiver.url
        if page:
            url = f"https://my.shelly.cloud/integrator.html?itg=A&cb={quote(url, safe='')}"
        command = arguments("--devices", "4", "--consent", url, "--seconds", str(LIMIT))
        thread = threading.Thread(target=interrupt_when, args=(receiver, 4))
        thread.start()
        assert run(command) == 0
        thread.join()
    assert len(receiver.seen) == 4
    assert "secret" not in "".join(capsys.readouterr())


def interrupt_when(receiver: Receiver, count: int) -> None:
    deadline = Deadline(LIMIT)
    pause = threading.Event()
    while len(receiver.seen) < count and not deadline.passed:
        pause.wait(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_a_callback_that_does_not_answer_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    url = "http://127.0.0.1:1/consent/secret"
    assert run(arguments("--devices", "2", "--consent", url, "--seconds", "0.3")) == 0
    said = capsys.readouterr().err
    assert said.count("was not answered") == 1
    assert "secret" not in said


def test_signals_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    run(arguments("--seconds", "0.01"))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_what_goes_wrong_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with World() as world:
        taken = arguments("--seconds", "1")
        taken.port = world.port
        assert run(taken) == 1
    (tmp_path / "file").write_text("")
    assert run(arguments("--directory", str(tmp_path / "file" / "below"))) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("shelly-bridge simulate: cannot ") for line in lines)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--port", "99999"],
        *(["--hosts", "0"], ["--devices", "x"], ["--rate", "0"], ["--rate", "nan"]),
        *(["--consent", "ftp://x/"], ["--consent", "http://[/"], ["--consent", "nonsense"]),
    ],
)
def test_wrong_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments(*wrong)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
