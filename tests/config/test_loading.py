"""From files to a configuration: what is found, what is filled in, what is warned of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.config import Listen, find, load
from bridge.errors import ConfigError
from tests.config.conftest import SMALLEST, Load, Problems


def test_the_least_configuration_gets_every_default(config: Load) -> None:
    loaded = config()
    assert (loaded.version, loaded.mqtt.host, loaded.mqtt.port) == (1, "broker", 1883)
    assert (loaded.mqtt.protocol, loaded.mqtt.base_topic) == ("auto", "shelly")
    assert loaded.mqtt.retain
    assert not loaded.mqtt.values
    assert loaded.mqtt.password is None
    assert loaded.integrator is not None
    assert loaded.integrator.allowed_hosts == ("*.shelly.cloud",)
    assert loaded.integrator.wss_port == 6113
    assert loaded.web.public.listen == Listen("127.0.0.1", 8090)
    assert loaded.web.public.url is None
    assert loaded.web.public.enabled
    assert loaded.commands.min_interval == 0.2
    assert loaded.availability.grace == 30
    assert dict(loaded.devices) == {}
    assert loaded.warnings == ()


def test_the_port_follows_tls_unless_given(config: Load) -> None:
    tls = {"HOME": "/h", "SHELLY_BRIDGE_MQTT__TLS__ENABLED": "true"}
    assert config("", tls).mqtt.port == 8883
    assert config("", tls | {"SHELLY_BRIDGE_MQTT__PORT": "1884"}).mqtt.port == 1884


@pytest.mark.parametrize(
    ("uid", "environ", "path"),
    [
        (1000, {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/home/me"}, "/var/lib/a"),
        (0, {"HOME": "/root", "XDG_STATE_HOME": "/x"}, "/var/lib/shelly-bridge"),
        (1000, {"HOME": "/home/me", "XDG_STATE_HOME": "/x"}, "/x/shelly-bridge"),
        (1000, {"HOME": "/home/me"}, "/home/me/.local/state/shelly-bridge"),
    ],
)
def test_the_data_directory(
    config: Load, monkeypatch: pytest.MonkeyPatch, uid: int, environ: dict[str, str], path: str
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    assert config("", environ).data_dir == Path(path)


def test_without_home_the_data_directory_must_be_named(
    problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert problems(SMALLEST, {}) == [
        "data_dir: is missing, and there is no home directory to put it in"
    ]


def test_secrets_that_everybody_can_read_are_warned_of(tmp_path: Path, file: Path) -> None:
    token, key, cert = (tmp_path / name for name in ("token", "key.pem", "cert.pem"))
    for path in (token, key, cert):
        path.write_text("canary")
        path.chmod(0o644)
    file.write_text(
        f"mqtt: {{host: b, username: u, password: canary, tls: {{enabled: true, key_file: {key},"
        f" cert_file: {cert}}}}}\nintegrator: {{tag: x, token_file: {token}}}\n"
    )
    file.chmod(0o644)
    warnings = load(file, {"HOME": "/h"}).warnings
    assert len(warnings) == 3
    assert warnings[0].startswith(f"mqtt.tls.key_file: everybody on this machine can read {key}")
    assert warnings[1].startswith(
        f"integrator.token_file: everybody on this machine can read {tmp_path}"
    )
    assert warnings[2] == f"everybody on this machine can read {file}, which holds mqtt.password"
    for path in (token, key, file):
        path.chmod(0o640)
    assert load(file, {"HOME": "/h"}).warnings == ()


def test_a_file_without_secrets_may_be_read_by_everybody(file: Path) -> None:
    file.write_text("mqtt: {host: broker}\nintegrator: {tag: ITG}\n")
    file.chmod(0o644)
    environ = {"HOME": "/h", "SHELLY_BRIDGE_INTEGRATOR__TOKEN": "canary"}
    assert load(file, environ).warnings == ()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(ConfigError, match=f"configuration: {path} cannot be read: "):
            load(path, {})


def test_find_prefers_the_option_then_the_variable(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.touch()
    two.touch()
    environ = {"SHELLY_BRIDGE_CONFIG": str(two)}
    assert find(str(one), environ) == one
    assert find(one, environ) == one
    assert find(None, environ) == two
    with pytest.raises(ConfigError) as caught:
        find(tmp_path / "none", environ)
    assert str(caught.value) == f"configuration: there is no file {tmp_path}/none"
    with pytest.raises(ConfigError) as caught:
        find(None, {"SHELLY_BRIDGE_CONFIG": "/none"})
    assert str(caught.value) == "SHELLY_BRIDGE_CONFIG: there is no file /none"


def test_find_looks_here_and_then_in_etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    etc = tmp_path / "etc.yaml"
    monkeypatch.setattr("bridge.config.loading.PLACES", (Path("config.yaml"), etc))
    with pytest.raises(ConfigError) as caught:
        find(None, {"SHELLY_BRIDGE_CONFIG": ""})
    expected = f"configuration: no file found; looked for ./config.yaml and {etc}"
    assert str(caught.value) == expected
    etc.touch()
    assert find(None, {}) == etc
    Path("config.yaml").touch()
    assert find(None, {}) == Path("config.yaml")


def test_find_leaves_what_it_may_not_look_at_to_load() -> None:
    path = find("a" * 5000, {})
    with pytest.raises(ConfigError, match="File name too long"):
        load(path, {})
