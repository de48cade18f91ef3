"""Simulated devices that connect to a server: what they say there, and how they are set up."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from bridge.errors import StartError
from bridge.simulator.outbound import Unit
from bridge.simulator.outbound_http import DevicePage
from bridge.simulator.world import World
from tests.brokers import wait_until

Json = Any


class Listener:
    """A server that devices connect to: every frame, and a way to ask."""

    def __init__(self) -> None:
        self.frames: queue.Queue[Json] = queue.Queue()
        self.paths: list[str] = []
        self.connection: ServerConnection | None = None
        self.server: Server = serve(self._serve, "127.0.0.1", 0)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}/shelly/x"

    def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        self.connection = connection
        for message in connection:
            self.frames.put(json.loads(message))

    def ask(self, method: str, **params: Json) -> Json:
        assert self.connection is not None
        frame = {"id": 5, "src": "test", "method": method, "params": params}
        self.connection.send(json.dumps(frame))
        while True:
            answer = self.frames.get(timeout=5)
            if answer.get("id") == 5:
                return answer

    def told(self, method: str) -> Json:
        while True:
            frame = self.frames.get(timeout=5)
            if frame.get("method") == method:
                return frame

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join(5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.stop()


@pytest.fixture
def world() -> Iterator[World]:
    with World() as running:
        yield running


def unit(world: World, model: str = "SNSW-001P16EU", **options: Any) -> Unit:
    return Unit(world, world.add_device(model, granted=False), **options)


def call(page: DevicePage, method: str, params: Json = None) -> Json:
    body = json.dumps({"id": 1, "method": method, "params": params}).encode()
    with urlopen(Request(f"http://{page.address}/rpc", body), timeout=5) as answer:
        return json.load(answer)


def test_it_begins_with_its_whole_status(world: World, listener: Listener) -> None:
    device = unit(world)
    device.dial(listener.url)
    frame = listener.told("NotifyFullStatus")
    assert frame["src"] == device.source
    assert frame["params"]["switch:0"]["output"] is False
    assert frame["params"]["ws"] == {"connected": True}
    assert not {"code", "serial", "DeviceInfo"} & frame["params"].keys()
    assert listener.paths == ["/shelly/x"]


def test_a_display_begins_with_a_part(world: World, listener: Listener) -> None:
    unit(world, "SAWD-0A1XX10EU1").dial(listener.url)
    assert listener.frames.get(timeout=5)["method"] == "NotifyStatus"


def test_it_answers_calls_and_reports_what_they_change(world: World, listener: Listener) -> None:
    unit(world).dial(listener.url)
    listener.told("NotifyFullStatus")
    assert listener.ask("Switch.Set", id=0, on=True)["result"] == {"was_on": False}
    assert listener.told("NotifyStatus")["params"]["switch:0"]["output"] is True
    assert listener.ask("Switch.Set", id=9, on=True)["error"]["code"] == -105
    assert listener.ask("No.Such")["error"]["code"] == 404
    assert listener.ask("Shelly.GetDeviceInfo")["result"]["model"] == "SNSW-001P16EU"


def test_dynamic_components_are_in_no_status_but_listed(world: World, listener: Listener) -> None:
    unit(world, "S3GW-1DBT001").dial(listener.url)
    whole = listener.told("NotifyFullStatus")["params"]
    assert not any(key.startswith(("blutrv", "bthome")) for key in whole if ":" in key)
    listed = listener.ask(
        "Shelly.GetComponents", offset=0, dynamic_only=True, include=["status", "config"]
    )
    keys = [item["key"] for item in listed["result"]["components"]]
    assert "blutrv:200" in keys


def test_presses_are_events(world: World, listener: Listener) -> None:
    device = unit(world, "SNSN-0024X")
    device.dial(listener.url)
    listener.told("NotifyFullStatus")
    device.device.press(0, "L")
    (event,) = listener.told("NotifyEvent")["params"]["events"]
    assert (event["component"], event["event"]) == ("input:0", "long_push")


def test_new_settings_are_an_event(world: World, listener: Listener) -> None:
    device = unit(world)
    device.dial(listener.url)
    listener.told("NotifyFullStatus")
    device.device.rename("Pump")
    (event,) = listener.told("NotifyEvent")["params"]["events"]
    assert event["event"] == "config_changed"


def test_a_device_that_sleeps_goes_again(world: World, listener: Listener) -> None:
    device = unit(world, "SNSN-0013A", awake=0.1)
    device.dial(listener.url)
    assert listener.told("NotifyFullStatus")["params"]["sys"]["wakeup_period"] > 0
    wait_until(lambda: device.opened == 1 and not device.connected)
    device.wake()
    listener.told("NotifyFullStatus")


def test_it_comes_back_when_it_is_cut_off(world: World, listener: Listener) -> None:
    device = unit(world)
    device.dial(listener.url)
    listener.told("NotifyFullStatus")
    device.hang_up()
    listener.told("NotifyFullStatus")
    assert device.opened == 2


def test_what_it_is_told_about_its_server_counts_after_a_reboot(
    world: World, listener: Listener
) -> None:
    device = unit(world)
    page = DevicePage(world, device.device, device)
    assert call(page, "Ws.GetConfig")["result"] == {
        "enable": False,
        "server": None,
        "ssl_ca": "ca.pem",
    }
    wanted = {"enable": True, "server": listener.url, "ssl_ca": "*"}
    assert call(page, "Ws.SetConfig", {"config": wanted})["result"] == {"restart_required": True}
    assert call(page, "Ws.GetStatus")["result"] == {"connected": False}
    assert call(page, "Shelly.Reboot", {"delay_ms": 10})["result"] is None
    listener.told("NotifyFullStatus")
    assert call(page, "Ws.GetStatus")["result"] == {"connected": True}
    assert call(page, "Ws.SetConfig", {"config": {"bad": 1}})["error"]["code"] == -103
    assert call(page, "Ws.SetConfig", {"config": {"server": 5}})["error"]["code"] == -103


def test_its_page_wants_the_password(world: World) -> None:
    device = unit(world)
    page = DevicePage(world, device.device, device, password="secret")
    with pytest.raises(HTTPError) as denied:
        call(page, "Ws.GetConfig")
    with denied.value as answer:
        assert answer.code == 401
        assert 'qop="auth"' in answer.headers["WWW-Authenticate"]
    with urlopen(f"http://{page.address}/shelly", timeout=5) as answer:
        told = json.load(answer)
    assert (told["gen"], told["auth_en"]) == (2, True)


def test_its_page_takes_calls_in_addresses(world: World) -> None:
    device = unit(world)
    page = DevicePage(world, device.device, device)
    with urlopen(f"http://{page.address}/rpc/Switch.Set?id=0&on=true", timeout=5) as answer:
        assert json.load(answer) == {"was_on": False}
    for path, code in (("/rpc/No.Such", 500), ("/nothing", 404)):
        with pytest.raises(HTTPError) as wrong:
            urlopen(f"http://{page.address}{path}", timeout=5)
        with wrong.value as answer:
            assert answer.code == code


def test_a_gen1_device_has_no_rpc(world: World) -> None:
    page = DevicePage(world, world.add_device("SHSW-25:relay", granted=False))
    with urlopen(f"http://{page.address}/shelly", timeout=5) as answer:
        assert json.load(answer)["type"] == "SHSW-25"
    with pytest.raises(HTTPError) as wrong:
        call(page, "Ws.GetConfig")
    with wrong.value as answer:
        assert answer.code == 404


def test_a_page_on_a_port_that_is_taken_is_a_clear_error(world: World) -> None:
    page = DevicePage(world, world.add_device("SHSW-25:relay", granted=False))
    with pytest.raises(StartError, match="choose another port"):
        DevicePage(world, page._device, port=page.port)
