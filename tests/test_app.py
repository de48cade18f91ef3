"""The stop of the bridge: in time, whatever hangs."""

from __future__ import annotations

import json
import subprocess
import sys
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
    web = {"admin": {"listen": "127.0.0.1:0"}}
    written = {"data_dir": str(tmp_path / "data"), "mqtt": {"host": "localhost"}}
    file.write_text(json.dumps(written | {"outbound": outbound, "web": web}))
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


@pytest.mark.parametrize("public", [False, True])
def test_without_http_listeners_their_libraries_take_no_memory(
    tmp_path: Path, public: bool
) -> None:
    file = tmp_path / "config.yaml"
    file.touch(mode=0o600)
    web = {
        "public": {"enabled": public, "listen": "127.0.0.1:0"},
        "admin": {"enabled": False},
    }
    integrator = {"tag": "ITG_TEST", "token": "not-a-secret"}
    written = {"data_dir": str(tmp_path / "data"), "mqtt": {"host": "localhost"}}
    file.write_text(json.dumps(written | {"integrator": integrator, "web": web}))
    program = (
        "import sys, pathlib, bridge.config; from bridge.app import Bridge; "
        "Bridge(bridge.config.load(pathlib.Path(sys.argv[1]), {})).stop(); "
        "print(*sorted({'flask', 'waitress', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == (["cryptography", "flask", "waitress"] if public else [])
