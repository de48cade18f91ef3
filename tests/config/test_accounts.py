"""Accounts: a list of entries with names, each with the keys of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bridge.config import Config, load
from tests.config.conftest import Problems

BASE = "mqtt: {host: broker}\n"
SHA1 = hashlib.sha1(b"canary", usedforsecurity=False).hexdigest()
ENVIRON = {"HOME": "/home/x"}

Read = Callable[..., Config]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Loads accounts, without any other source."""

    def read(accounts: str, environ: Mapping[str, str] = ENVIRON) -> Config:
        file = tmp_path / "config.yaml"
        file.touch(mode=0o600)
        file.write_text(f"{BASE}accounts: {accounts}\n")
        return load(file, environ)

    return read


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text("canary\n")
    return file


def test_an_account_needs_nothing_but_a_name(read: Read) -> None:
    loaded = read("[{name: home}, {name: cabin-2}]")
    assert list(loaded.accounts) == ["home", "cabin-2"]
    home = loaded.accounts["home"]
    assert (home.email, home.sha1, home.client_id) == (None, None, "shelly-diy")
    assert (home.allowed_hosts, home.wss_port) == (("*.shelly.cloud",), 6113)


def test_the_password_gives_its_sha1_and_both_are_secrets(read: Read, password: Path) -> None:
    text = f"[{{name: home, email: a@example.org, password_file: {password}}}]"
    loaded = read(text)
    sha1 = loaded.accounts["home"].sha1
    assert sha1 is not None
    assert sha1.reveal() == SHA1
    assert set(loaded.secrets()) == {"canary", SHA1}
    assert "canary" not in repr(loaded)
    assert SHA1 not in repr(loaded)


def test_the_sha1_alone_will_do(read: Read, password: Path) -> None:
    password.write_text(SHA1.upper())
    text = f"[{{name: home, email: a@example.org, password_sha1_file: {password}}}]"
    sha1 = read(text).accounts["home"].sha1
    assert sha1 is not None
    assert sha1.reveal().lower() == SHA1


def test_variables_reach_an_account_in_the_list(read: Read, password: Path) -> None:
    environ = {
        **ENVIRON,
        "SHELLY_BRIDGE_ACCOUNTS__HOME__EMAIL": "b@example.org",
        "SHELLY_BRIDGE_ACCOUNTS__HOME__PASSWORD_FILE": str(password),
        "SHELLY_BRIDGE_ACCOUNTS__CABIN__WSS_PORT": "6114",
    }
    loaded = read("[{name: home, email: a@example.org}]", environ)
    assert loaded.accounts["home"].email == "b@example.org"
    assert loaded.accounts["cabin"].wss_port == 6114


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accounts: home", "accounts: must be a list, each entry beginning with `- name:`"),
        ("accounts: [home]", "accounts.1: needs a name: `- name: home`"),
        ("accounts: [{name: }]", "accounts.1: needs a name: `- name: home`"),
        ("accounts: [{name: [a]}]", "accounts.1: needs a name: `- name: home`"),
        ("accounts: [{name: a}, {name: a}]", "accounts.2: has the name of another one"),
        ("accounts: [{name: a.b}]", "accounts.a.b: must be made of letters a-z"),
        ("accounts: [{name: -a}]", "accounts.-a: must be made of letters a-z"),
        ("accounts: [{name: outbound}]", "accounts.outbound: outbound is the name of another"),
        ("accounts: [{name: a, password: canary}]", "accounts.a.password: unknown key"),
        ("accounts: [{name: a, email: x}]", "accounts.a.email: needs password_file or"),
        ("accounts: [{name: a, allowed_hosts: []}]", "accounts.a.allowed_hosts: must allow"),
        ("accounts: [{name: a, api_url: 'http://x'}]", "accounts.a.api_url: must begin with https"),
        ("accounts: [{name: a, native_rpc: maybe}]", "accounts.a.native_rpc: must be true or"),
        ("accounts: []", "no source: add an `accounts:`"),
        ("accounts:", "no source: add an `accounts:`"),
    ],
)
def test_what_is_wrong_is_said(problems: Problems, text: str, said: str) -> None:
    found = problems(BASE + text)
    assert any(said in line for line in found), found
    assert "canary" not in "".join(found)


def test_passwords_that_do_not_fit(problems: Problems, password: Path) -> None:
    for keys, said in (
        (f"password_file: {password}", "email: is missing"),
        (
            f"email: x, password_file: {password}, password_sha1_file: {password}",
            "must hold a SHA-1",
        ),
        (f"email: x, password_sha1_file: {password}", "password_sha1_file: must hold a SHA-1"),
    ):
        (found, *_) = problems(f"{BASE}accounts: [{{name: a, {keys}}}]")
        assert said in found
        assert "canary" not in found
    password.write_text(SHA1)
    keys = f"email: x, password_file: {password}, password_sha1_file: {password}"
    (found,) = problems(f"{BASE}accounts: [{{name: a, {keys}}}]")
    assert "give only one of" in found
