"""The container's recipe and the compose example, as far as they can be tried without an engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import bridge
from bridge import config
from bridge.config.example import render
from bridge.threads import Deadline
from bridge.web.admin import create_admin_app
from bridge.web.server import WebServer
from tests.brokers import MosquittoProcess, Peer
from tests.packages.dockerfile import Instruction, problems, read, stages
from tests.packages.programs import EXAMPLES, ROOT
from tests.web.admin_site import make_site

DOCKERFILE = (ROOT / "Dockerfile").read_text()
DOCKERIGNORE = (ROOT / ".dockerignore").read_text()
COMPOSE = EXAMPLES / "compose"


def image(name: str) -> Instruction:
    """The one instruction of that name in the stage that is the image."""
    (found,) = [each for each in stages(read(DOCKERFILE))[-1] if each.name == name]
    return found


# The recipe


def test_the_recipe_keeps_the_rules() -> None:
    assert problems(DOCKERFILE, DOCKERIGNORE, ROOT) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("USER 10001:10001", "USER root", "the user is root"),
        ("USER 10001:10001", "USER 0:0", "the user is root"),
        ("USER 10001:10001\n", "", "USER is not there"),
        ("VOLUME", "USER 5\nRUN true\nVOLUME", "something runs after USER"),
        ("python:3.13-slim\nCOPY", "python:latest\nCOPY", "names no version"),
        ("python:3.13-slim\nCOPY", "python\nCOPY", "names no version"),
        ("COPY bridge/", "COPY no-such/", "no-such/ does not exist"),
        ("COPY bridge/", "COPY tests/", "kept back"),
        ("COPY bridge/", "ADD bridge/", "ADD is not wanted"),
        ("--from=build", "--from=other", "no stage other"),
        ("--no-cache-dir ", "", "cache"),
        ("HEALTHCHECK", "LABEL", "HEALTHCHECK is not there"),
        ('["shelly-bridge"]', "shelly-bridge", "signals"),
        ("ENV PATH", "ENV TOKEN=x PATH", "secret"),
        ("RUN install", "RUN curl x | sh; install", "not repeatable"),
        ("WORKDIR /build", "WORKDIR build", "not absolute"),
    ],
)
def test_a_fault_is_found(old: str, new: str, complaint: str) -> None:
    assert old in DOCKERFILE
    found = problems(DOCKERFILE.replace(old, new, 1), DOCKERIGNORE, ROOT)
    assert complaint in "\n".join(found)


def test_no_secret_and_no_data_goes_to_the_builder() -> None:
    for name in ("config.yaml", ".git", ".env", "data", "examples", "tests"):
        found = problems(f"FROM a:1.2-slim\nCOPY {name} .", DOCKERIGNORE, ROOT)
        assert f"{name} is kept back by .dockerignore" in found


def test_the_image_is_of_a_python_that_is_supported_and_keeps_its_data() -> None:
    version = re.search(r"python:(\d+\.\d+)", DOCKERFILE)
    assert version is not None
    assert f"Python :: {version[1]}\n" in (ROOT / "setup.cfg").read_text()
    (volume,) = image("VOLUME").words
    variables = dict(word.split("=", 1) for word in image("ENV").words)
    assert variables["SHELLY_BRIDGE_DATA_DIR"] == volume
    assert Path(variables["SHELLY_BRIDGE_CONFIG"]).parent == Path("/etc/shelly-bridge")
    assert image("ENTRYPOINT").words + image("CMD").words == ["shelly-bridge", "run"]


@pytest.mark.packages
@pytest.mark.timeout(300)
def test_what_the_recipe_runs_makes_an_environment_that_works(tmp_path: Path) -> None:
    """The first stage by hand: its copies, its commands, and then the image's entry point."""
    source, place = tmp_path / "build", tmp_path / "opt"
    (source / "bridge").parent.mkdir()
    first, last = stages(read(DOCKERFILE))
    for each in (each for each in first if each.name == "COPY"):
        *names, target = each.words
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target)
            else:
                shutil.copy(ROOT / name, source / target)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for each in (each for each in first if each.name == "RUN"):
        done = subprocess.run(
            ["sh", "-c", each.text.replace("/opt/shelly-bridge", str(place))],
            cwd=source,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and "packages" not in os.environ.get("TESTS_REQUIRE", ""):
            pytest.skip("no package index can be reached")
        assert done.returncode == 0, done.stderr
    (entry,) = next(each for each in last if each.name == "ENTRYPOINT").words
    done = subprocess.run(
        [place / "bin" / entry, "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"shelly-bridge {bridge.__version__}\n"
    assert not list(place.rglob("pip"))


@pytest.fixture
def admin() -> Iterator[tuple[WebServer, list[str]]]:
    """A real admin listener, and the list of what does not work."""
    failed: list[str] = []
    everywhere = "0.0.0.0"  # noqa: S104 - what it is told, not where it listens
    app = create_admin_app(
        make_site(listen_host=everywhere, password="canary", health=lambda: failed)
    )
    crashed: list[str] = []
    server = WebServer("web-admin", app, "127.0.0.1", 0, lambda name, _: crashed.append(name))
    server.start()
    yield server, failed
    assert server.stop(Deadline(5)) == []
    assert crashed == []


def test_the_health_check_asks_the_admin_listener(admin: tuple[WebServer, list[str]]) -> None:
    server, failed = admin
    command = re.sub(r"^.*?CMD ", "", image("HEALTHCHECK").text)
    python, flag, code = Instruction("CMD", command).words
    assert (python, flag) == ("python", "-c")

    def ask(port: int) -> int:
        words = [sys.executable, flag, code.replace("8080", str(port))]
        return subprocess.run(words, capture_output=True, timeout=20, check=False).returncode

    assert ask(server.port) == 0
    failed.append("mqtt")
    assert ask(server.port) == 1
    assert ask(1) == 1


def test_the_health_check_asks_where_the_listener_is_by_default(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(render({"mqtt.host": "localhost", "integrator.tag": "ITG_A"}))
    file.chmod(0o600)
    listen = config.load(file, {}).web.admin.listen
    assert f"'{listen.host}', {listen.port}" in image("HEALTHCHECK").text


# The compose example


def services() -> dict[str, Any]:
    """What the example starts."""
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return found


def test_the_bridge_can_write_to_its_data_only() -> None:
    service = services()["services"]["bridge"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    (volume,) = image("VOLUME").words
    writable = [mount for mount in service["volumes"] if not mount.endswith(":ro")]
    assert writable == [f"bridge-data:{volume}"]
    assert int(service["stop_grace_period"].rstrip("s")) > 10
    assert (COMPOSE / service["build"]).resolve() == ROOT


def test_only_this_machine_reaches_the_pages() -> None:
    for service in services()["services"].values():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:") or port == "1883:1883"


def test_everything_that_is_named_is_there() -> None:
    whole = services()
    named = {*whole["volumes"], *whole["secrets"]}
    for service in whole["services"].values():
        assert set(service.get("secrets", [])) <= named
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert (COMPOSE / source).exists() if source.startswith(".") else source in named


def test_the_bridges_configuration_is_right_with_the_secrets_it_is_given(tmp_path: Path) -> None:
    service = services()["services"]["bridge"]
    assert service["environment"]["CREDENTIALS_DIRECTORY"] == "/run/secrets"
    for name in service["secrets"]:
        secret = tmp_path / name
        secret.write_text("canary")
        secret.chmod(0o400)
    variables = dict(word.split("=", 1) for word in image("ENV").words)
    variables["SHELLY_BRIDGE_DATA_DIR"] = str(tmp_path / "data")
    loaded = config.load(
        COMPOSE / "config.yaml", {**variables, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    )
    assert loaded.mqtt.host in services()["services"]
    assert loaded.mqtt.username == "bridge"
    # Loopback within a container is nobody else's.
    for listen in (loaded.web.public.listen, loaded.web.admin.listen):
        assert listen.host == "0.0.0.0"  # noqa: S104 - compared with
        assert f"127.0.0.1:{listen.port}:{listen.port}" in service["ports"]


@pytest.mark.mosquitto
def test_the_brokers_configuration_lets_in_who_has_a_password(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "bridge", "canary"], check=True)
    text = (COMPOSE / "mosquitto.conf").read_text()
    mounts = [mount.split(":")[:2] for mount in services()["services"]["mosquitto"]["volumes"]]
    places = {inside: source for source, inside in mounts}
    assert "listener 1883\nset_tcp_nodelay true\n" in text
    for inside, ours in {
        "/mosquitto/config/acl": EXAMPLES / "mosquitto" / "acl",
        "/mosquitto/data": tmp_path,
    }.items():
        assert inside in text
        assert inside in places
        text = text.replace(inside, str(ours))
    with MosquittoProcess(whole=text) as broker:
        with Peer(broker.port) as stranger:
            assert stranger.refusal is not None
        with Peer(broker.port, login=("bridge", "canary")) as known:
            assert known.refusal is None
