"""Every key is read by the schema, and every mistake is named with its line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config import load
from tests.config.conftest import Load, Problems


def test_text_stays_text(config: Load, file: Path) -> None:
    file.touch(mode=0o600)
    file.write_text(
        "mqtt: {host: broker, username: 12:34:56, password: null-ish, client_id: 1e3}\n"
        "integrator: {tag: NO, token: 012345}\n"
        "devices: {123456789012: {name: NO, area: 2026-11-20}}\n"
    )
    loaded = load(file, {"HOME": "/h"})
    assert (loaded.mqtt.username, loaded.mqtt.client_id) == ("12:34:56", "1e3")
    assert loaded.integrator is not None
    assert (loaded.integrator.tag, loaded.integrator.token.reveal()) == ("NO", "012345")
    assert loaded.devices["123456789012"].name == "NO"
    assert loaded.devices["123456789012"].area == "2026-11-20"
    assert config().integrator is not None


def test_everything_that_is_wrong_is_said_at_once(problems: Problems) -> None:
    text = """\
version: 2
mqtt:
  hots: broker
  port: 70000
  password: [canary]
  password_file: {a: canary}
  keepalive:
integrator:
  tag: ''
  token_file: /does/not/exist
  hosts: nope
  api_url: http://user:canary@api
web:
  admin: {listen: '0.0.0.0:80'}
accounts:
  - name: home
    client: x
  - {email: canary}
  - name: Home
inbound: {enabled: true}
cluster:
  max_hosts: 1001
  hosts: [a.b, '*']
devices:
  Boiler: {}
  a8032abe54dc: {topic: bridge, throttle: -1}
log: verbose
"""
    assert problems(text) == [
        "1: version: this bridge reads version 1, not '2'",
        "2: mqtt.host: is missing",
        "3: mqtt.hots: unknown key; did you mean host?",
        "4: mqtt.port: must be a whole number from 1 to 65535, not '70000'",
        "5: mqtt.password: give only one of password and password_file",
        "7: mqtt.keepalive: needs a value; without this line it is 30",
        "9: integrator.tag: must not be empty",
        "10: integrator.token_file: /does/not/exist cannot be read: No such file or directory",
        "11: integrator.hosts: must be a list, such as [one, two]",
        "12: integrator.api_url: must not hold a user name or password",
        "14: web.admin.listen: any other address than loopback needs web.admin.password_file",
        "17: accounts.home.client: unknown key; did you mean client_id?",
        "18: accounts.2: needs a name: `- name: home`",
        "19: accounts.Home: must be made of letters a-z, digits and, between them, -; at most 32",
        "20: inbound: unknown key",
        "22: cluster.max_hosts: must be a whole number from 1 to 1000, not '1001'",
        "23: cluster.hosts: must be a host name, or *. and a host name, not '*'",
        "25: devices.Boiler: is not a device id (hex number of 6 to 16 digits, or X…)",
        "26: devices.a8032abe54dc.topic: must not begin with 'bridge', which is the bridge's own",
        "26: devices.a8032abe54dc.throttle: must be a number of seconds from 0 to 3600, not '-1'",
        "27: log: must hold keys, each in its own line and indented",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mqtt: [a]", "1: mqtt: must hold keys, each in its own line and indented"),
        ("mqtt: {host: [a]}", "1: mqtt.host: must be a single value, neither a list nor keys"),
        ("mqtt: {host: }", "1: mqtt.host: is missing"),
        ("data_dir: [a]", "1: data_dir: must be a single value, neither a list nor keys"),
        ("data_dir: '${NOPE}/x'", "1: data_dir: the environment variable 'NOPE' is not set"),
        (
            "integrator: {hosts: [[a]]}",
            "1: integrator.hosts: must be a list of single values",
        ),
        ("integrator: {hosts: [~]}", "1: integrator.hosts: must be a list of single values"),
        ("integrator: {tag: x}", "1: integrator: token or token_file is missing"),
        ("integrator: {token: {canary: 1}}", "1: integrator.token: must be a single value, "),
        ("integrator: {token: ''}", "1: integrator.token: the value is empty"),
        ("devices: [a]", "1: devices: must hold keys, such as 'a8032abe54dc'"),
        ("devices: {a8032abe54dc: 1}", "1: devices.a8032abe54dc: must hold keys"),
        ("mqtt: {password:canary}", "1: mqtt.password…: unknown key; did you mean password?"),
        ("cluster: {instances: x}", "1: cluster.instances: unknown key; did you mean instance?"),
    ],
)
def test_wrong_shapes(problems: Problems, text: str, said: str) -> None:
    found = problems(text)
    assert any(line.startswith(said) for line in found), found
    assert "canary" not in "".join(found)


def test_empty_sections_and_lists_are_like_none(config: Load) -> None:
    loaded = config("web:\n  admin:\nlog:\ndevices:\n  a8032abe54dc:\ncluster: {hosts: }\n")
    assert loaded.devices["a8032abe54dc"].disabled is False
    assert loaded.web.admin.enabled


def test_paths_begin_at_the_file(tmp_path: Path) -> None:
    for name in ("token", "ca.pem"):
        (tmp_path / name).touch(mode=0o600)
    (tmp_path / "token").write_text("canary\n")
    file = tmp_path / "config.yaml"
    file.write_text(
        "mqtt: {host: broker}\n"
        "integrator: {tag: ITG, token_file: token, ca_file: '${HERE}/ca.pem'}\n"
        "data_dir: ~/data\n"
    )
    loaded = load(file, {"HOME": "/home/me", "HERE": str(tmp_path)})
    assert loaded.integrator is not None
    assert loaded.integrator.token.reveal() == "canary"
    assert loaded.integrator.ca_file == tmp_path / "ca.pem"
    assert loaded.data_dir == Path("/home/me/data")


def test_paths_of_variables_begin_where_the_program_started(
    config: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert config("", {"SHELLY_BRIDGE_DATA_DIR": "data"}).data_dir == elsewhere / "data"


def test_the_longest_device_id(config: Load) -> None:
    longest = "X" + "a" * 63
    assert config(f"devices: {{{longest}: {{name: Door}}}}").devices[longest].name == "Door"


BROKEN = "tags (!name) are not supported; quote the !"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("version: !x 1", "version"),
        ("mqtt: !x {host: a}", "mqtt"),
        ("mqtt: {host: !x a}", "mqtt.host"),
        ("mqtt: {password: !x canary}", "mqtt.password"),
        ("mqtt: {password_file: !x /canary}", "mqtt.password_file"),
        ("data_dir: !x a", "data_dir"),
        ("integrator: {hosts: !x [a]}", "integrator.hosts"),
        ("integrator: {hosts: [!x a.b]}", "integrator.hosts"),
        ("devices: !x {}", "devices"),
        ("devices: {a8032abe54dc: !x {}}", "devices.a8032abe54dc"),
        ("devices: {a8032abe54dc: {name: !x a}}", "devices.a8032abe54dc.name"),
    ],
)
def test_what_yaml_refuses_is_named_by_its_key(problems: Problems, text: str, key: str) -> None:
    found = problems(text)
    assert f"1: {key}: {BROKEN}" in found
    assert "canary" not in "".join(found)


def test_a_key_that_stands_twice(problems: Problems) -> None:
    found = problems("mqtt:\n  password: canary\n  password: canary\n")
    assert "3: mqtt.password: stands twice, first in line 2" in found
