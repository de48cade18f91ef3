"""From the configuration to settings."""

from __future__ import annotations

import socket

import pytest

from bridge.assembly import instance_name
from bridge.config import values
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
