"""A11, A15: a canary in every secret of the configuration, and all that the bridge lets out."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from bridge import cli
from bridge.cli.options import CommandParser
from bridge.config.keys import SecretKey, Section, Table
from bridge.config.schema import SCHEMA
from bridge.simulator.account_faults import Answer, Asked
from bridge.simulator.broker import Broker
from bridge.simulator.faults import TokenAnswer
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import Peer, wait_until
from tests.faults.scale import LONG
from tests.sources.dialer import Dialers
from tests.sources.test_outbound import CHALLENGE, denied
from tests.system.process import ROOT, BridgeProcess, quiet_port, wait_healthy
from tests.system.rig import callback_path, store_grants, write_config

EMAIL, OTHER_EMAIL = "somebody@example.org", "other@example.org"
VISITOR = "a8032abe54dc"

CANARIES = {
    "mqtt.password": "canary/mqtt pässword%1",
    "integrator.token": "canary-integrator-token-2",
    "accounts.*.password": 'canary"account\\password-3',
    "accounts.*.password_sha1": hashlib.sha1(b"canary-4", usedforsecurity=False).hexdigest(),
    "outbound.secret": "canary-outbound-secret-5",
    "web.admin.password": "canary&admin=password<6>",
    "devices.*.password": "canary-device-password-7",
    "cluster.database": "postgresql://shelly:canary%20database%208@127.0.0.1:{port}/shelly",
}
"""For each secret of the configuration what stands there; a new one has to be added here."""


def secret_keys(section: Section, prefix: str = "") -> Iterator[str]:
    """Every secret that the schema knows; `*` stands for a name of somebody's choice."""
    for child in section.children:
        match child:
            case Section():
                yield from secret_keys(child, f"{prefix}{child.name}.")
            case Table():
                yield from secret_keys(child.row, f"{prefix}{child.name}.*.")
            case SecretKey():
                yield prefix + child.name


def spellings(canary: str) -> set[str]:
    """The ways in which a text may be written by those who handle it."""
    return {
        canary,
        quote(canary),
        quote(canary, safe=""),
        quote_plus(canary),
        json.dumps(canary)[1:-1],
        json.dumps(canary, ensure_ascii=False)[1:-1],
        repr(canary.encode())[2:-1],
        base64.b64encode(canary.encode()).decode(),
        base64.b64encode(f"admin:{canary}".encode()).decode(),
    }


def assert_clean(what: str, text: str, canaries: set[str]) -> None:
    for canary in canaries:
        for spelled in spellings(canary):
            assert spelled not in text, f"{canary!r} is in {what}"


class Scene:
    """A bridge with every source, each of them with what goes wrong, and all that it lets out."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.world = stack.enter_context(
            World(["localhost"], ports_in_urls=True, token=CANARIES["integrator.token"])
        )
        self.broker = stack.enter_context(Broker())
        self.dialers = stack.enter_context(Dialers())
        self.admin, self.public, self.outbound = quiet_port(), quiet_port(), quiet_port()
        self.out: list[tuple[str, str]] = []
        """Where something was seen, and what."""
        self.sent: set[str] = set()
        """More texts that nobody may see: tokens and codes that were sent to the bridge."""
        password = CANARIES["accounts.*.password"]
        self.home = self.world.add_account(EMAIL, password)
        self.flat = self.world.add_account(OTHER_EMAIL, "canary-4")
        self.granted = self.world.add_device("SNSW-001P16EU")
        self.owned = self.world.add_device("SNSW-001P16EU", account=self.home)
        store_grants(directory, [self.granted])
        self.config = self._write()
        self.bridge = BridgeProcess(self.config)

    def secret_file(self, key: str) -> str:
        file = self.directory / key.replace("*", "x")
        file.touch(mode=0o600)
        file.write_text(CANARIES[key])
        return str(file)

    def _write(self) -> Path:
        accounts: dict[str, str] = {}
        for name, email, key in (
            ("home", EMAIL, "password"),
            ("flat", OTHER_EMAIL, "password_sha1"),
        ):
            given = {
                "email": email,
                f"{key}_file": self.secret_file(f"accounts.*.{key}"),
                "api_url": self.world.api_url,
                "wss_port": str(self.world.port),
                "ca_file": str(self.world.ca_file),
                "allowed_hosts": "localhost",
                "login_page": self.world.login_url,
            }
            accounts |= {f"accounts__{name}__{what}": value for what, value in given.items()}
        config = write_config(
            self.world,
            self.broker.port,
            self.directory,
            integrator=True,
            **accounts,
            mqtt__username="bridge",
            mqtt__password=CANARIES["mqtt.password"],
            mqtt__raw="true",
            mqtt__values="true",
            mqtt__device_state="true",
            reconnect__longest="0.5",
            outbound__enabled="true",
            outbound__listen=f"127.0.0.1:{self.outbound}",
            outbound__secret=CANARIES["outbound.secret"],
            outbound__rpc_methods="Ws.GetConfig,Shelly.GetConfig",
            web__public__listen=f"127.0.0.1:{self.public}",
            web__admin__listen=f"127.0.0.1:{self.admin}",
            web__admin__password_file=self.secret_file("web.admin.password"),
            log__level="debug",
        )
        devices = {VISITOR: {"password_file": self.secret_file("devices.*.password")}}
        with config.open("a") as file:
            file.write(f"devices: {json.dumps(devices)}\n")
        return config

    @property
    def canaries(self) -> set[str]:
        """Everything that may be nowhere."""
        with Store.open(self.directory / "data", exclusive=False) as store:
            stored = {store.callback_secret, store.outbound_secret}
            for name in ("home", "flat"):
                login = store.login(name)
                stored |= {login.access, login.code, login.refresh, login.refused}
        return {*CANARIES.values(), *self.world.secrets, *self.sent, *stored, "eyJ"} - {""}

    def get(self, path: str, password: str | None = None, method: str = "GET") -> int:
        """Ask the admin page, and keep what it answers but for where it leads to."""
        headers = {"Host": f"127.0.0.1:{self.admin}"}
        if password is not None:
            both = base64.b64encode(f"admin:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {both}"
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=20)
        try:
            connection.request(method, path, None, headers)
            response = connection.getresponse()
            told = [pair for pair in response.getheaders() if pair[0] != "Location"]
            text = response.read().decode(errors="replace")
            self.out.append((f"{method} {path}", f"{told} {text}"))
            return response.status
        finally:
            connection.close()

    def run(self, *arguments: str) -> None:
        """A command of somebody who administers the bridge."""
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *arguments, "-c", str(self.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.out.append((arguments[0], done.stdout + done.stderr))

    def look_at_the_process(self) -> None:
        """What others may see of it while it runs; and no core file may ever be written."""
        process = Path(f"/proc/{self.bridge.running.pid}")
        self.out.append(("its arguments", process.joinpath("cmdline").read_text()))
        # Readable for its own user only; secrets that come from files are not there at all.
        self.out.append(("its environment", process.joinpath("environ").read_text()))
        assert process.joinpath("environ").stat().st_mode & 0o077 == 0
        limits = process.joinpath("limits").read_text().splitlines()
        (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
        assert core[4] == "0"


def attack_the_pages(scene: Scene) -> None:
    right = CANARIES["web.admin.password"]
    for path in (
        *("/", "/healthz", "/metrics", "/devices", f"/devices/{scene.granted.hex_id}"),
        *("/maintenance", "/diagnostics.json", "/consent", "/login/home", "/login/x", "/x%00"),
        "/login/home/callback?code=canary.code.8&state=canary-state",
    ):
        scene.get(path, right)
    # Further wrong ones are answered before anything is looked at.
    for wrong in (None, right[:-1], right.upper(), f"{right} "):
        scene.get("/", wrong)
        scene.get(f"/sign-in?to=/&password={quote(right)}", wrong)
    scene.sent |= {"canary.code.8"}


def attack_the_callback(scene: Scene) -> None:
    path = callback_path(scene.directory)
    url = f"http://127.0.0.1:{scene.public}"
    caller, device = scene.world.consent, scene.world.add_device("SNSW-001P16EU")
    for where, claims, fields in (
        (path, {}, {"host": "evil.example"}),
        (path, {"itg": "other"}, {}),
        (path, {"exp": 1}, {}),
        (path[:-1], {}, {}),
        (f"{path}/x", {}, {}),
        (path, {}, {"name": 5}),
        (path, {}, {}),
    ):
        token = caller.trust(device.id, **claims)
        scene.sent.add(token)
        answer = caller.post(f"{url}{where}", caller.body(device, **fields), trust=token)
        scene.out.append(("the callback's answer", answer.body.decode()))


def attack_the_clouds(scene: Scene) -> None:
    host, api = scene.world.host(), scene.world.api
    for kind in (Asked.REFRESH, Asked.CODE, Asked.LOGIN):
        scene.home.faults.answers[kind] = Answer.REFUSED
    scene.home.revoke()
    # A host that leads away with what it was sent, or refuses it, whose token then is refused too.
    host.faults.refuse_location = f"https://localhost/?t={CANARIES['integrator.token']}"
    api.faults.token = TokenAnswer.NOT_OK
    host.drop()
    for host.faults.refuse, said in ((302, "HTTP 302"), (500, "HTTP 500"), (401, "HTTP 401")):
        wait_for_line(scene, said)
    wait_for_line(scene, "no access token")
    api.faults.token, host.faults.refuse = TokenAnswer.GOOD, None
    scene.home.faults.answers.clear()


def wait_for_line(scene: Scene, said: str) -> None:
    """Wait until the integrator's connection has failed in this way."""
    start = "WARNING cloud-localhost-read"

    def found() -> bool:
        return any(start in line and said in line for line in scene.bridge.log.splitlines())

    wait_until(found, 30, said)


def connect_devices(scene: Scene, peer: Peer) -> None:
    url = f"ws://127.0.0.1:{scene.outbound}/shelly/{CANARIES['outbound.secret']}"
    scene.dialers.add(f"{url}x").dial()
    scene.dialers.add(url.replace("/shelly/", "/")).dial()
    device = scene.dialers.add(url, VISITOR)
    told = {"ws": {"enable": True, "server": url, "ssl_ca": "*"}}
    device.answers |= {"Ws.GetConfig": told["ws"], "Shelly.GetConfig": told}
    denied(lambda auth: None if auth else {"code": 401, "message": CHALLENGE})(device)
    device.dial()
    wait_until(lambda: peer.values.get(f"shelly/{VISITOR}/availability") == b"online", 15)
    answers = f"shelly/{VISITOR}/rpc/response"
    for method in ("Ws.GetConfig", "Shelly.GetConfig"):
        asked = len(peer.payloads(answers))
        peer.publish(f"shelly/{VISITOR}/rpc", json.dumps({"id": 1, "method": method}))
        wait_until(lambda: len(peer.payloads(answers)) > asked, 15)  # noqa: B023 - called at once


def test_a11_every_secret_of_the_configuration_has_a_canary() -> None:
    assert set(secret_keys(SCHEMA)) == CANARIES.keys()


@pytest.mark.timeout(240)
def test_a11_no_secret_gets_out_whatever_goes_wrong(tmp_path: Path) -> None:
    with ExitStack() as stack:
        scene = Scene(tmp_path, stack)
        refused, good = "another", CANARIES["mqtt.password"]
        # A bridge that is refused waits for ten seconds.
        scene.broker.credentials = {"bridge": refused if LONG else good, "peer": "peer"}
        peer = stack.enter_context(Peer(scene.broker.port, "#", login=("peer", "peer")))
        before = os.umask(0)
        try:
            bridge = stack.enter_context(scene.bridge)
        finally:
            os.umask(before)
        wait_until(lambda: not LONG or "it refuses us" in bridge.log, 20)
        scene.broker.credentials = {"bridge": good, "peer": "peer"}
        wait_until(lambda: peer.values.get(f"shelly/{scene.granted.hex_id}/relay/0"), 30)
        wait_until(lambda: peer.values.get(f"shelly/{scene.owned.hex_id}/relay/0"), 30)
        wait_healthy(scene.public, 20)
        connect_devices(scene, peer)
        attack_the_callback(scene)
        attack_the_pages(scene)
        for name in ("health_check", "login_url", "device/refresh", "diagnostics", "options"):
            peer.publish(f"shelly/bridge/request/{name}", "home")
        scene.run("check")
        scene.run("devices")
        scene.look_at_the_process()
        attack_the_clouds(scene)
        attack_the_pages(scene)
        assert bridge.terminate() == 0
        log = bridge.log
        assert "DEBUG" in log
        assert "Traceback" not in log
        canaries = scene.canaries
        assert len(canaries) > 20
        for message in peer.heard:
            scene.out.append(
                (message.topic, message.topic + message.payload.decode(errors="replace"))
            )
        for what, text in [("the log", log), *scene.out]:
            assert_clean(what, text, canaries)
        files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
        assert files
        # A15: whatever the umask was.
        assert [file for file in files if file.stat().st_mode & 0o077] == []
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0


@pytest.mark.postgres
def test_a11_the_address_of_the_database_stays_inside_when_nobody_answers(tmp_path: Path) -> None:
    address = CANARIES["cluster.database"]
    with World(["localhost"]) as world, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        secret = tmp_path / "database"
        secret.touch(mode=0o600)
        secret.write_text(address.format(port=port))
        config = write_config(
            world, port, tmp_path, cluster__database_file=str(secret), log__level="debug"
        )
        server.close()
        for command in ("check", "consent-url", "devices"):
            done = subprocess.run(
                [sys.executable, "-m", "bridge", command, "-c", str(config)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
            )
            said = done.stdout + done.stderr
            assert done.returncode == 1, said
            assert "PostgreSQL" in said
            canaries = {address.format(port=port), "canary%20database%208", "canary database 8"}
            assert_clean(command, said, canaries)


def commands() -> dict[str, CommandParser]:
    """The parser of each command."""
    made = CommandParser().add_subparsers(parser_class=CommandParser)
    for module in vars(cli)["_COMMANDS"]:
        module.register(made)
    return dict(made.choices)


@pytest.mark.parametrize("command", commands())
def test_a15_no_command_takes_a_secret_as_an_argument(command: str) -> None:
    found = commands()[command]
    if found.fill is not None:
        found.fill(found)
    taking = [action for action in found._actions if action.nargs != 0]
    names = [name for action in taking for name in (*action.option_strings, action.dest)]
    assert names
    secret = [name for name in names if re.search("password|secret|token|code|sha1", name)]
    assert [name for name in secret if not name.endswith(("file", "_file"))] == []
