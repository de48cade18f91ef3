"""An exception in each callback and each view: the bridge goes on, or it ends with an error.

The lists are taken from the code itself, so that nothing that is added is left out.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from bridge.mqtt.connection import Connection
from bridge.simulator.devices.base import Device
from bridge.sources.integrator_host import IntegratorHost
from bridge.sources.session import Owner
from tests.brokers import Peer
from tests.system.rig import HOSTS, Rig

RELAY = "SNSW-001P16EU"
ENDS_WITHIN = 5.0
"""After an exception that ends it (s)."""

PAHO = sorted(name for name in vars(Connection) if name.startswith("_on_"))
CALLED_BY_US = ("_on_disconnect", "_on_publish")
"""Paho calls these while we disconnect or publish, all others when the broker sent something."""

OWNER = sorted(name for name in vars(Owner) if not name.startswith("_") and name != "displaced")
READER, WRITER = (f"cloud-{HOSTS[0]}-{what}" for what in ("read", "write"))


class Broken:
    """A function that fails the first time, and then does what it did before."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.times = 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.times += 1
        if self.times == 1:
            raise ZeroDivisionError("broken on purpose")
        return self._function(*arguments, **options)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path, reconnect__longest="0.5") as made:
        yield made


def toggles(device: Device) -> int:
    """How often the device was told to change its output."""
    return sum("toggle" in str(order.params) for order in device.received)


@pytest.mark.parametrize("callback", [name for name in PAHO if name not in CALLED_BY_US])
def test_a_callback_that_paho_calls_when_something_comes_costs_a_connection(
    rig: Rig, callback: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    relay = rig.add(RELAY)
    rig.start().wait_online(relay)
    adapter = vars(rig.bridge)["_mqtt"]
    broken = break_next_connection(rig, callback, monkeypatch)
    rig.wait(lambda: adapter.connects > 1 and adapter.connected, 15, "it is there again")
    toggle(rig, relay)
    rig.wait(lambda: broken.times and adapter.connected, 15, "it broke, and is there again")
    # The message whose callback broke is lost, as a command may be and never carried out twice.
    before = 0 if callback == "_on_message" else 1
    rig.wait(lambda: toggles(relay) >= before, 15, "the command came")
    rig.wait(lambda: (adapter.connects > 2 and adapter.connected) or before, 15)
    toggle(rig, relay)
    rig.wait(lambda: toggles(relay) > before, 15, "commands are carried out")
    assert toggles(relay) == before + 1
    assert rig.bridge.failed_parts() == []
    assert "the connection was lost" in caplog.text


@pytest.mark.parametrize("callback", CALLED_BY_US)
def test_a_callback_that_paho_calls_while_we_call_it_makes_the_end_an_error(
    rig: Rig, callback: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    relay = rig.add(RELAY)
    rig.start().wait_online(relay)
    toggle(rig, relay)
    rig.wait(lambda: toggles(relay))
    adapter = vars(rig.bridge)["_mqtt"]
    broken = break_next_connection(rig, callback, monkeypatch)
    rig.wait(lambda: broken.times or (adapter.connects > 1 and adapter.connected), 15)
    rig.bridge.wait(0.5)
    rig.stop()
    assert broken.times
    assert rig.exit_code == 1
    assert "thread mqtt crashed" in caplog.text
    assert toggles(relay) == 1


def break_next_connection(rig: Rig, callback: str, monkeypatch: pytest.MonkeyPatch) -> Broken:
    """Have a callback fail once, and cut the connection, which has the right one."""
    broken = Broken(getattr(Connection, callback))
    monkeypatch.setattr(Connection, callback, lambda *given: broken(*given))
    assert rig.broker is not None
    rig.broker.cut()
    return broken


def toggle(rig: Rig, device: Device) -> None:
    """Tell a device to change its output, by a connection of its own."""
    with Peer(rig.port) as sender:
        sender.publish(f"shelly/{device.hex_id}/relay/0/set", "TOGGLE")


def refuse_token(rig: Rig) -> None:
    """The host does not take the token any more."""
    rig.world.host().faults.refuse = 401
    rig.world.host().drop()


def refuse_service(rig: Rig) -> None:
    """The host knows nothing of us any more."""
    rig.world.host().faults.refuse = 404
    rig.world.host().drop()


def drop(rig: Rig) -> None:
    """The connection is cut."""
    rig.world.host().drop()


def happen(rig: Rig) -> None:
    """The cloud says something."""
    rig.world.emit(None, '{"event": "Shelly:Online"}')


PROVOKED: dict[str, Callable[[Rig], None]] = {
    "due": happen,
    "frame": happen,
    "token_refused": refuse_token,
    "unserved": refuse_service,
}
"""What makes a session call its owner; for all others a new connection does."""


@pytest.mark.parametrize("callback", [name for name in OWNER if name != "ended"])
def test_what_a_session_calls_ends_the_bridge_when_it_fails(
    rig: Rig, callback: str, caplog: pytest.LogCaptureFixture
) -> None:
    relay = rig.add(RELAY)
    rig.start().wait_online(relay)
    rig.tell(f"{relay.hex_id}/relay/0/set", "TOGGLE")
    rig.wait(lambda: toggles(relay))
    host = vars(vars(rig.bridge)["_integrator"])["_hosts"][HOSTS[0]]
    assert isinstance(host, IntegratorHost)
    vars(host)[callback] = Broken(getattr(host, callback))
    PROVOKED.get(callback, drop)(rig)
    thread = WRITER if callback in {"due", "due_at"} else READER
    rig.wait(lambda: thread in rig.bridge.failed_parts(), 15, f"{thread} crashed")
    rig.bridge.wait(ENDS_WITHIN)
    rig.stop()
    assert rig.exit_code == 1
    assert f"thread {thread} crashed" in caplog.text
    assert toggles(relay) == 1


def test_what_a_session_calls_at_its_end_makes_the_end_an_error(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    relay = rig.add(RELAY)
    rig.start().wait_online(relay)
    host = vars(vars(rig.bridge)["_integrator"])["_hosts"][HOSTS[0]]
    vars(host)["ended"] = Broken(host.ended)
    rig.stop()
    assert rig.exit_code == 1
    assert f"thread {READER} crashed" in caplog.text


def applications(rig: Rig) -> dict[str, Flask]:
    """The application of each listener."""
    found = {}
    for server in vars(rig.bridge)["_web"]:
        app = vars(server)["_server"].application
        assert isinstance(app, Flask)
        found[server.name] = app
    return found


def ask(port: int, method: str, path: str) -> tuple[int, str]:
    """HTTP status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_view_that_fails_is_answered_and_logged_and_all_goes_on(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    relay = rig.add(RELAY)
    rig.start().wait_online(relay)
    views = 0
    for name, app in applications(rig).items():
        port = rig.bridge.ports[name]
        # What stands before the views is broken in the next test.
        app.before_request_funcs.clear()
        for rule in list(app.url_map.iter_rules()):
            caplog.clear()
            view = app.view_functions[rule.endpoint]
            app.view_functions[rule.endpoint] = Broken(view)
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            status, body = ask(port, method, re.sub("<[^>]*>", "1", rule.rule))
            app.view_functions[rule.endpoint] = view
            assert status == 500, rule
            assert "broken" not in body
            assert "could not be answered" in caplog.text
            assert ask(port, "GET", "/healthz")[0] == 200
            views += 1
    assert views >= 5
    assert rig.bridge.failed_parts() == []


def test_what_surrounds_the_views_may_fail_as_well(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.start()
    rig.wait(lambda: rig.bridge.failed_parts() == [])
    for name, app in applications(rig).items():
        port = rig.bridge.ports[name]
        around: list[list[Any]] = [
            *app.before_request_funcs.values(),
            *app.after_request_funcs.values(),
        ]
        for functions in around:
            for index, function in enumerate(functions):
                caplog.clear()
                functions[index] = Broken(function)
                status, body = ask(port, "GET", "/healthz")
                functions[index] = function
                assert status == 500, (name, function)
                assert "broken" not in body
                assert caplog.records, "it is not silent"
                assert ask(port, "GET", "/healthz")[0] == 200
