from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.config.example import render
from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from tests.brokers import free_port
from tests.restore import logging_as_it_was


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """The lines on standard error; every one must be ours."""
        lines = self.err.splitlines()
        assert all(line.startswith("shelly-bridge: ") for line in lines), self.err
        assert all(line.isprintable() for line in lines)
        return lines


Cli = Callable[..., Result]


@pytest.fixture
def cli(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cli]:
    """Runs the command line here, in an empty directory and without variables of ours."""
    for name in list(os.environ):
        if name.startswith("SHELLY_BRIDGE"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    signals = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        written = capsys.readouterr()
        return Result(code, written.out, written.err)

    with logging_as_it_was():
        yield run
    for number, handler in signals:
        signal.signal(number, handler)


Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Writes a configuration that is right, but for the given values; `__` stands for a dot."""

    def write(**values: str | int | Path) -> Path:
        given = {key.replace("__", "."): str(value) for key, value in values.items()}
        file = tmp_path / "bridge.yaml"
        file.touch(mode=0o600)
        file.write_text(
            render(
                {
                    "mqtt.host": "127.0.0.1",
                    "mqtt.port": str(free_port()),
                    "integrator.tag": "ITG_TEST",
                    "integrator.token": "canary-token",
                    "integrator.api_url": f"https://127.0.0.1:{free_port()}",
                    "web.public.listen": "127.0.0.1:0",
                    "web.public.url": "https://bridge.example.org",
                    "web.admin.listen": "127.0.0.1:0",
                    "data_dir": str(tmp_path / "data"),
                    **given,
                }
            )
        )
        return file

    return write


@pytest.fixture
def world() -> Iterator[World]:
    """A simulated cloud whose host this machine can resolve."""
    with World(["localhost"]) as running:
        yield running


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
def reachable(configure: Configure, world: World, broker: Broker) -> Configure:
    """As `configure`, with everything there that the configuration names."""

    def write(**values: str | int | Path) -> Path:
        given: dict[str, str | int | Path] = {
            "mqtt__port": broker.port,
            "integrator__tag": world.tag,
            "integrator__token": world.token,
            "integrator__api_url": world.api_url,
            "integrator__wss_port": world.port,
            "integrator__ca_file": world.ca_file,
            "integrator__hosts": "localhost",
            "integrator__allowed_hosts": "localhost",
        }
        return configure(**{**given, **values})

    return write
