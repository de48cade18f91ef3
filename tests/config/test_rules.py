"""What several keys must be together."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.config.conftest import SMALLEST, Load, Problems

MQTT = "mqtt: {host: broker, %s}\nintegrator: {tag: ITG, token: canary}\n"
INTEGRATOR = "mqtt: {host: broker}\nintegrator: {tag: ITG, token: canary, %s}\n"


def test_a_source_is_needed(problems: Problems) -> None:
    assert problems("mqtt: {host: broker}") == [
        "no source: add an `accounts:` or `integrator:` section, or set outbound.enabled"
    ]
    assert problems("mqtt: {host: broker}\nintegrator:\n") == [
        "no source: add an `accounts:` or `integrator:` section, or set outbound.enabled"
    ]


def test_a_broken_source_is_not_called_missing(problems: Problems) -> None:
    assert problems("mqtt: {host: broker}\nintegrator: *x\n") == [
        "2: integrator: aliases (*name) are not supported; quote the *"
    ]


def test_a_password_needs_a_user_before_mqtt_5(
    problems: Problems, file: Path, config: Load
) -> None:
    expected = ["1: mqtt.password: needs mqtt.username (only MQTT 5 allows a password alone)"]
    assert problems(MQTT % "password: canary") == expected
    assert problems(MQTT % "password: canary, protocol: 3.1.1") == expected
    file.unlink()
    environ = {"HOME": "/h", "SHELLY_BRIDGE_MQTT__PASSWORD": "x"}
    assert config("", environ | {"SHELLY_BRIDGE_MQTT__PROTOCOL": "5"}).mqtt.password
    assert config("", environ | {"SHELLY_BRIDGE_MQTT__USERNAME": "u"}).mqtt.password


def test_a_key_needs_its_certificate(problems: Problems, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    assert problems(MQTT % f"tls: {{enabled: true, key_file: {key}}}") == [
        "1: mqtt.tls.key_file: needs mqtt.tls.cert_file"
    ]


def test_the_key_of_scl_trust_is_looked_into_where_it_is_used(
    problems: Problems, config: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.pem"
    key.write_text("canary")
    text = INTEGRATOR % f"trust_key_file: {key}"
    assert problems(text) == [
        f"2: integrator.trust_key_file: {key} holds no public key in PEM form"
    ]
    # Where nothing listens, the large library for it is not imported either.
    monkeypatch.setitem(sys.modules, "cryptography", None)
    found = config(environ=unused(key))
    assert found.integrator is not None
    assert found.integrator.trust_key_file == key
    key.unlink()
    assert problems(f"{text}web: {{public: {{enabled: false}}}}\n") == [
        f"2: integrator.trust_key_file: {key} cannot be read: No such file or directory"
    ]


def unused(key: Path) -> dict[str, str]:
    return {
        "HOME": "/h",
        "SHELLY_BRIDGE_WEB__PUBLIC__ENABLED": "false",
        "SHELLY_BRIDGE_INTEGRATOR__TRUST_KEY_FILE": str(key),
    }


@pytest.mark.parametrize(
    ("base", "prefix", "fine"),
    [
        ("homeassistant", "homeassistant", False),
        ("home", "home/ha", False),
        ("home/shelly", "home", True),
        ("home", "homeassistant", True),
        ("homeassistant", "home", True),
    ],
)
def test_the_base_topic_does_not_hold_home_assistants(
    problems: Problems, config: Load, base: str, prefix: str, fine: bool
) -> None:
    environ = {
        "HOME": "/h",
        "SHELLY_BRIDGE_MQTT__BASE_TOPIC": base,
        "SHELLY_BRIDGE_HOMEASSISTANT__DISCOVERY_PREFIX": prefix,
    }
    if fine:
        assert config("", environ).mqtt.base_topic == base
    else:
        (found,) = problems(SMALLEST, environ)
        assert found.endswith("mqtt.base_topic: must not hold homeassistant.discovery_prefix")


@pytest.mark.parametrize(
    ("status", "fine"),
    [
        ("shelly/bridge/state", False),
        ("shelly/a8032abe54dc/availability", False),
        ("shelly/status", True),
        ("homeassistant/status", True),
        ("other/bridge/state", True),
    ],
)
def test_home_assistants_start_is_not_our_own(
    problems: Problems, config: Load, status: str, fine: bool
) -> None:
    environ = {"HOME": "/h", "SHELLY_BRIDGE_HOMEASSISTANT__STATUS_TOPIC": status}
    if fine:
        assert config("", environ).homeassistant.status_topic == status
    else:
        (found,) = problems(SMALLEST, environ)
        assert found.endswith("homeassistant.status_topic: is a topic of the bridge itself")


def test_hosts_lie_within_the_allowed_ones(problems: Problems) -> None:
    assert problems(INTEGRATOR % "hosts: [a.shelly.cloud, shelly.cloud.evil.com]") == [
        "2: integrator.hosts: shelly.cloud.evil.com is not within integrator.allowed_hosts"
    ]
    assert problems(INTEGRATOR % "allowed_hosts: []") == [
        "2: integrator.allowed_hosts: must allow at least one host"
    ]


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.168.1.2:80", "pi.lan:80"])
def test_a_page_that_others_can_reach_needs_a_password(
    problems: Problems, config: Load, tmp_path: Path, listen: str
) -> None:
    text = f"web: {{admin: {{listen: '{listen}'%s}}}}\n"
    assert problems(SMALLEST + text % "") == [
        "3: web.admin.listen: any other address than loopback needs web.admin.password_file"
    ]
    config(text % ", enabled: false")
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("canary")
    assert config(text % f", password_file: {password}").web.admin.password is not None


def test_a_password_that_cannot_be_read_is_reported_once(problems: Problems) -> None:
    text = "web: {admin: {listen: '0.0.0.0:80', password_file: /none}}\n"
    (found,) = problems(SMALLEST + text)
    assert "password_file: /none cannot be read" in found


def test_two_listeners_have_two_addresses(problems: Problems, config: Load) -> None:
    text = "web: {admin: {listen: '127.0.0.1:%s'}, public: {listen: '127.0.0.1:%s'%s}}\n"
    assert problems(SMALLEST + text % (80, 80, "")) == [
        "3: web.admin.listen: is the address of web.public.listen too"
    ]
    config(text % (80, 80, ", enabled: false"))
    config(text % (0, 0, ""))


def test_delays_grow(problems: Problems, config: Load) -> None:
    assert problems(SMALLEST + "reconnect: {first: 5, longest: 4}") == [
        "3: reconnect.longest: must not be less than reconnect.first"
    ]
    config("reconnect: {first: 5, longest: 5}")


def test_device_topics_are_their_own(problems: Problems, config: Load) -> None:
    text = """\
devices:
  a8032abe54d1: {topic: kitchen}
  a8032abe54d2: {topic: kitchen}
  a8032abe54d3: {topic: a8032abe54d1}
  a8032abe54d4: {topic: 0123456789ab}
  a8032abe54d5: {topic: abcdef}
  abcdef: {}
"""
    assert problems(SMALLEST + text) == [
        "5: devices.a8032abe54d2.topic: is the topic of a8032abe54d1 too",
        "6: devices.a8032abe54d3.topic: is the id of another device",
        "7: devices.a8032abe54d4.topic: is the id of another device",
        "8: devices.a8032abe54d5.topic: is the id of another device",
    ]
    config("devices: {a8032abe54d1: {topic: a8032abe54d1}, a8032abe54d2: {topic: facade}}")


def test_tls_files_without_tls_are_remarked(config: Load, file: Path) -> None:
    environ = {"HOME": "/h", "SHELLY_BRIDGE_MQTT__TLS__CA_FILE": __file__}
    assert config("", environ).warnings == (
        "mqtt.tls.ca_file: has no effect while mqtt.tls.enabled is false",
    )
    assert config("", environ | {"SHELLY_BRIDGE_MQTT__TLS__ENABLED": "on"}).warnings == ()
    assert file.exists()


@pytest.mark.parametrize(
    "outbound",
    [
        "{enabled: true}",
        "{enabled: true, secret: abcdefghij-0123.4_5~6}",
        "{enabled: true, rpc_methods: [Switch.Set, Shelly.GetStatus]}",
    ],
)
def test_devices_that_dial_out(config: Load, outbound: str) -> None:
    found = config(f"outbound: {outbound}\n")
    assert found.outbound.enabled


@pytest.mark.parametrize(
    ("outbound", "wrong"),
    [
        ("{enabled: true, secret: short}", "outbound.secret"),
        ("{enabled: true, secret: has/a/slash/in/it/somewhere}", "outbound.secret"),
        ("{enabled: true, approve: never}", "outbound.approve"),
        ("{enabled: true, listen: nowhere}", "outbound.listen"),
        ("{enabled: true, rpc_methods: ['*']}", "outbound.rpc_methods"),
        ("{enabled: true, rpc_methods: [Shelly]}", "outbound.rpc_methods"),
    ],
)
def test_what_is_wrong_for_devices_that_dial_out(
    problems: Problems, outbound: str, wrong: str
) -> None:
    (found,) = problems(f"mqtt: {{host: broker}}\noutbound: {outbound}\n")
    assert f"{wrong}: " in found
    assert "has/a/slash" not in found


def test_a_certificate_of_the_device_listener_needs_its_key(
    problems: Problems, tmp_path: Path
) -> None:
    file = tmp_path / "cert.pem"
    file.write_text("x")
    found = problems(
        f"mqtt: {{host: b}}\noutbound: {{enabled: true, tls: {{cert_file: {file}}}}}\n"
    )
    assert len(found) == 1
    assert "outbound.tls.cert_file: needs outbound.tls.key_file" in found[0]
