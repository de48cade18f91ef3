"""`init` in a real terminal, then `check` and `run`, as a new user would go."""

from __future__ import annotations

import re
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge import config
from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from tests.brokers import (
    MosquittoProcess,
    Peer,
    free_port,
    make_certificate,
    require_mosquitto,
    wait_until,
)
from tests.cli.terminal import LIMIT, Terminal
from tests.system.accounts import EMAIL, PASSWORD
from tests.system.process import quiet_port, wait_healthy

pytestmark = [
    pytest.mark.timeout(600),
    # A terminal needs a fork; the child becomes another program at once.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

LOGIN = ("bridge", "canary-bröker")

Init = Callable[..., Terminal]


@pytest.fixture
def page() -> int:
    """A port for the status page."""
    return quiet_port()


@pytest.fixture
def init(tmp_path: Path, page: int) -> Iterator[Init]:
    """Starts `init` in an empty directory; `values` are given by `--set`."""
    begun = []

    def start(*arguments: str | Path, **values: object) -> Terminal:
        given = {
            "data_dir": tmp_path / "data",
            "web__admin__listen": f"127.0.0.1:{page}",
            "web__public__listen": f"127.0.0.1:{quiet_port()}",
            "outbound__listen": f"127.0.0.1:{quiet_port()}",
            **values,
        }
        pairs = [f"--set={key.replace('__', '.')}={value}" for key, value in given.items()]
        begun.append(Terminal(tmp_path, "init", *arguments, *pairs))
        return begun[-1]

    yield start
    for terminal in begun:
        terminal.__exit__(None, None, None)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[MosquittoProcess]:
    """A real broker that lets nobody in without a password."""
    require_mosquitto()
    with_passwords = tmp_path.parent / f"{tmp_path.name}-passwords"
    with_passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", with_passwords, *LOGIN], check=True)
    whole = f"listener 1883\nallow_anonymous false\npassword_file {with_passwords}\n"
    with MosquittoProcess(whole=whole) as running:
        yield running


def account_values(world: World) -> dict[str, object]:
    """Where the account's cloud is, instead of Shelly's."""
    return {
        "accounts__home__api_url": world.api_url,
        "accounts__home__login_page": world.login_url,
        "accounts__home__ca_file": world.ca_file,
        "accounts__home__wss_port": world.port,
        "accounts__home__allowed_hosts": "localhost",
    }


def is_private(file: Path) -> bool:
    return stat.S_IMODE(file.stat().st_mode) == 0o600


def written(directory: Path) -> set[str]:
    """The files that are there, also hidden ones."""
    return {path.name for path in directory.iterdir() if path.is_file()}


@pytest.mark.mosquitto
def test_with_an_account_and_local_devices_from_nothing_to_values_on_a_broker_with_a_login(
    init: Init, tmp_path: Path, mosquitto: MosquittoProcess, page: int
) -> None:
    with World(["localhost"], ports_in_urls=True) as world:
        account = world.add_account(EMAIL, PASSWORD)
        device = world.add_device("SNSW-001P16EU", account=account)
        user = init(mqtt__port=mosquitto.port, **account_values(world))
        user.await_text("it wants a user name and password")
        user.answer("Use this one?", "maybe")
        user.await_text("Please answer y (yes) or n (no).")
        user.answer("Use this one?", "y")
        user.answer("User name")
        user.await_text("It must not be empty.")
        user.answer("User name", LOGIN[0])
        user.answer("Password (not shown)")
        user.await_text("Type it once more: what was typed is empty.")
        user.answer("Password (not shown)", "canary-wrong")
        user.await_text("the broker does not know this user name and password")
        user.answer("Try another user name or password?")
        user.answer("User name [bridge]")
        user.answer("Password (not shown)", LOGIN[1])
        user.await_text("Good: MQTT 5.")

        user.answer("Which", "1,7")
        user.await_text("Give numbers from 1 to 3")
        user.answer("Which", "1, local")
        user.answer("A name for the account", "My Home")
        user.await_text("It must be made of letters a-z")
        user.answer("A name for the account")
        user.answer("Log in with e-mail address and password?")
        user.answer("E-mail address", "somebody")
        user.await_text("It must be an e-mail address, such as name@example.org.")
        user.answer("E-mail address", EMAIL)
        user.answer("Password (not shown)", "canary-wrong")
        user.await_text("does Shelly's app take this e-mail address and password?")
        user.answer("Try once more?")
        user.answer(f"E-mail address [{EMAIL}]")
        user.answer("Password (not shown)", PASSWORD)
        user.await_text("Good: the cloud takes them.")
        user.answer("Port for the devices", "99999")
        user.await_text("It must be a whole number from 1 to 65535")
        user.answer("Port for the devices")
        user.answer("Does Home Assistant use this broker?", "n")
        assert user.end() == 0
        for next_step in (
            "shelly-bridge check",
            "shelly-bridge run",
            f"http://127.0.0.1:{page}/",
            "shelly-bridge enroll ADDRESS",
        ):
            assert f"\n  {next_step}  " in user.seen
        assert "canary" not in user.seen
        assert written(tmp_path) == {"config.yaml", "mqtt-password", "account-home-password"}
        assert all(is_private(path) for path in tmp_path.iterdir() if path.is_file())

        text = (tmp_path / "config.yaml").read_text()
        assert "canary" not in text
        assert "  port: " in text
        assert "# integrator:" in text
        made = config.load(tmp_path / "config.yaml", {})
        assert made.mqtt.password is not None
        assert made.mqtt.password.reveal() == LOGIN[1]
        assert made.accounts["home"].password is not None
        assert made.accounts["home"].password.reveal() == PASSWORD
        assert not made.homeassistant.enabled
        assert made.warnings == ()

        with Terminal(tmp_path, "check") as user:
            assert user.end() == 0
            rows = [re.split(r" {2,}", line)[:2] for line in user.seen.splitlines()[1:]]
            names = ["configuration", "data directory", "broker", "account home", "outbound"]
            assert rows == [[name, "ok"] for name in names]
            assert "canary" not in user.seen
        with (
            Peer(mosquitto.port, "shelly/#", login=LOGIN) as peer,
            Terminal(tmp_path, "run") as user,
        ):
            wait_healthy(page, LIMIT)
            available = f"shelly/{device.hex_id}/availability"
            wait_until(lambda: peer.values.get(available) == b"online", LIMIT)
            user.press("c")
            assert user.end() == 0
            assert "canary" not in user.seen


def test_with_a_licence(
    init: Init, tmp_path: Path, broker: Broker, world: World, page: int
) -> None:
    user = init(
        "-o",
        "my bridge.yaml",
        mqtt__port=broker.port,
        integrator__api_url=world.api_url,
        integrator__wss_port=world.port,
        integrator__ca_file=world.ca_file,
        integrator__allowed_hosts="localhost",
        integrator__hosts="localhost",
    )
    user.await_text("Good: MQTT 5.")
    user.answer("Use this one?")
    user.answer("Which, if several with commas [licence]")
    user.answer("Integrator tag", world.tag)
    user.answer("Integrator token (not shown)", "canary-wrong")
    user.await_text("tag or token is wrong")
    user.answer("Keep it all the same?")
    user.answer(f"Integrator tag [{world.tag}]")
    user.answer("Integrator token (not shown)", f" {world.token} ")
    user.await_text("Good: the cloud gave an access token.")
    user.answer("Address by which Shelly's cloud reaches the bridge", "http://bridge.example.org")
    user.await_text("It must begin with https:// (Shelly's cloud calls it).")
    user.answer("Address by which Shelly's cloud reaches", "https://bridge.example.org/")
    user.answer("Does Home Assistant use this broker?")
    assert user.end() == 0
    assert "shelly-bridge consent-url -c 'my bridge.yaml'  " in user.seen
    assert world.token not in user.seen
    assert "canary" not in user.seen
    assert written(tmp_path) == {"my bridge.yaml", "integrator-token"}
    assert (tmp_path / "integrator-token").read_text() == f"{world.token}\n"
    named = ("-c", "my bridge.yaml")
    with Terminal(tmp_path, "check", *named) as user:
        assert user.end() == 0
        assert "host localhost" in user.seen
    with Terminal(tmp_path, "run", *named) as user:
        wait_healthy(page, LIMIT)
        user.press("c")
        assert user.end() == 0
    with Terminal(tmp_path, "consent-url", *named) as user:
        assert user.end() == 0
        assert world.tag in user.seen


def test_a_broker_elsewhere_and_a_login_by_browser(
    init: Init, tmp_path: Path, broker: Broker
) -> None:
    user = init(mqtt__port=free_port())
    user.await_text("There is none: Connection refused.")
    user.answer("Name or address of the broker", "mqtt://localhost")
    user.await_text("It must be a host name or address alone; the port goes to mqtt.port.")
    user.answer("Name or address of the broker", "127.0.0.1")
    user.answer("Its port")
    user.answer("Does it speak TLS there?")
    user.await_text("has the broker been started, and is it the right address and port")
    user.answer("Keep it all the same?")
    user.answer("Name or address of the broker [127.0.0.1]")
    user.answer("Its port", str(broker.port))
    user.answer("Does it speak TLS there?")
    user.await_text("Good: MQTT 5.")
    user.answer("Which")
    user.answer("A name for the account", "my-flat")
    user.answer("Log in with e-mail address and password?", "n")
    user.answer("Does Home Assistant use this broker?")
    assert user.end() == 0
    assert "\n  shelly-bridge login my-flat  " in user.seen
    made = config.load(tmp_path / "config.yaml", {})
    assert list(made.accounts) == ["my-flat"]
    assert made.accounts["my-flat"].email is None
    assert (made.mqtt.host, made.mqtt.port) == ("127.0.0.1", broker.port)
    assert made.homeassistant.enabled


def test_a_cloud_that_is_away_and_what_is_kept_all_the_same(
    init: Init, tmp_path: Path, world: World
) -> None:
    nowhere = f"https://localhost:{free_port()}"
    values = {**account_values(world), "accounts__home__api_url": nowhere}
    (tmp_path / "account-flat-password").write_text("somebody else's")
    user = init(mqtt__port=free_port(), **values)
    user.answer("Name or address of the broker")
    user.answer("Its port")
    user.answer("Does it speak TLS there?")
    user.answer("Keep it all the same?", "y")
    user.answer("Which")
    user.answer("A name for the account", "flat")
    user.answer("Log in with e-mail address and password?")
    user.answer("E-mail address", EMAIL)
    user.answer("Password (not shown)", PASSWORD)
    user.await_text("does this machine have internet?")
    user.answer("Keep it all the same?", "y")
    user.answer("Does Home Assistant use this broker?")
    assert user.end() == 0
    made = config.load(tmp_path / "config.yaml", {})
    # What was given for the account goes with its new name.
    assert made.accounts["flat"].api_url == nowhere
    assert made.accounts["flat"].email == EMAIL
    assert made.accounts["flat"].password is not None
    assert made.accounts["flat"].password.reveal() == PASSWORD
    assert (tmp_path / "account-flat-password").read_text() == "somebody else's"


def test_a_broker_with_an_authority_of_its_own(init: Init, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}-certificates"
    elsewhere.mkdir()
    certificate, key = make_certificate(elsewhere)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    with Broker(tls=server) as broker:
        user = init(mqtt__host="127.0.0.1", mqtt__port=broker.port)
        user.answer("Name or address of the broker [127.0.0.1]")
        user.answer("Its port")
        user.answer("Does it speak TLS there?", "y")
        user.await_text("name its PEM file in mqtt.tls.ca_file")
        user.answer("PEM file of its own authority", "missing.pem")
        user.await_text("missing.pem cannot be read: No such file or directory.")
        user.answer("PEM file of its own authority", str(certificate))
        user.await_text("Good: MQTT 5.")
        user.answer("Which", "local")
        user.answer("Port for the devices")
        user.answer("Does Home Assistant use this broker?")
        assert user.end() == 0
    made = config.load(tmp_path / "config.yaml", {})
    assert made.mqtt.tls.enabled
    assert made.mqtt.tls.ca_file == certificate
    assert made.outbound.enabled
    assert made.integrator is None


def test_ports_that_others_have(init: Init, tmp_path: Path, broker: Broker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = quiet_port()
        user = init(
            mqtt__port=broker.port,
            outbound__listen=f"127.0.0.1:{port}",
            web__admin__listen=f"127.0.0.1:{port}",
        )
        user.answer("Use this one?")
        user.answer("Which", "2")
        user.answer(f"Port for the devices [{port}]")
        user.await_text("another program has this port")
        user.answer("Keep it all the same?")
        user.answer("Port for the devices", str(other))
        # The page's is not asked for unless it has to be.
        user.await_text(f"No port for the status page: 127.0.0.1:{port}: Address already in use")
        user.answer("Keep it all the same?")
        user.answer("Port for the status page", str(other))
        user.await_text(f"{other} is in use, for the devices")
        user.answer("Keep it all the same?")
        page = quiet_port()
        user.answer("Port for the status page", str(page))
        user.answer("Does Home Assistant use this broker?")
        assert user.end() == 0
    made = config.load(tmp_path / "config.yaml", {})
    assert (made.outbound.listen.port, made.web.admin.listen.port) == (other, page)


@pytest.mark.parametrize(("key", "code"), [("c", 130), ("d", 1)])
@pytest.mark.parametrize("late", [False, True])
def test_who_goes_away_leaves_nothing_behind(
    init: Init, tmp_path: Path, key: str, code: int, late: bool
) -> None:
    with Broker(credentials={LOGIN[0]: LOGIN[1]}) as broker:
        user = init(mqtt__port=broker.port)
        if late:
            user.answer("Use this one?")
            user.answer("User name", LOGIN[0])
            user.answer("Password (not shown)", LOGIN[1])
            user.answer("Which", "account")
            user.answer("A name for the account")
            user.answer("Log in with e-mail address and password?")
            user.answer("E-mail address", EMAIL)
            user.await_prompt("Password (not shown)")
        else:
            user.await_prompt("Use this one?")
        user.press(key)
        assert user.end() == code
    assert "Nothing was written." in user.seen
    assert "Traceback" not in user.seen
    assert list(tmp_path.iterdir()) == []
