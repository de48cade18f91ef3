"""`check`: everything is tried, every problem is told, and nothing is disturbed."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from bridge.core.model import DeviceId, Grant
from bridge.simulator.broker import Broker
from bridge.simulator.faults import TokenAnswer
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import free_port
from tests.cli.conftest import Cli, Configure, Result


def rows(result: Result) -> dict[str, tuple[str, str]]:
    """What was tried → result and details."""
    found = {}
    for line in result.out.splitlines()[1:]:
        if line.strip().startswith("-> "):
            continue
        name, word, details = (part.strip() for part in line.split("  ") if part.strip())
        found[name] = (word, details)
    return found


def advice(result: Result) -> dict[str, str]:
    """What failed → what to do, which stands in the line below."""
    lines = result.out.splitlines()
    return {
        re.split(" {2,}", line)[0]: below.strip().removeprefix("-> ")
        for line, below in pairwise(lines)
        if below.strip().startswith("-> ")
    }


def test_all_is_well(cli: Cli, reachable: Configure, world: World, tmp_path: Path) -> None:
    result = cli("check", "-c", reachable())
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0].split() == ["WHAT", "RESULT", "DETAILS"]
    found = rows(result)
    assert list(found) == [
        "configuration",
        "data directory",
        "broker",
        "integrator token",
        "host localhost",
    ]
    assert {word for word, _ in found.values()} == {"ok"}
    assert found["data directory"][1] == f"{tmp_path / 'data'}, 0 granted devices"
    assert found["broker"][1].endswith("MQTT 5")
    assert advice(result) == {}
    assert world.token not in result.out


def test_the_only_connection_to_a_host_is_left_to_the_bridge(
    cli: Cli, reachable: Configure, world: World, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "data", exclusive=True):
        assert cli("check", "-c", reachable()).code == 0
    assert not world.host().counters.opened
    assert world.api.counters.tokens_issued == 1


def test_offline_nothing_is_connected_to(
    cli: Cli, reachable: Configure, world: World, broker: Broker
) -> None:
    result = cli("check", "--offline", "-c", reachable())
    assert result.code == 0
    assert list(rows(result)) == ["configuration", "data directory"]
    assert not world.api.counters.requests
    assert broker.port


def test_what_fails_is_told_and_the_rest_is_tried_all_the_same(
    cli: Cli, configure: Configure
) -> None:
    config = configure(
        integrator__hosts="localhost",
        integrator__allowed_hosts="localhost",
        integrator__wss_port=free_port(),
    )
    result = cli("check", "-c", config)
    assert result.code == 1
    found = rows(result)
    assert found["configuration"][0] == found["data directory"][0] == "ok"
    assert found["broker"][0] == "failed"
    assert found["integrator token"] == ("failed", "127.0.0.1: Connection refused")
    assert found["host localhost"] == ("failed", "Connection refused")
    told = advice(result)
    assert list(told) == ["broker", "integrator token", "host localhost"]
    assert "has the broker been started" in told["broker"]
    assert "does this machine have internet?" in told["integrator token"]
    assert "canary" not in result.out


def test_a_wrong_token_is_told(cli: Cli, reachable: Configure) -> None:
    result = cli("check", "-c", reachable(integrator__token="canary-wrong"))
    assert result.code == 1
    assert rows(result)["integrator token"] == ("failed", "localhost: refused (HTTP 401)")
    assert "tag or token is wrong" in advice(result)["integrator token"]
    assert "canary" not in result.out


def test_an_odd_answer_to_the_token_request_is_told(
    cli: Cli, reachable: Configure, world: World
) -> None:
    world.api.faults.token = TokenAnswer.HTML
    result = cli("check", "-c", reachable())
    assert result.code == 1
    word, details = rows(result)["integrator token"]
    assert word == "failed"
    assert "not as documented" in details
    assert "may have trouble" in advice(result)["integrator token"]


def test_a_host_with_a_certificate_of_another_authority_is_told(
    cli: Cli, reachable: Configure
) -> None:
    with World(["localhost"]) as other:
        result = cli("check", "-c", reachable(integrator__ca_file=other.ca_file))
    assert result.code == 1
    assert "certificate is not valid" in rows(result)["host localhost"][1]
    assert "ca-certificates" in advice(result)["host localhost"]


def test_the_hosts_of_granted_devices_are_tried(
    cli: Cli, reachable: Configure, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "data", exclusive=True) as store:
        device = DeviceId("a8032abe54dc")
        store.put_grant(Grant(device, "localhost", "SHSW-1", "relay", ("x",), True), at=1.0)
    result = cli("check", "-c", reachable(integrator__hosts=""))
    assert result.code == 0
    assert rows(result)["host localhost"][0] == "ok"
    assert rows(result)["data directory"][1].endswith("1 granted devices")


@pytest.mark.parametrize("offline", [[], ["--offline"]])
def test_a_wrong_configuration_is_told_line_by_line(
    cli: Cli, tmp_path: Path, offline: list[str]
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("mqtt: {hots: x}\nnonsense: 1\n")
    result = cli("check", *offline, "-c", file)
    assert result.code == 78
    assert len(result.complaints) >= 3
    assert "check again" in result.complaints[-1]
    assert '"shelly-bridge init"' in result.complaints[-1]
    assert result.out == ""


def test_a_useless_authority_is_a_mistake_of_the_configuration(
    cli: Cli, reachable: Configure, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    result = cli("check", "-c", reachable(integrator__ca_file=file))
    assert result.code == 78
    assert "integrator.ca_file" in result.complaints[0]


def test_warnings_are_told(cli: Cli, configure: Configure) -> None:
    config = configure()
    config.chmod(0o644)
    result = cli("check", "--offline", "-c", config)
    assert result.code == 0
    word, details = rows(result)["configuration"]
    assert word == "ok"
    assert "everybody on this machine can read" in details
