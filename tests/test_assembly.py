"""From the configuration to settings."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bridge import config
from bridge.assembly import cluster as told_cluster
from bridge.assembly import instance_name, keeper_settings
from bridge.config import values
from bridge.config.example import render
from bridge.config.model import ClusterConfig


def cluster(instance: str | None) -> ClusterConfig:
    return ClusterConfig(instance, ("a.example",), None, 64, "drop")


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("attic", "attic"),
        ("Attic-2.example.org", "Attic-2"),
        ("küche", "k-che"),
        ("state", "bridge-state"),
        ("", "bridge-"),
        ("m" * 63, "m" * 25),
    ],
)
def test_an_instance_is_called_as_its_machine(
    machine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: machine)
    assert instance_name(cluster(None)) == name
    assert values.instance(name) == name


def test_an_instance_is_called_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "attic")
    assert instance_name(cluster("barn")) == "barn"


@pytest.mark.parametrize(
    ("besides", "mixed"),
    [
        ({}, False),
        ({"outbound.enabled": "true"}, True),
        ({"accounts.home.client_id": "shelly-diy"}, True),
    ],
)
def test_engine_and_keeper_are_told_of_ways_besides_consents(
    tmp_path: Path, besides: dict[str, str], mixed: bool
) -> None:
    file = tmp_path / "config.yaml"
    given = {
        "mqtt.host": "localhost",
        "integrator.tag": "ITG_EXAMPLE",
        "integrator.token": "canary",
        "cluster.database": "postgresql://bridge@localhost/shelly",
        **besides,
    }
    file.touch(mode=0o600)
    file.write_text(render(given))
    loaded = config.load(file, {})
    settings, told = keeper_settings(loaded), told_cluster(loaded)
    assert settings is not None
    assert told is not None
    assert (settings.mixed, told.mixed) == (mixed, mixed)
