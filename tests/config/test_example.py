"""The example file and the schema say the same, in both directions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.config import load, yamltext
from bridge.config.example import render
from bridge.config.keys import Key, Leaf, ListKey, Table
from bridge.config.schema import SCHEMA, leaves
from bridge.config.tree import Entries, Items, Node, Scalar, named
from bridge.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
COMMENTED = re.compile(r"^( *)# ( *(?:- )?[a-z0-9_]+:( |$))", re.MULTILINE)
LINE = re.compile(r"^ *(?:# +)?([a-z0-9_]+): \S.*? {2,}# (.+)$", re.MULTILINE)
ENVIRON = {"HOME": "/home/x"}


def everything() -> Entries:
    """The example with every commented-out key taken in."""
    text = COMMENTED.sub(r"\1\2", EXAMPLE.read_text())
    return yamltext.read(text.encode(), "example")


def flat(entries: Entries, prefix: str = "") -> dict[str, Node]:
    found: dict[str, Node] = {}
    for name, node in entries.nodes.items():
        if name == "accounts":
            assert isinstance(node, Items)
            node = named(node)
        if isinstance(node, Entries):
            found |= flat(node, f"{prefix}{name}.")
        else:
            found[prefix + name] = node
    return found


def expected() -> dict[str, Leaf]:
    """What must be in the example: every key that leads somewhere."""
    rows: dict[str, Leaf] = {}
    for child in SCHEMA.children:
        if isinstance(child, Table):
            rows |= dict(leaves(child.row, f"{child.name}.{child.example}."))
    keys = dict(leaves()) | rows
    return {
        key.removesuffix(leaf.name) + name: leaf
        for key, leaf in keys.items()
        for name in leaf.names
    }


def test_it_is_up_to_date() -> None:
    # If this fails: write the text of bridge.config.example.render() to config.example.yaml.
    assert EXAMPLE.read_text() == render()


def test_every_key_of_the_schema_is_in_the_example_and_the_reverse() -> None:
    assert set(flat(everything())) == set(expected())


def test_every_default_in_the_example_is_the_schemas() -> None:
    for key, node in flat(everything()).items():
        leaf = expected()[key]
        if isinstance(leaf, ListKey):
            assert isinstance(node, Items)
            shown = tuple(item.text for item in node.nodes if isinstance(item, Scalar))
            assert shown == leaf.default, key
        else:
            assert isinstance(node, Scalar)
            default = leaf.default if isinstance(leaf, Key) else None
            instead = leaf.shown if not key.endswith("_file") else None
            assert node.text == (instead or default), key


def test_every_key_is_explained_in_its_line() -> None:
    explained = dict.fromkeys(match[1] for match in LINE.finditer(EXAMPLE.read_text()))
    assert set(explained) == {key.rpartition(".")[2] for key in expected()}


def test_it_is_easy_to_read() -> None:
    assert max(map(len, EXAMPLE.read_text().splitlines())) <= 100


def test_it_loads_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.touch(mode=0o600)
    file.write_text(EXAMPLE.read_text())
    config = load(file, ENVIRON)
    assert config.mqtt.host == "localhost"
    assert config.integrator is not None
    assert config.integrator.tag == "ITG_EXAMPLE"
    assert config.warnings == ()
    least = tmp_path / "least.yaml"
    least.write_text(
        "mqtt: {host: localhost}\nintegrator: {tag: ITG_EXAMPLE, token: replace-this}\n"
    )
    least.chmod(0o600)
    assert load(least, ENVIRON) == config


def test_values_are_filled_in(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("canary\n")
    token.chmod(0o600)
    given = {
        "mqtt.host": "broker.lan",
        "mqtt.port": "1884",
        "mqtt.username": "null",
        "mqtt.password": 'a: "b" # ü\\',
        "mqtt.protocol": "5",
        "mqtt.client_id": "*x",
        "integrator.tag": "012345",
        "integrator.token_file": str(token),
        "integrator.hosts": "a.test, b.test",
        "integrator.allowed_hosts": "*.test",
        "web.admin.listen": "[::1]:80",
        "data_dir": "/srv/my data",
    }
    file = tmp_path / "config.yaml"
    file.touch(mode=0o600)
    file.write_text(render(given))
    config = load(file, ENVIRON)
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.protocol) == ("broker.lan", 1884, "5")
    assert (config.mqtt.username, config.mqtt.client_id) == ("null", "*x")
    assert config.mqtt.password is not None
    assert config.mqtt.password.reveal() == 'a: "b" # ü\\'
    assert config.integrator is not None
    assert (config.integrator.tag, config.integrator.token.reveal()) == ("012345", "canary")
    assert config.integrator.hosts == ("a.test", "b.test")
    assert str(config.web.admin.listen) == "[::1]:80"
    assert config.data_dir == Path("/srv/my data")


def test_accounts_are_filled_in_and_stand_instead_of_an_integrator(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("canary\n")
    password.chmod(0o600)
    given = {
        "accounts.home.email": "somebody@example.org",
        "accounts.home.password_file": str(password),
        "accounts.cabin.native_rpc": "true",
    }
    file = tmp_path / "config.yaml"
    file.touch(mode=0o600)
    file.write_text(render(given))
    config = load(file, ENVIRON)
    assert config.integrator is None
    assert list(config.accounts) == ["home", "cabin"]
    assert config.accounts["cabin"].native_rpc
    assert config.warnings == ()


def test_unknown_values_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        render({"mqtt.hots": "canary", "mqtt.host": "x", "accounts": "canary"})
    assert [str(problem) for problem in caught.value.problems] == [
        "mqtt.hots: unknown key; did you mean mqtt.host?",
        "accounts: unknown key",
    ]
