"""Simulated devices instead of captured ones, and the files for Home Assistant's own code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.simulator.devices.catalog import MODELS
from tests.frames import captures, messages


def test_no_name_breaks_a_topic_or_a_discovery_message() -> None:
    """The dialogue holds every publication against the rules, and discovery against the guard."""
    for capture in map(messages.misnamed, messages.simulated()):
        published = messages.messages(capture, in_use=True)
        topics = {publish.topic for publish in published}
        assert f"homeassistant/device/{capture.device}/config" in topics


def test_every_device_is_written_with_control_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "SHARED_FIXTURES", tmp_path / "none")
    monkeypatch.delenv("TESTS_REQUIRE", raising=False)
    messages.main(tmp_path)
    assert len(list(tmp_path.glob("simulated-*.jsonl"))) == 4 * len(MODELS)
    first = "simulated-SNSW-001P16EU"
    for name, control in ((first, True), (f"{first}.read-only", False)):
        lines = (tmp_path / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        told = [json.loads(line) for line in lines]
        configs = [each for each in told if each["topic"].endswith("/config") and each["retain"]]
        assert ('"p":"switch"' in configs[-1]["payload"]) is control


def test_captures_that_are_required_and_not_there_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "SHARED_FIXTURES", tmp_path / "none")
    monkeypatch.setenv("TESTS_REQUIRE", "mosquitto,shared_fixtures")
    with pytest.raises(SystemExit, match="shared_fixtures"):
        messages.main(tmp_path)
