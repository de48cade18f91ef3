"""`shelly-bridge simulate`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import threading
from pathlib import Path
from urllib.parse import quote

import jwt
import pytest
import yaml

from bridge.simulator.command import add_arguments, describe, host_names, populate, run
from bridge.simulator.world import World
from bridge.threads import Deadline
from tests.simulator.account_client import login
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


def test_accounts_are_made_with_a_password_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = tmp_path / "chosen"
    chosen.write_text("my own\n")
    directory = tmp_path / "made"
    options = ["--account", "a@example.org", "--account", f"b@example.org={chosen}"]
    said = []
    for _ in range(2):
        assert run(arguments(*options, "--seconds", "0", "--directory", str(directory))) == 0
        text = capsys.readouterr().out
        block = text[text.index("accounts:") : text.index("\n\n", text.index("accounts:"))]
        said.append(yaml.safe_load(block)["accounts"])
    first, second = said[1]
    made = directory / "account-1-password"
    assert (first["email"], first["password_file"]) == ("a@example.org", str(made))
    assert (second["email"], second["password_file"]) == ("b@example.org", str(chosen))
    assert first["name"] != second["name"]
    assert first["allowed_hosts"] == ["localhost"]
    assert first["api_url"] == f"https://localhost:{first['wss_port']}"
    assert f"{first['api_url']}/oauth_login.html" in text
    assert made.stat().st_mode & 0o777 == 0o600
    password = made.read_text().strip()
    assert len(password) > 10
    assert password not in text
    assert "my own" not in text


def test_devices_belong_to_the_accounts_at_their_host() -> None:
    with World(host_names(2), ports_in_urls=True) as world:
        accounts = [
            world.add_account(f"{number}@example.org", host=host_names(2)[number % 2])
            for number in range(3)
        ]
        populate(world, 12)
        assert [len(account.devices) for account in accounts] == [3, 6, 3]
        assert all(device.granted for device in world.devices)
        status, answer = login(world, accounts[0])
        assert status == 200
        code = jwt.decode(answer["data"]["code"], options={"verify_signature": False})
        assert code["user_api_url"] == world.api_url


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_password_that_cannot_be_read_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    assert run(arguments("--account", f"a@example.org={file}")) == 1
    assert str(file) in capsys.readouterr().err
    same = ["--account", "a@example.org"] * 2
    assert run(arguments(*same)) == 1
    assert "there is an account a@example.org already" in capsys.readouterr().err


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
        *(["--account", "nobody"], ["--account", "@x"], ["--account", "a@b="]),
        *(["--consent", "ftp://x/"], ["--consent", "http://[/"], ["--consent", "nonsense"]),
    ],
)
def test_wrong_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments(*wrong)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
