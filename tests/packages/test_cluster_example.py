"""The example of several bridges, as far as it can be tried without an engine for containers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from bridge import config
from tests.packages.programs import EXAMPLES, ROOT

COMPOSE = EXAMPLES / "compose"
CADDY = (COMPOSE / "Caddyfile.cluster").read_text()
CONFIG = COMPOSE / "config.cluster.yaml"
BRIDGES = ("bridge-a", "bridge-b", "bridge-c")
LENT = "/run/secrets"


def whole() -> dict[str, Any]:
    """What the example says."""
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.cluster.yaml").read_text())
    return found


SERVICES: dict[str, Any] = whole()["services"]


def loaded(service: dict[str, Any], directory: Path) -> config.Config:
    """The configuration that a bridge of the example has, with a text in each of its secrets."""
    for name in service["secrets"]:
        secret = directory / name
        secret.touch(mode=0o600)
        secret.write_text("canary" if name != "database" else address())
    given = {**service["environment"], "CREDENTIALS_DIRECTORY": str(directory), "HOME": "/h"}
    return config.load(CONFIG, given)


def address() -> str:
    """The address of the database, as the documentation has it made."""
    page = (ROOT / "docs" / "scale.md").read_text()
    (line,) = re.findall(r"^printf '(postgresql://\S+)\\n'", page, re.MULTILINE)
    assert line.count("%s") == 1
    return str(line).replace("%s", "canary")


def test_everything_that_is_named_is_there() -> None:
    example = whole()
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(example["secrets"]), name
        assert set(service.get("depends_on", [])) <= set(SERVICES), name
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert (
                (COMPOSE / source).exists()
                if source.startswith(".")
                else source in (example["volumes"])
            ), mount
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service["volumes"]}
    assert set(example["volumes"]) <= used
    lent = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert set(example["secrets"]) == lent


def test_no_secret_stands_in_it() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            assert value.startswith(f"{LENT}/") or "PASSWORD" not in key, name
            assert "postgresql://" not in value, name


def test_only_the_broker_and_caddy_are_open_to_others() -> None:
    published = {
        name: [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
        for name, service in SERVICES.items()
    }
    assert {name for name, ports in published.items() if ports} == {"mosquitto", "caddy"}
    places = [port.rpartition(":")[0] for s in SERVICES.values() for port in s.get("ports", [])]
    assert len(places) == len(set(places))


def test_the_bridges_differ_only_in_what_is_their_own(tmp_path: Path) -> None:
    found = [loaded(SERVICES[name], tmp_path) for name in BRIDGES]
    clusters = [each.cluster for each in found]
    assert all(cluster is not None for cluster in clusters)
    names = [cluster.instance for cluster in clusters if cluster is not None]
    assert len(set(names)) == len(BRIDGES)
    volumes = [SERVICES[name]["volumes"][-1] for name in BRIDGES]
    assert len(set(volumes)) == len(BRIDGES)
    assert {volume.partition(":")[2] for volume in volumes} == {"/var/lib/shelly-bridge"}
    own = ("environment", "volumes", "ports")
    rest = [{k: v for k, v in SERVICES[name].items() if k not in own} for name in BRIDGES]
    assert rest[0] == rest[1] == rest[2]


def test_their_configuration_fits_the_other_services(tmp_path: Path) -> None:
    for name in BRIDGES:
        service = SERVICES[name]
        assert service["environment"]["CREDENTIALS_DIRECTORY"] == LENT
        found = loaded(service, tmp_path)
        assert found.warnings == ()
        assert found.mqtt.host in SERVICES
        assert found.mqtt.client_id is None
        assert found.web.public.trusted_proxies == 1
        assert f"{name}:{found.web.public.listen.port} " in CADDY
        assert found.web.public.url == "https://bridge.example.org"
        (port,) = service["ports"]
        assert port.endswith(f":{found.web.admin.listen.port}")
        assert found.cluster is not None
        assert found.cluster.database is not None
        environment = SERVICES["postgres"]["environment"]
        assert found.cluster.database.reveal() == "postgresql://{user}:canary@{host}/{db}".format(
            user=environment["POSTGRES_USER"], host="postgres", db=environment["POSTGRES_DB"]
        )


def test_bridges_can_write_to_their_data_only_and_have_time_to_stop() -> None:
    for name in BRIDGES:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert len([mount for mount in service["volumes"] if not mount.endswith(":ro")]) == 1
        assert int(service["stop_grace_period"].rstrip("s")) > 10


def test_the_image_is_built_with_what_postgresql_needs() -> None:
    recipe = (ROOT / "Dockerfile").read_text()
    for name in BRIDGES:
        build = SERVICES[name]["build"]
        assert (COMPOSE / build["context"]).resolve() == ROOT
        (argument,) = build["args"]
        assert f"ARG {argument}\n" in recipe
        assert f"install --no-cache-dir ${{{argument}:-.}}\n" in recipe
        assert build["args"][argument].split()[0] == ".[cluster]"
    assert "\ncluster =\n    psycopg" in (ROOT / "setup.cfg").read_text()
