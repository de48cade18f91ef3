"""The driver's table and exit status; the oracle itself is tested by `ha_check --self-test`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.homeassistant import ha_check, selftest
from tests.homeassistant.environment import Environment, Unavailable

ENTRY = {"file": "a.jsonl", "kind": "logged", "topic": "t", "component": "", "text": "no"}


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    file = tmp_path / "a.jsonl"
    file.write_text('{"topic": "t", "payload": "p"}\n', encoding="utf-8")
    return file


def _answer(monkeypatch: pytest.MonkeyPatch, status: int, *entries: dict[str, str]) -> None:
    """Let the oracle answer this, for two releases."""

    def prepare(_requirements: Sequence[Path], _say: Callable[[str], None]) -> list[Environment]:
        return [Environment(release, Path("/"), Path("/")) for release in ("1", "2")]

    def run(
        _self: Environment, _package: Path, _given: str, _limit: float
    ) -> subprocess.CompletedProcess[str]:
        text = "".join(f"{json.dumps(entry)}\n" for entry in entries)
        return subprocess.CompletedProcess([], status, text, "it broke")

    monkeypatch.setattr(ha_check, "prepare", prepare)
    monkeypatch.setattr(Environment, "run", run)


def test_nothing_found(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answer(monkeypatch, 0)
    assert ha_check.main([str(recorded)]) == 0
    assert "Home Assistant 1, 2: findings: 0 " in capsys.readouterr().out


def test_a_finding_is_told_once_with_all_components_and_releases(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [ENTRY | {"component": name} for name in ("x", "y")]
    _answer(monkeypatch, 3, *entries)
    assert ha_check.main([str(recorded)]) == ha_check.FOUND
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["a.jsonl", "logged", "t", "[x,", "y]"]
    assert said[1].strip() == "no  (1, 2)"
    assert said[2].startswith("Home Assistant 1, 2: findings: 1 ")


def test_a_self_test_that_finds_nothing_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answer(monkeypatch, 0)
    assert ha_check.main(["--self-test"]) == ha_check.FOUND
    assert "1: unknown root key: [] instead of [('device_refused', '')]" in capsys.readouterr().out


def test_a_self_test_whose_findings_are_the_expected_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [
        ENTRY | {"file": f"self-test: {case.name}", "kind": kind, "component": component}
        for case in selftest.CASES
        for kind, component in case.expected
    ]
    _answer(monkeypatch, 3, *entries)
    assert ha_check.main(["--self-test"]) == 0
    assert f"{len(selftest.CASES)} cases: 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize("status", [1, 2, -9])
def test_an_oracle_that_breaks_is_not_taken_for_findings(
    recorded: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
) -> None:
    _answer(monkeypatch, status)
    assert ha_check.main([str(recorded)]) == ha_check.BROKEN
    assert "1: it broke" in capsys.readouterr().err


def test_an_environment_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(_requirements: Sequence[Path], _say: Callable[[str], None]) -> list[Environment]:
        raise Unavailable("no root")

    monkeypatch.setattr(ha_check, "prepare", prepare)
    assert ha_check.main(["--self-test"]) == ha_check.UNAVAILABLE
    assert "no root" in capsys.readouterr().err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert ha_check.main(["/nowhere.jsonl"]) == ha_check.BROKEN
    assert "/nowhere.jsonl" in capsys.readouterr().err


def test_a_folder_stands_for_its_files_and_an_empty_one_for_a_mistake(
    recorded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given: list[str] = []

    def judge(_environment: Environment, lines: str) -> list[ha_check.Finding]:
        given.append(lines)
        return []

    _answer(monkeypatch, 0)
    monkeypatch.setattr(ha_check, "judge", judge)
    (tmp_path / "b.jsonl").write_text('{"topic": "u", "payload": "q"}\n', encoding="utf-8")
    assert ha_check.main([str(recorded.parent)]) == 0
    read = [json.loads(line) for line in given[0].splitlines() if line]
    assert [line.get("file") or line["topic"] for line in read] == ["a", "t", "b", "u"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert ha_check.main([str(empty)]) == ha_check.BROKEN
    assert str(empty) in capsys.readouterr().err


def test_the_names_of_the_cases_are_unique() -> None:
    names = [case.name for case in selftest.CASES]
    assert len(names) == len(set(names))
