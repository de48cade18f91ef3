"""`enroll` against a simulated device: from its settings in the factory to MQTT, and back."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge import config
from bridge.app import Bridge
from bridge.cli import enroll
from bridge.core.ids import device_from_hex
from bridge.core.model import Grant
from bridge.simulator.broker import Broker
from bridge.simulator.outbound import Unit
from bridge.simulator.outbound_http import DevicePage
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import free_port, wait_until
from tests.cli.conftest import Cli, Configure

OTHER = "ws://canary-name:canary-of-password@192.0.2.9:8123/shelly/canary-of-another?token=canary"


class Home:
    """A device with a page, and the configuration of a bridge."""

    def __init__(self, world: World, file: Path, port: int) -> None:
        self.world = world
        self.file = file
        self.port = port
        self.device = world.add_device("SNSW-001P16EU", granted=False)
        self.unit = Unit(world, self.device)

    def page(self, password: str | None = None) -> str:
        return DevicePage(self.world, self.device, self.unit, password=password).address

    @property
    def secret(self) -> str:
        with Store.open(self.file.parent / "data", exclusive=False) as store:
            return store.outbound_secret

    @contextmanager
    def bridge(self) -> Iterator[Bridge]:
        bridge = Bridge(config.load(self.file, {}))
        try:
            bridge.start()
            wait_until(lambda: bridge.failed_parts() == [])
            yield bridge
        finally:
            bridge.stop()


@pytest.fixture
def home(
    reachable: Configure, world: World, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Home]:
    monkeypatch.setattr(enroll, "_LOOK", 0.05)
    monkeypatch.setattr(enroll, "_REBOOT_DELAY", 50)

    def make(**values: str) -> Home:
        port = free_port()
        given = {"outbound__enabled": "true", "outbound__listen": f"127.0.0.1:{port}", **values}
        return Home(world, reachable(**given), port)

    return make


Make = Callable[..., Home]


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_from_the_factory_to_mqtt_and_back(cli: Cli, home: Make) -> None:
    house = home()
    address = house.page()
    with house.bridge():
        done = cli("enroll", address, "-c", house.file)
        assert (done.code, done.err) == (0, "")
        assert f"on MQTT as shelly/{house.device.hex_id}" in done.out
        assert house.secret not in done.out
        server = f"ws://127.0.0.1:{house.port}/shelly/{house.secret}"
        assert house.unit.config == {"enable": True, "server": server, "ssl_ca": "*"}
        assert house.unit.reboots == 1
        shown = cli("enroll", address, "--status", "-c", house.file)
        assert "connected: yes" in shown.out
        assert "enrolled here: yes" in shown.out
        assert house.secret not in shown.out
        again = cli("enroll", address, "-c", house.file)
        assert (again.code, "already" in again.out) == (0, True)
        assert house.unit.reboots == 1
        undone = cli("enroll", address, "--remove", "-c", house.file)
        assert undone.code == 0, undone.err
        assert house.unit.config == {"enable": False, "server": None, "ssl_ca": "*"}
        assert not house.unit.connected
        assert "the bridge has forgotten it" in undone.out
        twice = cli("enroll", address, "--remove", "-c", house.file)
        assert (twice.code, "nothing is set" in twice.out) == (0, True)
        assert "the bridge has nothing to forget" in twice.out


def test_a_device_that_was_reset_is_forgotten_all_the_same(cli: Cli, home: Make) -> None:
    house = home()
    address = house.page()
    with house.bridge():
        assert cli("enroll", address, "-c", house.file).code == 0
        house.unit.dial("")
        wait_until(lambda: not house.unit.connected)
        house.unit.config = {"enable": False, "server": None, "ssl_ca": "ca.pem"}
        house.unit.pending = dict(house.unit.config)
        undone = cli("enroll", address, "--remove", "-c", house.file)
        assert (undone.code, undone.err) == (0, "")
        assert "nothing is set in the device" in undone.out
        assert "the bridge has forgotten it" in undone.out
    with Store.open(house.file.parent / "data", exclusive=False) as store:
        assert store.visitors() == []


def test_a_device_that_comes_by_the_cloud_too_keeps_its_consent(cli: Cli, home: Make) -> None:
    house = home()
    device = house.device
    grant = Grant(device_from_hex(device.hex_id), "localhost", device.code, "relay", ("x",), True)
    with Store.open(house.file.parent / "data", exclusive=True) as store:
        store.put_grant(grant, at=1.0)
    address = house.page()
    with house.bridge():
        assert cli("enroll", address, "-c", house.file).code == 0
        undone = cli("enroll", address, "--remove", "-c", house.file)
        assert (undone.code, undone.err) == (0, "")
        assert "the bridge keeps it, as it comes by localhost too" in undone.out
    with Store.open(house.file.parent / "data", exclusive=False) as store:
        assert [each.device for each in store.grants()] == [grant.device]
        assert store.visitors() == []


def test_it_sees_the_device_arrive_where_nothing_is_retained(cli: Cli, home: Make) -> None:
    house = home(mqtt__retain="false")
    address = house.page()
    with house.bridge():
        done = cli("enroll", address, "-c", house.file)
        assert (done.code, done.err) == (0, "")
        assert f"on MQTT as shelly/{house.device.hex_id}" in done.out


def test_another_server_is_not_overwritten_unasked(
    cli: Cli, home: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = home()
    address = house.page()
    house.unit.dial(OTHER)
    for text in ("n\n", "", "maybe\n"):
        answer(monkeypatch, text)
        refused = cli("enroll", address, "-c", house.file)
        assert refused.code == 1
        assert refused.complaints == ["shelly-bridge: nothing was changed"]
        assert "ws://192.0.2.9:8123/…" in refused.out
        assert "canary" not in refused.out
    assert house.unit.pending["server"] == OTHER
    with house.bridge():
        answer(monkeypatch, "y\n")
        assert cli("enroll", address, "-c", house.file).code == 0
        assert house.unit.connected


def test_yes_overwrites_without_a_question(
    cli: Cli, home: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = home()
    address = house.page()
    house.unit.dial(OTHER)
    answer(monkeypatch, "")
    with house.bridge():
        assert cli("enroll", address, "--yes", "-c", house.file).code == 0


def test_a_password_is_needed_and_taken_from_a_file(cli: Cli, home: Make, tmp_path: Path) -> None:
    house = home()
    address = house.page("pass word")
    without = cli("enroll", address, "--status", "-c", house.file)
    assert without.code == 1
    assert "give --password-file" in without.complaints[0]
    file = tmp_path / "password"
    file.write_text("wrong\n")
    wrong = cli("enroll", address, "--status", "--password-file", file, "-c", house.file)
    assert "does not take the password" in wrong.complaints[0]
    file.write_text("pass word\n")
    right = cli("enroll", address, "--status", "--password-file", file, "-c", house.file)
    assert (right.code, "enrolled here: no" in right.out) == (0, True)


def test_a_device_that_waits_for_approval_is_said_to(cli: Cli, home: Make) -> None:
    house = home(outbound__approve="manual")
    address = house.page()
    with house.bridge():
        done = cli("enroll", address, "-c", house.file)
        assert done.code == 0
        assert "shelly/bridge/request/device/approve" in done.out


def test_without_a_bridge_it_says_that_nobody_answered(
    cli: Cli, home: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enroll, "REBOOT_LIMIT", 1.0)
    house = home()
    done = cli("enroll", house.page(), "-c", house.file)
    assert done.code == 1
    assert "is the bridge running" in done.complaints[0]


def test_a_gen1_device_is_told_apart(cli: Cli, home: Make) -> None:
    house = home()
    old = house.world.add_device("SHSW-25:relay", granted=False)
    done = cli("enroll", DevicePage(house.world, old).address, "-c", house.file)
    assert done.code == 1
    assert "Gen1" in done.complaints[0]


@pytest.mark.parametrize("address", ["", "https://x", "a b", "ws://10.0.0.1", "10.0.0.1:0", "x/y"])
def test_what_is_no_address_is_wrong_usage(cli: Cli, home: Make, address: str) -> None:
    done = cli("enroll", "-c", home().file, "--", address)
    assert done.code == 2
    assert "not the address of a device" in done.err


def test_where_nothing_answers(cli: Cli, home: Make) -> None:
    done = cli("enroll", f"127.0.0.1:{free_port()}", "-c", home().file)
    assert done.code == 1
    assert "refused" in done.complaints[0]


def test_where_something_else_answers(cli: Cli, home: Make, broker: Broker) -> None:
    for port in (broker.port,):
        done = cli("enroll", f"127.0.0.1:{port}", "-c", home().file)
        assert done.code == 1
        assert len(done.complaints) == 1


def test_outbound_has_to_be_enabled(cli: Cli, home: Make) -> None:
    house = home(outbound__enabled="false")
    done = cli("enroll", "127.0.0.1", "-c", house.file)
    assert done.code == 78
    assert "outbound.enabled" in done.complaints[0]


def test_a_loopback_listener_is_no_use_to_a_device_elsewhere(
    cli: Cli, home: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.device_http.DeviceClient.own_address", lambda _: "192.0.2.1")
    house = home()
    done = cli("enroll", house.page(), "-c", house.file)
    assert done.code == 78
    assert "no device can reach" in done.complaints[0]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("bridge.example", "bridge.example:{port}"),
        ("192.0.2.5:99", "192.0.2.5:99"),
        ("[::1]", "[::1]:{port}"),
    ],
)
def test_the_bridges_address_can_be_given(
    cli: Cli, home: Make, monkeypatch: pytest.MonkeyPatch, given: str, place: str
) -> None:
    monkeypatch.setattr(enroll, "REBOOT_LIMIT", 0.5)
    house = home()
    cli("enroll", house.page(), "--bridge", given, "-c", house.file)
    expected = f"ws://{place.format(port=house.port)}/shelly/{house.secret}"
    assert house.unit.pending["server"] == expected


@contextmanager
def simulated(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`simulate device` as a process, once it says where it is."""
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "simulate", "device", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert "is simulated at 127.0.0.1:" in process.stdout.readline()
            yield process
        finally:
            process.terminate()
            assert process.wait(10) == 0


def test_simulate_device_and_enroll_and_run_together(cli: Cli, home: Make) -> None:
    house = home()
    address, hex_id = f"127.0.0.1:{free_port()}", "a8032abe5401"
    port = address.partition(":")[2]
    with house.bridge(), simulated("--http-port", port, "--id", hex_id):
        done = cli("enroll", address, "-c", house.file)
        assert (done.code, done.err) == (0, "")
        assert f"shelly/{hex_id}" in done.out
        assert cli("enroll", address, "--remove", "-c", house.file).code == 0


def test_a_device_that_does_not_exist_cannot_be_simulated(cli: Cli) -> None:
    done = cli("simulate", "device", "--model", "NO-SUCH", "--http-port", "0")
    assert done.code == 1
    assert "no model NO-SUCH" in done.err
