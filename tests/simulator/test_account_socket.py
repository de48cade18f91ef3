"""The socket of a simulated account, asked by a real WebSocket client."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.cloud import decode
from bridge.core.events import OnlineReported, StatusReported
from bridge.core.model import LinkId
from bridge.simulator.account import Account
from bridge.simulator.account_faults import RollerWords
from bridge.simulator.desk import encode
from bridge.simulator.faults import CommandFault
from bridge.simulator.world import World
from tests.simulator.account_client import connect
from tests.simulator.client import LIMIT, Client, refused
from tests.simulator.conftest import HOSTS

PLUG = "SNSW-001P16EU"
VIRTUAL = "S3SW-001P16EU"


@pytest.fixture
def account(world: World) -> Account:
    return world.add_account("me@example.org")


def test_events_name_the_device_with_code_and_generation(world: World, account: Account) -> None:
    device = world.add_device(PLUG, account=account)
    with connect(world, account) as client:
        device.change(0, on=True)
        message = client.next()
        who = {"id": device.id, "code": PLUG, "gen": "G2"}
        assert (message["event"], message["device"]) == ("Shelly:StatusOnChange", who)
        assert "deviceId" not in message
        assert isinstance(message["status"]["serial"], float)
        assert isinstance(message["status"]["ts"], float)
        world.set_online(device, False)
        gone = {"event": "Shelly:Online", "device": who, "online": 0}
        assert client.next() == gone


@pytest.mark.parametrize(
    ("model", "generation"), [("SHSW-PM", "G1"), ("SBHT-003C", "GBLE"), ("SBBT-002C", "GBLE")]
)
def test_all_generations_are_told_and_the_bridge_reads_them(
    world: World, account: Account, model: str, generation: str
) -> None:
    device = world.add_device(model, account=account)
    with connect(world, account) as client:
        if generation == "G1":
            device.change(0, on=True)
        elif model == "SBBT-002C":
            device.press(0, "SS")
        else:
            device.change(0, temperature=3.5)
        message = client.next()
        assert message["device"] == {"id": device.id, "code": model, "gen": generation}
        event = decode(encode(message), LinkId("home"))
        assert isinstance(event, StatusReported)
        assert event.device == device.hex_id
        world.set_online(device, False)
        assert isinstance(decode(encode(client.next()), LinkId("home")), OnlineReported)


def test_several_sockets_live_side_by_side_and_with_the_integrator_s(
    world: World, account: Account
) -> None:
    both = world.add_device(PLUG, account=account, granted=True)
    with connect(world, account) as one, connect(world, account) as two, Client(world) as third:
        both.change(0, on=True)
        assert one.status() == two.status() == third.status()
    assert len(account.counters.opened) == 2
    assert world.host().counters.overlaps == 0


def test_each_sees_its_own_devices_and_those_shared_with_it(world: World, account: Account) -> None:
    other = world.add_account("you@example.org")
    mine = world.add_device(PLUG, account=account, shared=[other])
    yours = world.add_device(PLUG, account=other)
    granted = world.add_device(PLUG)
    assert (account.devices, other.devices, other.shared) == ((mine,), (yours,), (mine,))
    assert (mine.granted, granted.granted) == (False, True)
    with connect(world, account) as client, connect(world, other) as theirs:
        for device in (granted, yours, mine):
            device.change(0, on=True)
        assert client.next()["device"]["id"] == mine.id
        assert [theirs.next()["device"]["id"] for _ in "ab"] == [yours.id, mine.id]
        text = "no permission to control this device"
        assert theirs.command(mine, "relay", turn="off") == {"isok": False, "res": text}
        assert client.command(yours, "relay", turn="off")["res"] == "unknown device"
        other.lose(mine)
        mine.change(0, on=False)
        assert theirs.quiet()


def test_a_device_is_where_its_account_is(world: World, account: Account) -> None:
    with pytest.raises(ValueError, match="the account is at"):
        world.add_device(PLUG, HOSTS[1], account=account)
    device = world.add_device(PLUG, account=account)
    assert device.identity.user == account.user_id
    with connect(world, account) as client:
        account.move(HOSTS[1])
        assert client.closed() == 4401
    with connect(world, account) as client:
        assert client.command(device, "relay", turn="on") == {"isok": True}


def test_a_socket_is_for_the_account_s_host_only(world: World, account: Account) -> None:
    token = account.make_token()
    assert refused(lambda: Client(world, HOSTS[1], jwt=token)) == 401
    assert refused(lambda: connect(world, account, account.make_code())) == 401
    assert refused(lambda: connect(world, account, "not-a-token")) == 401


def test_revocation_closes_the_sockets_of_this_account(world: World, account: Account) -> None:
    other = world.add_account("you@example.org")
    token = account.make_token()
    with connect(world, account, token) as one, connect(world, other) as two, Client(world) as itg:
        account.revoke(close=False)
        assert one.quiet()
        account.revoke()
        assert one.closed() == 4401
        assert two.quiet()
        assert itg.quiet()
    assert refused(lambda: connect(world, account, token)) == 401
    with connect(world, account) as client:
        assert client.quiet()


def test_commands_are_answered_and_the_new_state_is_told(world: World, account: Account) -> None:
    device = world.add_device(PLUG, account=account)
    with connect(world, account) as client:
        trid = client.request(device, "relay", turn="on")
        assert client.next() == {
            "event": "Shelly:CommandResponse",
            "trid": trid,
            "deviceId": device.id,
            "user": account.user_id,
            "data": {"isok": True},
        }
        assert client.status()["switch:0"]["output"] is True
    assert account.counters.commands == 1


@pytest.mark.parametrize(
    ("words", "accepted"),
    [
        (RollerWords.UP_DOWN, {"up", "down", "stop"}),
        (RollerWords.OPEN_CLOSE, {"open", "close", "stop"}),
        (RollerWords.BOTH, {"up", "down", "open", "close", "stop"}),
    ],
)
def test_the_words_for_rollers_can_be_chosen(
    world: World, account: Account, words: RollerWords, accepted: set[str]
) -> None:
    device = world.add_device("SNSW-102P16EU:cover", account=account)
    account.faults.roller_words = words
    with connect(world, account) as client:
        answers = {
            word: client.command(device, "roller", go=word)
            for word in ("up", "down", "open", "close", "stop")
        }
        assert {word for word, answer in answers.items() if answer["isok"]} == accepted
        assert client.command(device, "roller_to_pos", pos=40)["isok"] is True
    assert device.received[0].params == {"go": "up"}


@pytest.mark.parametrize(
    ("words", "word"), [(RollerWords.UP_DOWN, "down"), (RollerWords.OPEN_CLOSE, "close")]
)
def test_either_word_lets_it_down(
    world: World, account: Account, words: RollerWords, word: str
) -> None:
    device = world.add_device("SNSW-102P16EU:cover", account=account)
    account.faults.roller_words = words
    with connect(world, account) as client:
        client.request(device, "roller", go=word)
        assert client.status()["cover:0"]["state"] == "closing"


def test_settings_are_told_only_if_wanted(world: World, account: Account) -> None:
    device = world.add_device(PLUG, account=account)
    with connect(world, account) as client:
        device.rename("Boiler")
        assert client.quiet()
        account.faults.tells_settings = True
        device.rename("Pump")
        message = client.next()
    assert (message["event"], message["device"]["id"]) == ("Shelly:Settings", device.id)


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"event":5}', "[" * 20_000])
def test_nonsense_is_answered_with_an_error_and_counted(
    world: World, account: Account, text: str
) -> None:
    with connect(world, account) as client:
        client.socket.send(text)
        assert client.next()["event"] == "Error"
    assert world.host().counters.bad_messages == 1


# Native calls.


@pytest.mark.parametrize("trid", ["bridge_1", 17])
def test_a_native_call_is_answered_and_the_new_state_is_told(
    world: World, account: Account, trid: Any
) -> None:
    device = world.add_device(VIRTUAL, account=account)
    with connect(world, account) as client:
        response = client.rpc(device, "Switch.Set", trid, id=0, on=True)
        assert response == {"result": {"was_on": False}}
        assert client.status()["switch:0"]["output"] is True
        assert client.rpc(device, "Number.Set", trid, id=200, value=55) == {"result": None}
        assert client.status()["number:200"]["value"] == 55
    assert account.counters.rpcs == 2
    assert [(one.cmd, one.trid) for one in device.received] == [
        ("Switch.Set", trid),
        ("Number.Set", trid),
    ]


def test_native_calls_that_fail(world: World, account: Account) -> None:
    other = world.add_account("you@example.org")
    mine, theirs = (world.add_device(PLUG, account=one) for one in (account, other))
    old, ble = (world.add_device(model, account=account) for model in ("SHSW-1", "SBHT-003C"))
    with connect(world, account) as client:
        for device in (theirs, old, ble, "4711"):
            assert client.rpc(device, "Switch.Toggle", id=0) == {"error": "WRONG_ID"}
        error = client.rpc(mine, "Switch.Set", id=7, on=True)["error"]
        assert error["code"] == -105
        world.set_online(mine, False)
        assert client.rpc(mine, "Switch.Toggle", id=0)["error"]["code"] == -114
    assert mine.status()["switch:0"]["output"] is False


@pytest.mark.parametrize("error", ["UNAUTHORIZED", {"code": -103, "message": "no"}])
def test_all_native_calls_can_be_refused(world: World, account: Account, error: Any) -> None:
    device = world.add_device(PLUG, account=account)
    account.faults.rpc_error = error
    with connect(world, account) as client:
        assert client.rpc(device, "Switch.Set", id=0, on=True) == {"error": error}
        assert client.quiet()
    assert device.received == ()


def test_the_integrator_may_not_call_natively(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        response = client.rpc(device, "Switch.Set", 5, id=0, on=True)
    assert response == {"error": "UNAUTHORIZED"}


@pytest.mark.parametrize(
    ("fault", "answer", "done"),
    [
        (CommandFault.NONE, "result", True),
        (CommandFault.LOSE_ANSWER, None, True),
        (CommandFault.IGNORE, None, False),
        (CommandFault.PRETEND, "result", False),
        (CommandFault.REFUSE, "error", False),
    ],
)
def test_faults_of_commands_are_those_of_calls(
    world: World, account: Account, fault: CommandFault, answer: str | None, done: bool
) -> None:
    device = world.add_device(PLUG, account=account)
    device.command_fault = fault
    call = {"event": "Shelly:JrpcRequest", "trid": "a", "deviceId": device.id}
    with connect(world, account) as client:
        client.send(call | {"method": "Switch.Set", "params": {"id": 0, "on": True}})
        client.socket.send("{}")
        messages = {}
        while "Error" not in messages:
            message = client.next()
            messages[message["event"]] = message
    response = messages.get("Shelly:JrpcResponse")
    assert (response and [*response["response"]]) == (answer and [answer])
    assert ("Shelly:StatusOnChange" in messages) is done
    assert device.status()["switch:0"]["output"] is done


@pytest.mark.parametrize("call", [{}, {"trid": None, "method": "x"}, {"trid": 1, "method": 5}])
def test_malformed_calls_are_errors(world: World, account: Account, call: Any) -> None:
    with connect(world, account) as client:
        client.send({"event": "Shelly:JrpcRequest", "deviceId": "1", **call})
        assert client.next() == {"event": "Error", "message": "malformed request"}


def test_a_load_is_told_in_the_words_of_each_viewer(world: World, account: Account) -> None:
    device = world.add_device(PLUG, account=account, granted=True)
    with connect(world, account) as client, Client(world) as integrator:
        load = world.run_load(50, devices=[device])
        assert client.next()["device"]["id"] == device.id
        assert integrator.next()["deviceId"] == device.id
        assert load.stop(LIMIT)
