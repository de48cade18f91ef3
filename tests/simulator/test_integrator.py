"""The simulated Integrator API, asked by a real WebSocket client."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.cloud import ActionAnswered, decode
from bridge.core.events import StatusReported
from bridge.core.model import LinkId
from bridge.simulator.desk import encode
from bridge.simulator.devices.base import Detail
from bridge.simulator.faults import CommandFault
from bridge.simulator.world import World
from tests.simulator.client import Client
from tests.simulator.conftest import HOSTS

PLUG = "SNSW-001P16EU"


def test_nothing_is_said_after_connecting(world: World) -> None:
    world.add_device(PLUG)
    with Client(world) as client:
        assert client.quiet()


def test_verify_gives_the_whole_status(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        assert client.verify(device) == {
            "result": "OK",
            "deviceId": device.id,
            "deviceType": "relay",
            "deviceCode": PLUG,
            "accessGroups": "01",
            "deviceStatus": device.status(),
        }
    assert [device_id for _, device_id in world.host().counters.verifies] == [device.id]


def test_verify_of_an_offline_device_gives_no_status(world: World) -> None:
    device = world.add_device(PLUG, online=False, control=False)
    with Client(world) as client:
        data = client.verify(device)
    assert (data["result"], data["accessGroups"]) == ("OK", "00")
    assert "deviceStatus" not in data


def test_settings_can_be_asked_for(world: World) -> None:
    device = world.add_device("SHSW-25:roller")
    with Client(world) as client:
        assert client.action("DeviceGetSettings", device)["deviceSettings"] == device.settings()
        world.set_online(device, False)
        assert "deviceSettings" not in client.action("DeviceGetSettings", device)


def test_devices_of_others_and_of_other_hosts(world: World) -> None:
    foreign = world.add_device(PLUG, granted=False)
    moved = world.add_device(PLUG)
    world.move(moved, HOSTS[1])
    with Client(world) as client:
        assert client.verify(foreign)["result"] == "UNAUTHORIZED"
        assert client.verify("12345")["result"] == "UNAUTHORIZED"
        wrong = client.verify(moved)
        assert (wrong["result"], wrong["host"]) == ("WRONG_HOST", HOSTS[1])
    with Client(world, HOSTS[1]) as client:
        assert client.verify(moved)["result"] == "OK"


@pytest.mark.parametrize(
    "data", [{}, None, {"action": "Dance", "deviceId": "1"}, {"action": "DeviceVerify"}, []]
)
def test_malformed_actions(world: World, data: Any) -> None:
    with Client(world) as client:
        client.send({"event": "Integrator:ActionRequest", "trid": 1, "data": data})
        answer = client.until("Integrator:ActionResponse")
    assert answer["data"]["result"] == "WRONG_API_PARAMETERS"


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"event":5}', "[" * 20_000, '"\\ud800"'])
def test_nonsense_is_answered_with_an_error_and_counted(world: World, text: str) -> None:
    with Client(world) as client:
        client.socket.send(text)
        assert client.next()["event"] == "Error"
    assert world.host().counters.bad_messages == 1


@pytest.mark.parametrize(("trid", "data"), [("x", {}), (None, {}), (True, {}), (1, None)])
def test_a_malformed_command_is_an_error(world: World, trid: Any, data: Any) -> None:
    with Client(world) as client:
        client.send({"event": "Shelly:CommandRequest", "trid": trid, "deviceId": "1", "data": data})
        assert client.next()["event"] == "Error"


def test_a_command_is_answered_then_the_new_state_is_told(world: World) -> None:
    device = world.add_device(PLUG, user=77)
    with Client(world) as client:
        trid = client.request(device, "relay", id=0, turn="on")
        answer = client.next()
        assert answer == {
            "event": "Shelly:CommandResponse",
            "trid": trid,
            "deviceId": device.id,
            "user": 77,
            "data": {"isok": True},
        }
        event = client.next()
    assert event["event"] == "Shelly:StatusOnChange"
    assert event["deviceId"] == device.id
    assert event["status"]["switch:0"]["output"] is True
    assert [received.trid for received in device.received] == [trid]
    assert world.host().counters.commands == 1


def test_a_timer_flips_back(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        client.command(device, "relay", turn="on", timeout=30)
        assert client.status()["switch:0"]["output"] is True
        world.advance(31)
        status = client.status()["switch:0"]
        assert (status["output"], status["source"]) == (False, "timer")


def test_a_roller_tells_its_way(world: World) -> None:
    device = world.add_device("SNSW-102P16EU:cover")
    with Client(world) as client:
        client.command(device, "roller_to_pos", pos=50)
        world.advance(10)
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1].get("state") != "stopped":
            seen.append(client.status().get("cover:0", {}))
    positions = [cover["current_pos"] for cover in seen if "current_pos" in cover]
    assert positions == sorted(positions, reverse=True)
    assert positions[-1] == 50


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"control": False}, "no permission to control this device"),
        ({"online": False}, "device is offline"),
        ({"granted": False}, "unknown device"),
    ],
)
def test_commands_that_are_not_allowed(world: World, state: dict[str, bool], text: str) -> None:
    device = world.add_device(PLUG, **state)  # type: ignore[arg-type] # all of them are flags
    before = device.status()["switch:0"]
    with Client(world) as client:
        assert client.command(device, "relay", turn="on") == {"isok": False, "res": text}
        assert client.quiet()
    assert device.status()["switch:0"] == before
    assert device.received == ()


def test_commands_for_unknown_devices_and_wrong_ones(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        assert client.command("4711", "relay", turn="on")["isok"] is False
        assert "no relay 3" in client.command(device, "relay", id=3, turn="on")["res"]
        assert client.command(device, "dance")["res"] == "unknown command"


@pytest.mark.parametrize(
    ("fault", "answered", "done"),
    [
        (CommandFault.NONE, True, True),
        (CommandFault.LOSE_ANSWER, None, True),
        (CommandFault.IGNORE, None, False),
        (CommandFault.PRETEND, True, False),
        (CommandFault.REFUSE, False, False),
    ],
)
@pytest.mark.parametrize("at", ["host", "device"])
def test_faults_of_commands(
    world: World, fault: CommandFault, answered: bool | None, done: bool, at: str
) -> None:
    device = world.add_device(PLUG)
    if at == "host":
        world.host().faults.commands = fault
    else:
        device.command_fault = fault
    with Client(world) as client:
        client.request(device, "relay", turn="on")
        client.socket.send("{}")
        messages = {}
        while "Error" not in messages:
            message = client.next()
            messages[message["event"]] = message
    answer = messages.get("Shelly:CommandResponse")
    assert (answer and answer["data"]["isok"]) == answered
    assert ("Shelly:StatusOnChange" in messages) == done
    assert device.status()["switch:0"]["output"] is done


def test_actions_can_stay_unanswered_or_come_late(world: World) -> None:
    device = world.add_device(PLUG)
    world.host().faults.no_verify = True
    with Client(world) as client:
        client.send(
            {
                "event": "Integrator:ActionRequest",
                "trid": 1,
                "data": {"action": "DeviceVerify", "deviceId": device.id},
            }
        )
        assert client.quiet()
        assert len(world.host().counters.verifies) == 1
        world.host().faults.no_verify = False
        world.host().faults.answer_delay = 0.2
        client.request(device, "relay", turn="on")
        assert client.quiet()
        assert client.until("Shelly:CommandResponse")["data"]["isok"] is True


def test_only_granted_devices_are_told_of(world: World) -> None:
    ours, theirs = world.add_device(PLUG), world.add_device(PLUG, granted=False)
    with Client(world) as client:
        theirs.change(0, on=True)
        ours.change(0, on=True)
        assert client.next()["deviceId"] == ours.id
        world.revoke(ours)
        world.grant(theirs)
        ours.change(0, on=False)
        theirs.change(0, on=False)
        assert client.next()["deviceId"] == theirs.id


def test_a_device_comes_and_goes(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        world.set_online(device, False)
        assert client.next() == {"event": "Shelly:Online", "deviceId": device.id, "online": 0}
        device.change(0, on=True)
        world.set_online(device, True)
        assert client.next() == {"event": "Shelly:Online", "deviceId": device.id, "online": 1}
        assert client.next()["status"]["switch:0"]["output"] is True


def test_new_settings_are_told(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        device.rename("Boiler")
        message = client.next()
    assert message["event"] == "Shelly:Settings"
    assert message["settings"]["switch:0"]["name"] == "Boiler"


def test_devices_that_live_by_themselves() -> None:
    with World(report_every=0.05) as world:
        world.add_device("SPEM-003CEBEU")
        with Client(world) as client:
            first, second = client.status(), client.status()
    assert first["em:0"]["total_act_power"] != second["em:0"]["total_act_power"]


@pytest.mark.parametrize("detail", Detail)
def test_the_bridge_can_read_every_message(world: World, detail: Detail) -> None:
    world.detail = detail
    link = LinkId("h")
    device = world.add_device(PLUG)
    with Client(world) as client:
        device.change(0, on=True)
        event = decode(encode(client.next()), link)
        assert isinstance(event, StatusReported)
        assert event.device == device.hex_id
        client.send(
            {
                "event": "Integrator:ActionRequest",
                "trid": 1,
                "data": {"action": "DeviceVerify", "deviceId": device.id},
            }
        )
        answer = decode(encode(client.next()), link)
        assert isinstance(answer, ActionAnswered)
        assert answer.status == device.status()
