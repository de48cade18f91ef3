"""The bridge under a service manager: ready when it is, alive while it is, and not otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge import app
from bridge.notify import Notifier
from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from bridge.supervision import Supervision
from bridge.watch import Patience, Watch
from tests.brokers import Peer, free_port, wait_until
from tests.manager import Manager
from tests.system.process import BridgeProcess
from tests.system.rig import HOSTS, Rig, store_grants, write_config

RELAY = "SNSW-001P16EU"
WATCHDOG = 1_200_000
"""µs; a sign of life comes ten times a second, as far as the bridge looks so often."""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path) as listening:
        yield listening


def supervised(config: Path, manager: Manager) -> BridgeProcess:
    """The bridge as a process that this manager has started."""
    return BridgeProcess(config, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=str(WATCHDOG))


def test_it_is_ready_when_the_broker_came_and_asks_for_time_until_then(
    tmp_path: Path, manager: Manager
) -> None:
    port = free_port()
    with World() as world:
        store_grants(tmp_path, [world.add_device(RELAY)])
        with supervised(write_config(world, port, tmp_path), manager) as bridge:
            wait_until(lambda: len(manager.said("EXTEND_TIMEOUT_USEC")) >= 5, 20)
            wait_until(lambda: "1 of 1 connections, 1 devices" in manager.said("STATUS")[-1], 20)
            assert manager.said("STATUS")[-1].startswith(f"waiting for the broker 127.0.0.1:{port}")
            assert manager.said("READY") == []
            assert set(manager.said("WATCHDOG")) == {"1"}
            with Broker(port=port):
                wait_until(lambda: manager.said("READY"), 20)
                alive = len(manager.said("WATCHDOG"))
                wait_until(lambda: len(manager.said("WATCHDOG")) >= alive + 3)
                assert manager.said("STATUS")[-1].startswith("connected to the broker")
                more = len(manager.said("EXTEND_TIMEOUT_USEC"))
                assert bridge.terminate() == 0
        wait_until(lambda: manager.said("STOPPING") == ["1"])
        assert manager.said("READY") == ["1"]
        assert manager.said("RELOADING") == []
        assert manager.first("STOPPING") == len(manager.messages) - 1
        assert more == len(manager.said("EXTEND_TIMEOUT_USEC"))


def test_a_restart_on_request_stays_the_same_process_and_gets_ready_again(
    tmp_path: Path, manager: Manager
) -> None:
    with World() as world, Broker() as broker, Peer(broker.port, "shelly/bridge/#") as peer:
        with supervised(write_config(world, broker.port, tmp_path), manager) as bridge:
            wait_until(lambda: manager.said("READY"), 20)
            wait_until(lambda: peer.values.get("shelly/bridge/info"))
            peer.publish("shelly/bridge/request/restart", "")
            wait_until(lambda: len(manager.said("READY")) == 2, 20)
            assert manager.said("RELOADING") == ["1"]
            assert manager.said("STOPPING") == []
            assert bridge.running.poll() is None
            alive = len(manager.said("WATCHDOG"))
            wait_until(lambda: len(manager.said("WATCHDOG")) >= alive + 3)
            assert bridge.terminate() == 0
        wait_until(lambda: manager.said("STOPPING") == ["1"])


def test_a_wrong_configuration_is_never_ready(tmp_path: Path, manager: Manager) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("version: 1\nmqtt: {host: localhost, prot: 1}\n")
    with supervised(config, manager) as bridge:
        assert bridge.running.wait(20) == 78
    assert manager.messages == []


Hang = Callable[[Rig, Callable[..., Any]], str]


def _engine(rig: Rig, hang: Callable[..., Any]) -> str:
    vars(rig.bridge)["_engine"].tick = hang
    return "engine"


def _mqtt(rig: Rig, hang: Callable[..., Any]) -> str:
    vars(vars(rig.bridge)["_mqtt"])["_publisher"].work = hang
    return "mqtt"


def _writer(rig: Rig, hang: Callable[..., Any]) -> str:
    host = vars(vars(rig.bridge)["_integrator"])["_hosts"][HOSTS[0]]
    host.due = hang
    return f"cloud-{HOSTS[0]}-write"


def _reader(rig: Rig, hang: Callable[..., Any]) -> str:
    host = vars(vars(rig.bridge)["_integrator"])["_hosts"][HOSTS[0]]
    host.state_changed = hang
    rig.world.host().drop()
    return f"cloud-{HOSTS[0]}-read"


@pytest.mark.parametrize("part", [_engine, _mqtt, _writer, _reader])
def test_a_part_that_hangs_ends_the_signs_of_life_and_then_the_bridge(
    tmp_path: Path,
    manager: Manager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    part: Hang,
) -> None:
    quick = Patience(late=2, stuck=4)
    parts: dict[str, Patience] = {}
    monkeypatch.setattr(app, "Watch", partial(Watch, parts=parts))
    hold = threading.Event()

    def hang(*_: object) -> None:
        hold.wait(30)
        raise SystemExit

    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(WATCHDOG)}
    supervision = Supervision(Notifier(environ))
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        # The reader of a quiet connection would not come round for half a minute.
        rig.world.run_load(20, seconds=30)
        life = threading.Thread(target=rig.bridge.wait, args=(25, supervision))
        life.start()
        wait_until(lambda: manager.said("READY") and len(manager.said("WATCHDOG")) >= 10)
        name = part(rig, hang)
        parts[name] = quick
        life.join(20)
        assert not life.is_alive()
        assert f"stuck, so the bridge ends: {name}" in caplog.text
        assert time.monotonic() - manager.heard_at("WATCHDOG")[-1] >= quick.stuck - quick.late - 1
        hold.set()
        rig.stop()
        assert rig.exit_code == 1
