"""`init` with `--set` and without a terminal: nothing is asked, nothing is guessed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import config
from bridge.config import environment
from tests.cli.conftest import Cli, Result

LOCAL = ("--set", "mqtt.host=broker.lan", "--set", "outbound.enabled=true")


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_what_is_given_is_written_for_its_owner_only(cli: Cli, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        result = cli("init", *LOCAL, "--set", "mqtt.base_topic=home/shelly")
    finally:
        os.umask(before)
    assert (result.code, result.err) == (0, "")
    assert files(tmp_path) == {"config.yaml"}
    assert stat.S_IMODE((tmp_path / "config.yaml").stat().st_mode) == 0o600
    made = config.load(tmp_path / "config.yaml", {"HOME": "/home/x"})
    assert made.mqtt.host == "broker.lan"
    assert made.mqtt.base_topic == "home/shelly"
    assert made.outbound.enabled
    assert made.integrator is None
    # The rest is there with its explanation.
    assert "# the first level(s) of all our topics" in (tmp_path / "config.yaml").read_text()
    assert "\n  shelly-bridge check  " in result.out
    assert "\n  http://127.0.0.1:8080/ " in result.out


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (["accounts.home.include_shared=true"], "shelly-bridge login home"),
        (["accounts.home.email=a@example.org", "accounts.home.password_file=secret"], ""),
        (
            [
                "integrator.tag=ITG_TEST",
                "integrator.token_file=secret",
                "web.public.url=https://x.example.org",
            ],
            "shelly-bridge consent-url",
        ),
        (["integrator.tag=ITG_TEST", "integrator.token_file=secret"], "web.public.url"),
        (["outbound.enabled=yes"], "shelly-bridge enroll"),
    ],
)
def test_every_source_alone_is_enough(
    cli: Cli, tmp_path: Path, values: list[str], step: str
) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("canary-secret\n")
    pairs = [part for value in ("mqtt.host=localhost", *values) for part in ("--set", value)]
    result = cli("init", "-o", tmp_path / "made.yaml", *pairs)
    assert (result.code, result.err) == (0, "")
    assert config.load(tmp_path / "made.yaml", {"HOME": "/home/x"}).warnings == ()
    assert step in result.out
    assert f"shelly-bridge run -c {tmp_path / 'made.yaml'}" in result.out
    assert "canary" not in result.out


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ([], ["mqtt.host", "outbound.enabled=true"]),
        (["mqtt.host=localhost"], ["accounts.home.email"]),
        (["outbound.enabled=true"], ["mqtt.host=localhost"]),
        (["mqtt.host=localhost", "outbound.enabled=false"], ["integrator.tag=TAG"]),
        (["mqtt.host=localhost", "integrator.tag=x"], ["integrator.token_file=FILE"]),
        (["mqtt.host=x", "integrator.wss_port=1"], ["integrator.tag", "integrator.token_file"]),
    ],
)
def test_what_is_missing_is_named(
    cli: Cli, tmp_path: Path, given: list[str], missing: list[str]
) -> None:
    result = cli("init", *[part for value in given for part in ("--set", value)])
    assert result.code == 2
    assert "nobody can be asked" in result.complaints[-1]
    for name, complaint in zip(missing, result.complaints[:-1], strict=True):
        assert name in complaint
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("mqtt.port=high", "--set mqtt.port: must be a whole number from 1 to 65535"),
        ("mqtt.hots=x", "--set mqtt.hots: unknown key; did you mean mqtt.host?"),
        ("accounts.home.emial=x", "did you mean accounts.home.email?"),
        ("accounts.My Home.email=x", "--set accounts.My…: the name must be made of letters"),
        ("mqtt.tls.ca_file=missing.pem", "missing.pem cannot be read"),
        ("web.admin.listen=0.0.0.0:8080", "any other address than loopback needs"),
        ("mqtt.password=canary-secret", "write the secret to a file, and give mqtt.password_file"),
        ("integrator.token=canary-secret", "and give integrator.token_file"),
        ("outbound.secret=canary-secret-of-16", "and give outbound.secret_file"),
        ("accounts.home.password=canary-secret", "--set accounts.home.password: unknown key"),
    ],
)
def test_a_wrong_value_gets_a_sentence_and_nothing_is_written(
    cli: Cli, tmp_path: Path, value: str, complaint: str
) -> None:
    result = cli("init", *LOCAL, "--set", value)
    assert result.code == 2
    assert any(complaint in line for line in result.complaints), result.err
    assert "canary" not in result.err + result.out
    assert files(tmp_path) == set()


def test_a_pair_without_equals_is_not_repeated(cli: Cli) -> None:
    result = cli("init", "--set", "canary-secret")
    assert result.code == 2
    assert "must be KEY=VALUE" in result.err
    assert "canary" not in result.err


def refused(result: Result, *words: str) -> None:
    (complaint,) = result.complaints
    assert result.code == 1
    assert all(word in complaint for word in words)


def test_a_file_that_is_there_is_overwritten_only_if_that_is_asked_for(
    cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mine\n")
    file.chmod(0o644)
    refused(cli("init", *LOCAL), "is there already", "-o", "--force")
    assert file.read_text() == "mine\n"
    assert cli("init", "--force", *LOCAL).code == 0
    assert "broker.lan" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert files(tmp_path) == {"config.yaml"}


def test_a_link_that_leads_nowhere_is_not_followed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").symlink_to(tmp_path / "elsewhere")
    refused(cli("init", *LOCAL), "is there already")
    assert files(tmp_path) == {"config.yaml"}


def test_a_place_that_is_of_no_use_is_told_at_once(cli: Cli, tmp_path: Path) -> None:
    refused(cli("init", "-o", tmp_path, *LOCAL), "is a directory")
    refused(cli("init", "-o", "no/where.yaml", *LOCAL), "there is no directory")


def test_the_variable_names_the_file(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environment.CONFIG, str(tmp_path / "named.yaml"))
    result = cli("init", *LOCAL)
    assert files(tmp_path) == {"named.yaml"}
    # Every command finds it by itself.
    assert " -c " not in result.out


def test_who_runs_it_for_a_service_is_reminded(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "A service that runs as another user" in cli("init", *LOCAL).out
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "A service" not in cli("init", "--force", *LOCAL).out


def test_without_a_terminal_nothing_is_read(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "init", "-o", tmp_path / "config.yaml"],
        input="y\n" * 50,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "this is no terminal" in done.stderr
    assert files(tmp_path) == set()
