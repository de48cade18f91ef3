"""The stop of the bridge: in time, whatever hangs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge import config, threads
from bridge.app import STOP_LIMIT, Bridge
from bridge.threads import Deadline


@pytest.mark.parametrize("hang", ["", "_sources", "_loop", "_mqtt", "_writer", "all"])
def test_a_part_that_hangs_costs_the_others_nothing_and_the_stop_is_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hang: str
) -> None:
    file = tmp_path / "config.yaml"
    outbound = {"enabled": True, "listen": "127.0.0.1:0"}
    written = {"data_dir": str(tmp_path / "data"), "mqtt": {"host": "localhost"}}
    file.write_text(json.dumps(written | {"outbound": outbound}))
    bridge = Bridge(config.load(file, {}))
    clock = [0.0]
    left: dict[str, float] = {}
    monkeypatch.setattr(threads, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def stops(name: str) -> SimpleNamespace:
        def stop(deadline: Deadline, *_: object) -> list[str]:
            left[name] = deadline.remaining()
            if hang in (name, "all"):
                clock[0] += left[name]
            return [name] if hang == name else []

        return SimpleNamespace(stop=stop)

    parts = ["_sources", "_loop", "_mqtt", "_writer"]
    for name in parts:
        monkeypatch.setattr(bridge, name, stops(name))
    code = bridge.stop()
    monkeypatch.undo()
    assert bridge.stop() == 0, "the parts themselves"
    assert code == int(hang in parts)
    assert list(left) == parts
    assert min(left.values()) >= 1.0
    assert clock[0] <= STOP_LIMIT <= 7.5
