"""What the environment says where it cannot be made, and where it takes Debian from."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

import pytest

from tests.homeassistant import environment

REQUIREMENTS = sorted((Path(__file__).parent / "oracle" / "releases").glob("*.txt"))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole PATH; the cache is empty, too."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def _program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def _apt(folder: Path, *targets: str) -> None:
    _program(folder, "apt-get", f"printf '%s\\n' {shlex.join(targets)}")


def test_only_root_can_make_the_tree(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert programs.is_dir()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(environment.Unavailable, match="only root"):
        environment.prepare(REQUIREMENTS, print)


def test_a_python_that_is_too_old_does_not_count(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    _program(programs, "python3.13", "exit 1")
    with pytest.raises(environment.Unavailable, match=r"no Python 3\.13\.2"):
        environment.prepare(REQUIREMENTS, print)


def test_without_apt_there_is_no_tree(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert programs.is_dir()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(environment.Unavailable, match="no apt"):
        environment.prepare([], print)


def test_the_tree_comes_from_the_archive_that_apt_uses(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    _apt(
        programs,
        "http://security.example/debian/ bookworm-security",
        "http://archive.example/debian/ bookworm",
    )
    _program(programs, "debootstrap", 'echo "E: $*"; exit 1')
    with pytest.raises(environment.Unavailable) as raised:
        environment.prepare([], print)
    said = str(raised.value)
    assert "debootstrap failed (status 1)" in said
    assert said.endswith("http://archive.example/debian/")


def test_apt_without_an_archive(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    _apt(programs, "http://security.example/debian/ bookworm-security")
    with pytest.raises(environment.Unavailable, match="names no Debian archive"):
        environment.prepare([], print)


def test_what_runs_gets_its_own_folder_the_input_and_the_packages(
    programs: Path, tmp_path: Path
) -> None:
    _program(programs, "python3.13", '[ "$1" = -c ] || /bin/cat; echo "$@ in $PYTHONPATH"')
    packages, package = tmp_path / "packages", tmp_path / "oracle"
    package.mkdir()
    release = environment.Environment("1", Path("/"), packages)
    done = release.run(package, "given\n", limit=30.0)
    assert done.stdout.splitlines()[0] == "given"
    assert f"-s -m oracle in {packages}:/tmp/ha-check-" in done.stdout
