"""What `python -m build` makes can be installed into an empty environment, and works there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import bridge
from tests.packages.programs import ROOT, once

pytestmark = [pytest.mark.packages, pytest.mark.timeout(400)]

NAME = f"shelly_mqtt_bridge-{bridge.__version__}"


def run(
    command: Sequence[str | Path], directory: Path, limit: float = 300, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a directory, without variables that would lead it back to the project."""
    ours = ("PYTHON", "SHELLY_BRIDGE", "VIRTUAL_ENV", "COV", "XDG_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


def use(command: Sequence[str | Path], directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the new environment as somebody who has never used it before."""
    return run(command, directory, 60, HOME=str(directory))


def build(place: Path) -> None:
    """Make `dist` with the sdist, and the wheel out of that, from a copy of the project."""
    probe: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "-d",
        place,
        "setuptools",
    ]
    reached = run(probe, place)
    if reached.returncode:
        reason = f"no package index can be reached: {reached.stderr[-300:]}"
        if "packages" in os.environ.get("TESTS_REQUIRE", "").split(","):
            pytest.fail(reason)
        pytest.skip(reason)
    left_out = ("[.]git", "[.]venv", "[.]*cache*", "[.]hypothesis", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, place / "project", ignore=shutil.ignore_patterns(*left_out))
    done = run(
        [sys.executable, "-m", "build", "--outdir", place / "dist", place / "project"], place
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the wheel and the sdist."""
    return once(tmp_path_factory, "packages", build) / "dist"


@pytest.fixture(scope="session")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel and what it needs, and nothing else."""

    def install(place: Path) -> None:
        assert run([sys.executable, "-m", "venv", place / "venv"], place).returncode == 0
        python = place / "venv" / "bin" / "python"
        wheel = built / f"{NAME}-py3-none-any.whl"
        done = run([python, "-m", "pip", "install", wheel], place)
        assert done.returncode == 0, done.stderr

    return once(tmp_path_factory, "environment", install) / "venv" / "bin"


def test_the_wheel_has_every_module_and_nothing_of_the_tests(built: Path) -> None:
    with zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(f"{NAME}.dist-info/METADATA").decode()
    files = (path for path in (ROOT / "bridge").rglob("*") if path.is_file())
    ours = {str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"}
    assert ours == {name for name in names if name.startswith("bridge/")}
    assert {name.split("/")[0] for name in names} == {"bridge", f"{NAME}.dist-info"}
    assert any(name.endswith("LICENSE") for name in names)
    assert "Requires-Python: >=3.11" in metadata
    assert "# shelly-mqtt-bridge" in metadata


def test_the_sdist_has_what_an_installation_wants(built: Path) -> None:
    with tarfile.open(built / f"{NAME}.tar.gz") as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {"README.md", "LICENSE", "CHANGELOG.md", "config.example.yaml", "Dockerfile"}
    wanted |= {"systemd/shelly-bridge.service", "systemd/shelly-bridge@.service"}
    wanted |= {"examples/mosquitto/acl", "constraints/tested.txt"}
    assert wanted <= names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


@pytest.mark.parametrize("how", [["shelly-bridge"], ["python", "-m", "bridge"]])
def test_it_says_its_version(installed: Path, tmp_path: Path, how: list[str]) -> None:
    done = use([installed / how[0], *how[1:], "--version"], tmp_path)
    assert (done.returncode, done.stdout) == (0, f"shelly-bridge {bridge.__version__}\n")


def test_without_a_configuration_it_ends_with_78(installed: Path, tmp_path: Path) -> None:
    done = use([installed / "shelly-bridge", "check"], tmp_path)
    assert done.returncode == 78
    assert "no file found" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_does_its_main_job(installed: Path, tmp_path: Path) -> None:
    done = use([installed / "shelly-bridge", "demo", "--seconds", "3"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mosquitto_sub" in done.stdout
    assert "Traceback" not in done.stderr


def test_what_is_installed_fits_together(installed: Path, tmp_path: Path) -> None:
    done = use([installed / "python", "-m", "pip", "check"], tmp_path)
    assert done.returncode == 0, done.stdout
    code = "import bridge, sys; print(bridge.__file__)"
    place = use([installed / "python", "-c", code], tmp_path).stdout
    assert str(installed.parent) in place
