"""`devices`: what is stored, completed by what the bridge published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.core.model import DeviceId, Grant
from bridge.simulator.broker import Broker
from bridge.store import Store
from tests.brokers import Peer
from tests.cli.conftest import Cli, Configure

BOILER, LAMP = DeviceId("a8032abe54dc"), DeviceId("b0cb815fd44e")
HOST = "shelly-7-eu.shelly.cloud"


@pytest.fixture
def stored(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data", exclusive=True) as store:
        store.put_grant(Grant(BOILER, HOST, "SNSW-001P16EU", "relay", ("Boiler",), True), at=1.0)
        store.put_grant(Grant(LAMP, HOST, "", "light", ("\x1b[31mred\u202e\n",), False), at=1.0)


def table(out: str) -> list[list[str]]:
    """The cells of every line."""
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in out.splitlines()
    ]


def publish(broker: Broker, **values: object) -> None:
    """Retain what a bridge would have published."""
    with Peer(broker.port) as peer:
        for name, value in values.items():
            payload = value if isinstance(value, bytes) else json.dumps(value).encode()
            peer.publish(f"shelly/{name.replace('__', '/')}", payload, retain=True)


@pytest.mark.usefixtures("stored")
def test_without_a_broker_the_registry_is_told(cli: Cli, configure: Configure) -> None:
    result = cli("devices", "-c", configure())
    assert result.code == 0
    (complaint,) = result.complaints
    assert complaint.endswith("availability is not known")
    head, boiler, lamp = table(result.out)
    assert head == ["ID", "NAME", "MODEL", "SOURCE", "ACCESS", "AVAILABILITY"]
    assert boiler == [BOILER, "Boiler", "SNSW-001P16EU", "integrator", "control", "unknown"]
    assert lamp == [LAMP, "[31mred", "-", "integrator", "read", "unknown"]


@pytest.mark.usefixtures("stored")
def test_with_a_broker_what_is_published_is_told(
    cli: Cli, configure: Configure, broker: Broker
) -> None:
    listed: Any = [{"id": LAMP, "name": "Lamp", "model": "Shelly Bulb", "access": "none"}]
    publish(
        broker,
        **{
            "bridge__devices": listed,
            "cellar__boiler__availability": b"online",
            f"{LAMP}__availability": b"offline",
        },
    )
    config = configure(mqtt__port=broker.port)
    config.write_text(f"{config.read_text()}\ndevices:\n  {BOILER}: {{topic: cellar/boiler}}\n")
    result = cli("devices", "--json", "-c", config)
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == [
        {
            "id": BOILER,
            "name": "Boiler",
            "model": "SNSW-001P16EU",
            "source": "integrator",
            "access": "control",
            "availability": "online",
        },
        {
            "id": LAMP,
            "name": "Lamp",
            "model": "Shelly Bulb",
            "source": "integrator",
            "access": "none",
            "availability": "offline",
        },
    ]


@pytest.mark.usefixtures("stored")
def test_what_strangers_publish_never_reaches_the_terminal_as_it_is(
    cli: Cli, configure: Configure, broker: Broker
) -> None:
    publish(
        broker,
        **{
            "bridge__devices": b'[7, {"id": 5}, null]',
            f"{BOILER}__availability": b"\x1b]0;title\x07\xff\n",
        },
    )
    config = configure(mqtt__port=broker.port)
    result = cli("devices", "-c", config)
    assert result.code == 0
    assert all(line.isprintable() for line in result.out.splitlines())
    assert len(result.out.splitlines()) == 3


def test_no_device_is_an_empty_table(cli: Cli, configure: Configure) -> None:
    config = configure()
    result = cli("devices", "-c", config)
    assert (result.code, result.out.count("\n")) == (0, 1)
    result = cli("devices", "--json", "-c", config)
    assert (result.code, json.loads(result.out)) == (0, [])


@pytest.mark.usefixtures("stored")
def test_several_bridges_list_theirs(cli: Cli, configure: Configure, broker: Broker) -> None:
    publish(
        broker,
        **{
            "bridge__east__devices": [{"id": BOILER, "name": "East", "access": "control"}],
            "bridge__west__devices": [{"id": LAMP, "name": "West", "access": "read"}],
            # Of one that was alone once.
            "bridge__devices": [{"id": LAMP, "name": "Former", "access": "none"}],
            f"{LAMP}__availability": b"online",
        },
    )
    config = configure(mqtt__port=broker.port, cluster__instance="east", cluster__hosts=HOST)
    result = cli("devices", "-c", config)
    assert (result.code, result.err) == (0, "")
    _, boiler, lamp = table(result.out)
    assert boiler == [BOILER, "East", "SNSW-001P16EU", "integrator", "control", "unknown"]
    assert lamp == [LAMP, "West", "-", "integrator", "read", "online"]
