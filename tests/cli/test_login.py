"""`login`: an address out, an address in, tokens in the registry; with and without a bridge."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from bridge.cli.login import read_code
from bridge.config.example import render
from bridge.errors import PeerError
from bridge.simulator.account import Account
from bridge.simulator.account_faults import Answer, Asked
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import free_port
from tests.cli.conftest import Cli, Result

Paste = Callable[[str], str]
"""From the printed address to what is pasted."""


@pytest.fixture
def world() -> Iterator[World]:
    with World(["localhost"], ports_in_urls=True) as running:
        yield running


@pytest.fixture
def account(world: World) -> Account:
    return world.add_account("somebody@example.org", "canary-password")


@pytest.fixture
def config(tmp_path: Path, world: World) -> Path:
    file = tmp_path / "bridge.yaml"
    file.touch(mode=0o600)
    given = {
        "mqtt.host": "127.0.0.1",
        "mqtt.port": str(free_port()),
        "accounts.home.ca_file": str(world.ca_file),
        "accounts.home.api_url": world.api_url,
        "accounts.home.wss_port": str(world.port),
        "accounts.home.allowed_hosts": "localhost",
        "web.admin.listen": "127.0.0.1:8081",
        "accounts.home.login_page": world.login_url,
        "data_dir": str(tmp_path / "data"),
    }
    file.write_text(render(given))
    return file


class Person(io.TextIOBase):
    """Sits at standard input: reads what was printed, and pastes something."""

    def __init__(self, paste: Paste, printed: Callable[[], str]) -> None:
        self._paste = paste
        self._printed = printed
        self.saw = ""

    def readline(self, _: int | None = -1) -> str:  # type: ignore[override]  # as it is called
        self.saw = self._printed()
        (address,) = (line.strip() for line in self.saw.splitlines() if "oauth_login" in line)
        return self._paste(address)


@pytest.fixture
def log_in(
    cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Paste], Result]:
    def run(paste: Paste) -> Result:
        person = Person(paste, lambda: capsys.readouterr().out)
        monkeypatch.setattr(sys, "stdin", person)
        result = cli("login", "home", "-c", config)
        return Result(result.code, person.saw + result.out, result.err)

    return run


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def shellys_page(account: Account) -> Paste:
    """Somebody logs in there; the address that the browser ends at."""

    def paste(address: str) -> str:
        asked = query_of(address)
        return f"{asked['redirect_uri']}?code={account.make_code()}&state={asked['state']}\n"

    return paste


def stored(tmp_path: Path) -> tuple[int, str, str]:
    with Store.open(tmp_path / "data", exclusive=False) as store:
        login = store.login("home")
    return login.count, login.access, login.refresh


def test_the_pasted_address_logs_in(
    log_in: Callable[[Paste], Result], account: Account, tmp_path: Path
) -> None:
    result = log_in(shellys_page(account))
    assert (result.code, result.err) == (0, "")
    assert "Logged in to account home" in result.out
    count, access, refresh = stored(tmp_path)
    assert (count, bool(access), refresh) == (1, True, account.refresh_token)
    for secret in account.secrets:
        assert secret not in result.out
    assert (tmp_path / "data" / "registry.db").stat().st_mode & 0o777 == 0o600


def test_the_address_names_our_page_and_needs_no_encoding(
    log_in: Callable[[Paste], Result], account: Account, world: World
) -> None:
    seen: list[dict[str, str]] = []

    def paste(address: str) -> str:
        assert address.startswith(f"{world.login_url}?client_id=")
        seen.append(query_of(address))
        return account.make_code()

    assert log_in(paste).code == 0
    (asked,) = seen
    assert asked["client_id"] == "shelly-diy"
    assert asked["redirect_uri"] == "http://127.0.0.1:8081/login/home/callback"
    assert quote(asked["state"], safe="") == asked["state"]


def test_somebody_elses_login_is_told(
    log_in: Callable[[Paste], Result], account: Account, world: World
) -> None:
    other = world.add_account("other@example.org", "canary-other")
    assert "another user" not in log_in(shellys_page(account)).out
    result = log_in(shellys_page(other))
    assert (result.code, "another user's now" in result.out) == (0, True)


def test_a_login_while_a_bridge_has_the_registry(
    log_in: Callable[[Paste], Result], account: Account, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "data", exclusive=True) as store:
        assert log_in(shellys_page(account)).code == 0
        assert store.login("home").count == 1
    assert log_in(shellys_page(account)).code == 0
    assert stored(tmp_path)[0] == 2


@pytest.mark.parametrize(
    ("paste", "said"),
    [
        (lambda _: "", "nothing was pasted"),
        (lambda _: "\n", "nothing was pasted"),
        (lambda _: "canary-nonsense\n", "no code of Shelly's login page"),
        (lambda _: "http://127.0.0.1/?state=x", "no code in this address"),
        (lambda _: "http://127.0.0.1/?code=canary-x&state=x", "belongs to another login"),
        (lambda _: "http://127.0.0.1/?code=canary-x", "belongs to another login"),
        (lambda _: "http://[/?code=canary-x", "no code in this address"),
    ],
)
def test_what_was_pasted_wrongly_is_told(
    log_in: Callable[[Paste], Result], tmp_path: Path, paste: Paste, said: str
) -> None:
    result = log_in(paste)
    assert result.code == 1
    (complaint,) = result.complaints
    assert said in complaint
    assert "canary" not in complaint
    assert stored(tmp_path) == (0, "", "")


def test_a_code_that_the_cloud_does_not_take(
    log_in: Callable[[Paste], Result], account: Account, tmp_path: Path
) -> None:
    code = account.make_code()
    assert log_in(lambda _: code).code == 0
    result = log_in(lambda _: code)
    assert result.code == 1
    assert "does not take this code" in result.complaints[0]
    assert code not in result.err
    assert stored(tmp_path)[0] == 1


@pytest.mark.parametrize("answer", [Answer.ERROR_500, Answer.HTML, Answer.LIST, Answer.NOT_A_JWT])
def test_a_cloud_that_answers_oddly(
    log_in: Callable[[Paste], Result], account: Account, tmp_path: Path, answer: Answer
) -> None:
    account.faults.answers[Asked.CODE] = answer
    result = log_in(shellys_page(account))
    assert (result.code, len(result.complaints)) == (1, 1)
    assert stored(tmp_path) == (0, "", "")


def test_a_foreign_host_in_the_code_is_never_asked(
    log_in: Callable[[Paste], Result], account: Account, world: World
) -> None:
    account.faults.code_claims["user_api_url"] = "https://evil.example.org"
    result = log_in(shellys_page(account))
    assert result.code == 1
    assert "allowed_hosts" in result.complaints[0]
    assert not account.counters.count(Asked.CODE)
    assert world.port


def test_an_account_that_is_not_configured(cli: Cli, config: Path) -> None:
    result = cli("login", "cabin", "-c", config)
    assert result.code == 2
    assert result.complaints == [
        "shelly-bridge: there is no account 'cabin' in the configuration; there are: home"
    ]


def test_nothing_secret_is_logged(
    log_in: Callable[[Paste], Result], account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log_in(shellys_page(account))
    assert all(secret not in caplog.text for secret in account.secrets)


def test_check_tries_an_account(
    cli: Cli, config: Path, log_in: Callable[[Paste], Result], account: Account
) -> None:
    before = cli("check", "-c", config).out
    assert "log in: shelly-bridge login home, or http://127.0.0.1:8081/login/home" in before
    log_in(shellys_page(account))
    after = cli("check", "-c", config).out
    assert "logged in; localhost is reachable" in after
    assert not account.counters.opened


def test_check_counts_wrong_passwords(
    cli: Cli, config: Path, account: Account, tmp_path: Path
) -> None:
    """Who checks again and again must not lock the account."""
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("canary-wrong")
    text = config.read_text().replace(
        "  - name: home",
        f"  - name: home\n    email: {account.email}\n    password_file: {password}",
    )
    config.write_text(text)
    for _ in range(4):
        result = cli("check", "-c", config)
        assert result.code == 1
        assert "password is wrong" in result.out
        assert "canary" not in result.out
    assert account.counters.count(Asked.LOGIN) == 2


@pytest.mark.parametrize("text", ["?", "??", "a?b=c&code", "http://x/?code=&state=s", "\x00?\x00"])
def test_odd_addresses(text: str) -> None:
    with pytest.raises(PeerError):
        read_code(text, "s")
