"""The lowest versions that are allowed work, and the tested ones are all that is needed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packages import constraints
from tests.packages.constraints import LOWEST, TESTED, known, read
from tests.packages.programs import ROOT, once
from tests.packages.test_wheel import NAME, built, run, use

__all__ = ["built"]

FAST = (
    "config/test_yamltext.py",
    "core/test_engine.py",
    "mqtt/test_connection.py",
    "sources/test_outbound_contract.py",
    "sources/test_websocket.py",
    "web/test_metrics.py",
    "web/test_pages.py",
    "web/test_scl_trust.py",
    "web/test_server.py",
)
"""Each library that we use has one of these that leans on it, and they take seconds."""


def test_the_lowest_versions_are_those_of_the_package() -> None:
    assert read(LOWEST.read_text()) == constraints.floors()


def test_the_tested_versions_are_all_that_is_needed_and_allowed() -> None:
    tested = read(TESTED.read_text())
    assert known(tested) == known(constraints.installed())
    versions = {canonicalize_name(name): version for name, version in tested.items()}
    for each in constraints.wanted():
        assert versions[canonicalize_name(each.name)] in each.specifier


@pytest.mark.parametrize("line", ["flask", "flask>=3", "==3", "flask==", "-e .", ""])
def test_anything_but_exact_versions_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="not an exact version"):
        read(f"# head\nsegno==1.6\n{line}\n")


@pytest.mark.parametrize(
    ("text", "extras", "applies"),
    [
        ("a", (), True),
        ("a; extra == 'crypto'", (), False),
        ("a; extra == 'crypto'", ("crypto",), True),
        ("a; python_version < '3'", (), False),
    ],
)
def test_what_is_needed_here(text: str, extras: tuple[str, ...], applies: bool) -> None:
    assert constraints.applies(Requirement(text), extras) is applies


@pytest.fixture(scope="session")
def lowest(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the lowest versions, and pytest besides."""

    def install(place: Path) -> None:
        assert run([sys.executable, "-m", "venv", place / "venv"], place).returncode == 0
        python = place / "venv" / "bin" / "python"
        wheel = built / f"{NAME}-py3-none-any.whl"
        others = ("pytest", "pytest-timeout", "hypothesis")
        done = run([python, "-m", "pip", "install", "-c", LOWEST, wheel, *others], place)
        assert done.returncode == 0, done.stderr

    return once(tmp_path_factory, "lowest", install) / "venv" / "bin"


@pytest.mark.packages
@pytest.mark.timeout(400)
def test_the_lowest_versions_are_what_is_installed(lowest: Path, tmp_path: Path) -> None:
    done = use([lowest / "python", "-m", "pip", "list", "--format=json"], tmp_path)
    there = {canonicalize_name(each["name"]): each["version"] for each in json.loads(done.stdout)}
    for name, version in constraints.floors().items():
        assert there[canonicalize_name(name)] in Requirement(f"{name}=={version}").specifier


@pytest.mark.packages
@pytest.mark.timeout(400)
def test_the_demo_works_with_the_lowest_versions(lowest: Path, tmp_path: Path) -> None:
    done = use([lowest / "shelly-bridge", "demo", "--seconds", "3"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mosquitto_sub" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.packages
@pytest.mark.timeout(400)
def test_the_fast_part_of_the_suite_passes_with_the_lowest_versions(
    lowest: Path, tmp_path: Path
) -> None:
    # A copy of the tests alone, so that what they import is what was installed.
    shutil.copytree(
        ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    files = [f"tests/{file}" for file in FAST]
    options = ["-q", "-p", "no:cacheprovider", "-m", "not quiet", f"--basetemp={tmp_path / 'work'}"]
    done = run(
        [lowest / "python", "-m", "pytest", *options, *files],
        tmp_path,
        HYPOTHESIS_PROFILE="dev",
        HOME=str(tmp_path),
    )
    assert done.returncode == 0, done.stdout[-5_000:]
    assert "skipped" not in done.stdout.splitlines()[-1]
    code = "import bridge; print(bridge.__file__)"
    assert str(lowest.parent) in use([lowest / "python", "-c", code], tmp_path).stdout


@pytest.mark.packages
@pytest.mark.timeout(400)
def test_with_the_tested_versions_nothing_else_is_installed(built: Path, tmp_path: Path) -> None:
    wheel = built / f"{NAME}-py3-none-any.whl"
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    done = run([*command, "--report", report, "-c", TESTED, wheel], tmp_path)
    assert done.returncode == 0, done.stderr
    found = [each["metadata"] for each in json.loads(report.read_text())["install"]]
    versions = {canonicalize_name(each["name"]): each["version"] for each in found}
    versions.pop(canonicalize_name("shelly-mqtt-bridge"))
    tested = read(TESTED.read_text())
    assert versions == {canonicalize_name(name): version for name, version in tested.items()}
