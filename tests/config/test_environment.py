"""Every key can come from the environment, and mistakes there are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config import environment, load
from bridge.config.schema import leaves
from bridge.config.tree import Entries, Items, Place, Scalar
from bridge.errors import ConfigError
from tests.config.conftest import Load, Problems

LEAST = {
    "HOME": "/home/x",
    "SHELLY_BRIDGE_MQTT__HOST": "broker",
    "SHELLY_BRIDGE_INTEGRATOR__TAG": "ITG",
    "SHELLY_BRIDGE_INTEGRATOR__TOKEN": "canary",
}


def said(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    return [str(problem) for problem in caught.value.problems]


def test_the_environment_alone_is_enough() -> None:
    config = load(None, LEAST)
    assert config.mqtt.host == "broker"
    assert config.integrator is not None
    assert config.integrator.token.reveal() == "canary"
    assert config.warnings == ()


def test_nothing_at_all_says_what_is_missing() -> None:
    assert said({"HOME": "/home/x"}) == [
        "environment: mqtt.host: is missing",
        "environment: no source: add an `accounts:` or `integrator:` section, "
        "or set outbound.enabled",
    ]


def test_it_wins_over_the_file(config: Load) -> None:
    loaded = config(
        "web: {admin: {listen: '127.0.0.1:1'}}",
        {
            "HOME": "/home/x",
            "SHELLY_BRIDGE_MQTT__HOST": "other",
            "SHELLY_BRIDGE_MQTT__TLS__ENABLED": "yes",
            "SHELLY_BRIDGE_WEB__ADMIN__LISTEN": "127.0.0.1:2",
            "SHELLY_BRIDGE_INTEGRATOR__ALLOWED_HOSTS": "*.a.test, b.test",
            "SHELLY_BRIDGE_INTEGRATOR__HOSTS": "x.a.test",
        },
    )
    assert (loaded.mqtt.host, loaded.mqtt.port) == ("other", 8883)
    assert loaded.web.admin.listen.port == 2
    assert loaded.integrator is not None
    assert loaded.integrator.allowed_hosts == ("*.a.test", "b.test")
    assert loaded.integrator.hosts == ("x.a.test",)


def test_devices_are_found_whatever_the_case() -> None:
    config = load(
        None,
        LEAST
        | {
            "SHELLY_BRIDGE_DEVICES__A8032ABE54DC__NAME": "Boiler",
            "SHELLY_BRIDGE_DEVICES__a8032abe54dc__THROTTLE": "5",
            "SHELLY_BRIDGE_DEVICES__XB0a1__DISABLED": "true",
        },
    )
    boiler = config.devices["a8032abe54dc"]
    assert (boiler.name, boiler.throttle) == ("Boiler", 5)
    assert config.devices["XB0a1"].disabled


def test_an_empty_variable_counts_as_not_set(config: Load) -> None:
    environ = {"HOME": "/home/x", "SHELLY_BRIDGE_MQTT__HOST": "", "SHELLY_BRIDGE_CONFIG": "x"}
    assert config("", environ).mqtt.host == "broker"


def test_a_secret_may_be_named_by_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text("from-file\n")
    environ = {name: value for name, value in LEAST.items() if not name.endswith("TOKEN")}
    environ["SHELLY_BRIDGE_INTEGRATOR__TOKEN_FILE"] = str(file)
    config = load(None, environ)
    assert config.integrator is not None
    assert config.integrator.token.reveal() == "from-file"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SHELLY_BRIDGE_MQTT_HOST", "; did you mean SHELLY_BRIDGE_MQTT__HOST?"),
        ("SHELLY_BRIDGE_mqtt__port", "; did you mean SHELLY_BRIDGE_MQTT__PORT?"),
        ("SHELLY_BRIDGE_MQTT__PASSWORDFILE", "; did you mean SHELLY_BRIDGE_MQTT__PASSWORD_FILE?"),
        ("SHELLY_BRIDGE_MQTT", ""),
        ("SHELLY_BRIDGE_MQTT__HOST__X", "; did you mean SHELLY_BRIDGE_MQTT__HOST?"),
        ("SHELLY_BRIDGE_DEVICES", ""),
        ("SHELLY_BRIDGE_DEVICES__A8032ABE54DC", ""),
        ("SHELLY_BRIDGE_DEVICES__A8032ABE54DC__FOO", ""),
        ("SHELLY_BRIDGE_", ""),
    ],
)
@pytest.mark.parametrize("value", ["canary", ""])
def test_unknown_variables(name: str, hint: str, value: str) -> None:
    (found,) = said(LEAST | {name: value})
    assert found.startswith(f"{name}: unknown variable")
    if hint:
        assert found.endswith(hint)


def test_other_programs_variables_are_not_ours() -> None:
    load(None, LEAST | {"SHELLY_MQTT": "x", "XSHELLY_BRIDGE_FOO": "x", "PATH": "/bin"})


def test_problems_name_the_variable_and_the_key() -> None:
    assert said(LEAST | {"SHELLY_BRIDGE_MQTT__PORT": "0"}) == [
        "SHELLY_BRIDGE_MQTT__PORT: mqtt.port: must be a whole number from 1 to 65535, not '0'"
    ]


@pytest.mark.parametrize("value", ["canary\n", "canary\x1b", "canary\udcff"])
def test_values_that_are_no_text(value: str) -> None:
    (found,) = said(LEAST | {"SHELLY_BRIDGE_MQTT__PASSWORD": value})
    assert found.startswith("SHELLY_BRIDGE_MQTT__PASSWORD: mqtt.password: must be one line")


def test_a_section_that_is_no_section_in_the_file_is_reported_once(problems: Problems) -> None:
    text = "mqtt: 5\nintegrator: {tag: x, token: y}\n"
    found = problems(text, {"HOME": "/h", "SHELLY_BRIDGE_MQTT__HOST": "broker"})
    assert found == ["1: mqtt: must hold keys, each in its own line and indented"]


def test_the_files_problems_come_first(problems: Problems) -> None:
    found = problems("mqtt: {host: '', port: 0}", LEAST | {"SHELLY_BRIDGE_LOG__LEVEL": "x"})
    assert [line.split(":")[0] for line in found] == ["1", "SHELLY_BRIDGE_LOG__LEVEL"]


def test_every_key_has_its_variable() -> None:
    for key, leaf in leaves():
        for name in leaf.names:
            path = (*key.split(".")[:-1], name)
            root = Entries({}, Place("x"))
            assert environment.overlay(root, {environment.variable(".".join(path)): "v"}) == []
            node: object = root
            for part in path:
                assert isinstance(node, Entries)
                node = node.nodes[part]
            assert isinstance(node, Scalar | Items)
