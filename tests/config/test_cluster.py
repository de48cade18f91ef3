"""Several bridges: when a configuration speaks of them, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.model import ClusterConfig
from bridge.config.secret import Secret
from tests.config.conftest import SMALLEST, Load, Problems

ADDRESS = "postgresql://shelly:canary@db.example.org/shelly?sslmode=verify-full"
ENVIRON = {"HOME": "/home/x"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cluster:\n",
        "cluster: {max_hosts: 64, on_registry_loss: drop}",
        "cluster: {instance: null, hosts: [], database: null, database_file: null}",
    ],
)
def test_a_bridge_is_alone_unless_something_says_otherwise(config: Load, text: str) -> None:
    loaded = config(text)
    assert loaded.cluster is None
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{instance: east_1}", ClusterConfig("east_1", (), None, 64, "drop")),
        ("{hosts: ['*.a.b', c.d]}", ClusterConfig(None, ("*.a.b", "c.d"), None, 64, "drop")),
        (
            f"{{database: '{ADDRESS}', max_hosts: 1000, on_registry_loss: keep}}",
            ClusterConfig(None, (), Secret(ADDRESS), 1000, "keep"),
        ),
    ],
)
def test_one_key_makes_it_one_of_several(config: Load, text: str, expected: ClusterConfig) -> None:
    assert config(f"cluster: {text}\n").cluster == expected


def test_everything_can_come_from_the_environment(config: Load, tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.touch(mode=0o600)
    file.write_text(f"{ADDRESS}\n")
    given = {
        "INSTANCE": "b",
        "HOSTS": "*.a.b, c.d",
        "DATABASE_FILE": "${CREDENTIALS_DIRECTORY}/database",
        "MAX_HOSTS": "1",
        "ON_REGISTRY_LOSS": "keep",
    }
    environ = {f"SHELLY_BRIDGE_CLUSTER__{name}": text for name, text in given.items()}
    environ |= ENVIRON | {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    loaded = config("", environ)
    assert loaded.cluster == ClusterConfig("b", ("*.a.b", "c.d"), Secret(ADDRESS), 1, "keep")
    assert loaded.warnings == ()


def test_an_address_that_everybody_can_read_is_remarked(config: Load, tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.write_text(ADDRESS)
    file.chmod(0o644)
    (warning,) = config(f"cluster: {{database_file: {file}}}\n").warnings
    assert warning.startswith("cluster.database_file: everybody on this machine can read")


@pytest.mark.parametrize("name", ["a", "Aa_-9", "7", "x" * 32])
def test_an_instance_is_a_level_of_topics(config: Load, name: str) -> None:
    found = config(f"cluster: {{instance: {name}}}\n").cluster
    assert found is not None
    assert found.instance == name


@pytest.mark.parametrize("name", ["''", "a/b", "a b", "ä", "+", "'#'", "a.b", "x" * 33, "hosts"])
def test_other_names_are_refused(problems: Problems, name: str) -> None:
    (found,) = problems(f"{SMALLEST}cluster: {{instance: {name}}}\n")
    assert found.startswith("3: cluster.instance: ")


@pytest.mark.parametrize("instance", ["request", "response", "state", "info", "log", "devices"])
def test_an_instance_takes_no_topic_of_a_bridge_alone(problems: Problems, instance: str) -> None:
    (found,) = problems(f"{SMALLEST}cluster: {{instance: {instance}}}\n")
    assert found == f"3: cluster.instance: {instance} is another topic of the bridge"


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS,
        "postgresql://",
        "postgresql:///shelly",
        "postgresql:///shelly?host=/run/postgresql",
        "postgresql://[::1]:5433/shelly",
        "postgresql://shelly:a%2Cb%23@db/shelly",
    ],
)
def test_addresses_as_libpq_takes_them(config: Load, address: str) -> None:
    found = config(f"cluster: {{database: '{address}'}}\n").cluster
    assert found is not None
    assert found.database == Secret(address)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://x:canary@db/shelly", "must begin with postgresql://"),
        ("host=db password=canary", "must begin with postgresql://"),
        ("postgresql://x:canary@db/she lly", "must not hold blanks"),
        ("postgresql://x:can#ary@db/shelly", "must not hold blanks"),
        ("postgresql://x:canary@db:0/shelly", "must be like postgresql://"),
        ("postgresql://x:canary@db:70000/shelly", "must be like postgresql://"),
        ("postgresql://x:canary@[::1/shelly", "must be like postgresql://"),
        ("postgresql://x:canary@a,b/shelly", "must name one server"),
        ("postgresql://x:canary@a:5432,b:5433/shelly", "must name one server"),
        ("postgresql:///shelly?host=a,b&password=canary", "must name one server"),
        ("postgresql:///shelly?hostaddr=::1%2C::2&password=canary", "must name one server"),
    ],
)
def test_a_wrong_address_is_told_without_it(problems: Problems, address: str, said: str) -> None:
    (found,) = problems(f"{SMALLEST}cluster: {{database: '{address}'}}\n")
    assert found.startswith(f"3: cluster.database: {said}")
    assert "canary" not in found
    assert "ary@" not in found


def test_the_password_within_the_address_is_kept_out_of_the_log_too(config: Load) -> None:
    address = "postgresql://shelly:one%40canary@db/shelly?sslpassword=two%20canaries"
    loaded = config(f"cluster: {{database: '{address}'}}\n")
    assert set(loaded.secrets()) == {
        *("canary-token", address, "one%40canary", "one@canary", "two canaries")
    }
    assert "canar" not in repr(loaded)


@pytest.mark.parametrize(
    ("text", "remarked"),
    [
        ("{hosts: [a.b], max_hosts: 63}", "cluster.max_hosts: has no effect without"),
        ("{hosts: [a.b], on_registry_loss: keep}", "cluster.on_registry_loss: has no effect with"),
        ("{instance: a}", "cluster.instance: takes every cloud host, so no other may"),
    ],
)
def test_what_is_hardly_meant_is_remarked(config: Load, text: str, remarked: str) -> None:
    (warning,) = config(f"cluster: {text}\n").warnings
    assert warning.startswith(remarked)


def test_home_assistants_start_is_not_an_instances(problems: Problems) -> None:
    text = "homeassistant: {status_topic: shelly/bridge/east/state}\n"
    (found,) = problems(SMALLEST + text)
    assert found == "3: homeassistant.status_topic: is a topic of the bridge itself"
