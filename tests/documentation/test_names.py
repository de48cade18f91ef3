"""Commands, keys, requests and metrics have the names that the documentation gives them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.security import check_password_hash

from bridge import cli, config
from bridge.config.example import render
from bridge.config.keys import SecretKey, Section, Table
from bridge.config.schema import SCHEMA
from bridge.core.requests import MANAGING
from bridge.errors import ConfigError
from tests.core import payloads
from tests.core.dialogue import online
from tests.documentation.pages import DOCS, PAGES, README, ROOT, blocks, spans, text_of
from tests.system.rig import Rig
from tests.web.house import furnished, house

SHELL = ("sh", "console")

_COMMAND = re.compile(r"(?<![\w/.-])(?:\S*/)?shelly-bridge ([a-z][a-z-]*)([^|;&\n]*)")
_OPTION = re.compile(r"(?<=\s)--[a-z-]+")
_KEY = re.compile(
    r"(?:mqtt|homeassistant|integrator|accounts|outbound|web|commands|availability|reconnect"
    r"|cluster|log|devices)(?:\.[a-z_0-9]+|\.<[a-z]+>)+"
)
_METRIC = re.compile(r"shelly_bridge_[a-z_]+")


def help_of(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `--help` says."""
    with pytest.raises(SystemExit) as end:
        cli.main([*arguments, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


def subcommands(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """All that there are."""
    text = help_of(capsys=capsys)
    return set(re.findall(r"^    ([a-z][a-z-]*)", text, re.MULTILINE)) - {"COMMAND"}


def commands_in(page: Path) -> Iterator[tuple[list[str], list[str]]]:
    """The subcommands that a page names, with what is below them, and their options."""
    for text in (*spans(page), *blocks(page, *SHELL, "yaml")):
        for name, rest in _COMMAND.findall(text):
            below = ["device"] if (name, rest.split()[:1]) == ("simulate", ["device"]) else []
            yield [name, *below], _OPTION.findall(rest)


def test_every_command_that_is_named_exists(capsys: pytest.CaptureFixture[str]) -> None:
    there = subcommands(capsys)
    assert len(there) >= 8
    for page in PAGES:
        for names, options in commands_in(page):
            assert names[0] in there, f"{page.name}: shelly-bridge {names[0]}"
            known = help_of(*names, capsys=capsys)
            assert [option for option in options if option not in known] == [], page.name


def test_the_readme_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    table = text_of(README).partition("## The command")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `([a-z-]+)", table, re.MULTILINE)) - {"shelly-bridge"}
    assert named == subcommands(capsys)


def keys() -> set[str]:
    """Every key of the configuration; rows of tables are `<name>` or `<id>`."""

    def walk(section: Section, prefix: str) -> Iterator[str]:
        for child in section.children:
            name = f"{prefix}{child.name}"
            yield name
            if isinstance(child, Section):
                yield from walk(child, f"{name}.")
            elif isinstance(child, Table):
                yield from walk(child.row, f"{name}.<row>.")
            elif isinstance(child, SecretKey):
                yield f"{name}_file"

    return set(walk(SCHEMA, ""))


def test_every_key_that_is_named_exists() -> None:
    known = keys()
    assert "web.admin.password_file" in known
    wrong = []
    for page in PAGES:
        for span in spans(page):
            found = _KEY.fullmatch(span.partition(":")[0].strip())
            # A row is `<id>` or somebody's name; and some parts of us are called like sections.
            if found is None or found[0].endswith((".py", ".db", ".yaml", ".md", ".conf")):
                continue
            key = re.sub(r"^(accounts|devices)\.[^.]+", r"\1.<row>", found[0])
            if key not in known:
                wrong.append(f"{page.name}: {span}")
    assert wrong == []


def yaml_blocks() -> Iterator[tuple[str, str]]:
    """Configurations, and parts of them."""
    for page in PAGES:
        for text in blocks(page, "yaml"):
            if "scrape_configs" not in text:
                yield page.name, text


@pytest.mark.parametrize(("page", "text"), list(yaml_blocks()))
def test_the_bridge_knows_every_key_of_an_example(page: str, text: str, tmp_path: Path) -> None:
    assert isinstance(yaml.safe_load(text), dict), page
    file = tmp_path / "config.yaml"
    file.write_text(text)
    try:
        config.load(file, {})
    except ConfigError as error:
        # Examples are parts, and their files are not here.
        harmless = ("cannot be read", "is missing", "is needed", "no source", "is not set", "needs")
        left = [each for each in error.problems if not any(word in each.text for word in harmless)]
        assert left == []


def test_every_request_is_described() -> None:
    reply = online(status=payloads.two_switches()).asks("nonsense")
    (publish,) = reply.on("shelly/bridge/response/nonsense")
    known = re.findall(r"there are ([^\"]+)", publish.payload)[0].split(", ")
    table = text_of(DOCS / "topics.md").partition("## Requests")[2]
    described = re.findall(r"^\| `([a-z_/]+)` \|", table, re.MULTILINE)
    assert sorted(described) == sorted(known)
    sentence = table.partition("With `mqtt.manage: false`")[2].partition("on MQTT")[0]
    assert set(re.findall(r"`([a-z_/]+)`", sentence)) == MANAGING


def test_every_metric_is_described() -> None:
    with house(vitals=lambda: {}, health=list) as made:
        page = furnished(made).browser.get("/metrics", Accept="text/plain")
    measured = {
        sample.name
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
        if sample.name.startswith("shelly_bridge_")
    }
    text = text_of(DOCS / "status-page.md").partition("## Prometheus")[2].partition("\n## ")[0]
    text = text.replace("`…_", "`shelly_bridge_connection_")
    described = set(_METRIC.findall(text))
    assert measured <= described
    only_when_counted = {"shelly_bridge_command_results_total", "shelly_bridge_bad_input_total"}
    assert described - measured <= only_when_counted


def test_the_line_that_hashes_a_password_does() -> None:
    (line,) = (
        text for text in blocks(DOCS / "status-page.md", "sh") if "generate_password_hash" in text
    )
    found = re.search(r'python -c "([^"]+)"', line)
    assert found is not None
    # Without a terminal the password is read from standard input.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", found[1]],
        input="let me look\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        check=True,
        timeout=30,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert check_password_hash(done.stdout.strip(), "let me look")
    assert "let me look" not in done.stdout


def test_the_line_that_hands_secrets_to_the_service_does(tmp_path: Path) -> None:
    lines = "\n".join(blocks(DOCS / "install.md", "sh")).splitlines()
    (line,) = (each for each in lines if "sed -i '/^ *[a-z_]*_file" in each)
    file = tmp_path / "config.yaml"
    file.write_text(
        render(
            {
                "mqtt.password_file": "mqtt-password",
                "mqtt.username": "bridge",
                "accounts.home.email": "name@example.org",
                "accounts.home.password_file": "account-home-password",
            }
        )
    )
    command = line.removeprefix("sudo ")
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, timeout=10)
    secrets = tmp_path / "lent"
    secrets.mkdir()
    for name in ("mqtt-password", "account-home-password"):
        (secrets / name).touch(mode=0o600)
        (secrets / name).write_text(f"of {name}\n")
    loaded = config.load(file, {"CREDENTIALS_DIRECTORY": str(secrets)})
    assert loaded.mqtt.password is not None
    assert loaded.mqtt.password.reveal() == "of mqtt-password"
    credentials = loaded.accounts["home"]
    assert credentials.password is not None
    assert credentials.password.reveal() == "of account-home-password"


def test_every_key_of_health_is_described(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start()
        rig.wait(lambda: rig.json("bridge/health"))
        told = set(rig.json("bridge/health"))
    table = text_of(DOCS / "topics.md").partition("### Health")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    described = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert described == told
