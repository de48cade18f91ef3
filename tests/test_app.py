"""The bridge as a whole: it tells how it is, and its stop is in time, whatever hangs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge import config, threads
from bridge.app import STOP_LIMIT, Bridge
from bridge.cluster.settings import KeeperTiming
from bridge.errors import StartError
from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from bridge.threads import Deadline
from tests.brokers import Peer, wait_until
from tests.postgres import PostgresServer
from tests.system.process import BridgeProcess
from tests.system.rig import Rig, write_config


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


def test_health_tells_rates_and_delays(tmp_path: Path) -> None:
    with (
        World() as world,
        Broker() as broker,
        Peer(broker.port, "shelly/#") as peer,
        BridgeProcess(write_config(world, broker.port, tmp_path)) as bridge,
    ):
        wait_until(lambda: peer.values.get("shelly/bridge/info"), 20, "it works")
        asked = 0
        while "shelly/bridge/health" not in peer.values and asked < 200:
            peer.publish("shelly/bridge/request/nothing", "")
            asked += 1
            with suppress(AssertionError):
                wait_until(lambda: "shelly/bridge/health" in peer.values, 0.1)
        told = json.loads(peer.values["shelly/bridge/health"])
        assert bridge.terminate() == 0
    assert told["events_per_second"] > 0
    assert told["publications_per_second"] > 0
    assert told["loop_delay_ms"] >= 0


def test_who_looks_at_the_page_does_not_count_as_what_happens(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        device = rig.add("SNSW-001P16EU")
        rig.start().wait_online(device)
        rig.bridge.wait(0.4)
        begin, looks = time.monotonic(), 40
        page = f"http://127.0.0.1:{rig.bridge.ports['web-admin']}/devices"
        for _ in range(looks):
            with urllib.request.urlopen(page, timeout=10) as answer:
                assert answer.status == 200
        rig.bridge.wait(0.4)
        told = rig.bridge._vitals().values
        rate = told["events_per_second"]
        assert isinstance(rate, float)
        assert rate * (time.monotonic() - begin) < looks / 2
        # To look takes nothing away from who looks next.
        again = rig.bridge._vitals().values
        for key in ("events_per_second", "publications_per_second", "loop_delay_ms"):
            assert again[key] == told[key]


@pytest.mark.postgres
def test_whose_name_is_taken_says_nothing_to_the_broker(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    address = postgres.database()
    with World() as world, Broker() as broker, Peer(broker.port, "shelly/#") as peer:
        both = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            place = tmp_path / name
            file = write_config(
                world, broker.port, place, cluster__database=address, cluster__instance="a"
            )
            both.append(Bridge(config.load(file, {})))
        first, second = both
        assert second._keeper is not None
        second._keeper._timing = KeeperTiming(name=0.5)
        try:
            first.start()
            wait_until(lambda: peer.values.get("shelly/bridge/a/state") == b"online", 20)
            with pytest.raises(StartError, match="another instance is called a"):
                second.start()
            assert not second._mqtt.thread_alive
        finally:
            second.stop()
            said = peer.payloads("shelly/bridge/a/state")
            first.stop()
        assert said == [b"online"]
