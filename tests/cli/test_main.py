"""The command as a whole: exit codes, and one clear line for every known problem."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bridge
from bridge.cli import run as run_command
from bridge.errors import StartError
from tests.cli.conftest import Cli, Configure

ROOT = Path(__file__).parents[2]


def test_the_version_is_told(cli: Cli) -> None:
    result = cli("--version")
    assert (result.code, result.out) == (0, f"shelly-bridge {bridge.__version__}\n")


def test_help_names_every_command(cli: Cli) -> None:
    result = cli("--help")
    assert result.code == 0
    for command in ("run", "check", "init", "demo", "simulate", "consent-url", "devices"):
        assert f"\n    {command}" in result.out
        assert cli(command, "--help").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["run", "--fast"],
        ["run", "config.yaml"],
        ["check", "-c"],
        ["init", "--set", "mqtt.host"],
        ["init", "--set", "=localhost"],
        ["demo", "--hosts", "0"],
        ["demo", "--devices", "many"],
        ["demo", "--rate", "nan"],
        ["demo", "--rate", "-1"],
        ["demo", "--seconds", "0"],
        ["demo", "--seconds", "inf"],
        ["demo", "--mqtt", "localhost"],
        ["demo", "--mqtt", "localhost:70000"],
        ["demo", "--mqtt", ":1883"],
        ["simulate", "--hosts", "0"],
        ["simulate", "--consent", "ftp://x/"],
    ],
)
def test_wrong_usage_is_told_with_the_usage(cli: Cli, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert result.code == 2
    assert result.err.startswith("usage: shelly-bridge")
    assert "error: " in result.err.splitlines()[-1]


def test_every_problem_of_the_configuration_is_told_at_once(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text('mqtt:\n  hots: x\n  port: high\n"\\e[31mred": 1\nintegrator: {}\n')
    result = cli("run", "-c", file)
    assert result.code == 78
    assert len(result.complaints) >= 4
    assert any("wrong.yaml:2: mqtt.hots" in line for line in result.complaints)


def test_a_problem_at_run_time_is_one_line(
    cli: Cli, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StartError("the sky is falling")

    monkeypatch.setattr(run_command, "Bridge", fail)
    result = cli("run", "-c", configure())
    assert (result.code, result.complaints) == (1, ["shelly-bridge: the sky is falling"])


def test_an_interrupt_is_not_an_error_text(
    cli: Cli, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_command, "Bridge", interrupt)
    result = cli("run", "-c", configure())
    assert (result.code, result.err) == (130, "")


def test_our_own_bugs_are_not_hidden(
    cli: Cli, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(run_command, "Bridge", fail)
    with pytest.raises(ZeroDivisionError):
        cli("run", "-c", configure())


def test_a_reader_that_leaves_early_causes_no_traceback(configure: Configure) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "consent-url", "-c", str(configure())],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(10) == 1


def test_the_bridge_does_not_load_the_simulator() -> None:
    program = "import sys, bridge.cli as cli; cli._parser(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "bridge.app" in loaded
    assert not [name for name in loaded if name.startswith(("bridge.simulator", "bridge.demo"))]
