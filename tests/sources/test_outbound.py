"""Devices that dial out to us: what they tell, what they are asked, and what they cannot do."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from bridge.core.commands import LightCommand, Target, Turn
from bridge.core.effects import CallDevice, SendCommand
from bridge.core.events import (
    BadInput,
    CallAnswered,
    CommandAnswered,
    CommandNotSent,
    DeviceArrived,
    DeviceLeft,
    PressReported,
    RefreshAnswered,
    SettingsReported,
    StatusReported,
)
from bridge.core.model import DeviceId, LinkId
from bridge.errors import StartError
from bridge.simulator.certificates import Authority
from bridge.sources import outbound_server
from bridge.sources.outbound import LINK, OutboundSettings, OutboundSource
from bridge.sources.timing import OutboundTiming
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.dialer import SLEEPY, STATUS, Dialer
from tests.sources.outbound_driver import (
    HEX,
    SECRET,
    TIMING,
    Maker,
    OutboundDriver,
    arrive,
    counted,
    from_elsewhere,
    making_outbound,
    statuses,
    switch,
)
from tests.sources.recorder import Recorder

Json = Any


@pytest.fixture
def make() -> Iterator[Maker]:
    with making_outbound() as make:
        yield make


@pytest.fixture
def driver(make: Maker) -> OutboundDriver:
    return make()


# Arriving


def test_a_device_is_asked_who_it_is_how_it_is_configured_and_how_it_is(
    driver: OutboundDriver,
) -> None:
    dialer = arrive(driver)
    assert [method for method, _ in dialer.received] == [
        "Shelly.GetDeviceInfo",
        "Shelly.GetConfig",
        "Shelly.GetComponents",
        "Shelly.GetStatus",
    ]
    assert [frame["id"] for frame in dialer.frames] == [1, 2, 3, 4]
    assert driver.recorder.wait(DeviceArrived) == DeviceArrived(LINK, DeviceId(HEX))
    settings = driver.recorder.wait(SettingsReported).settings
    assert settings["DeviceInfo"]["model"] == "SNSW-001P16EU"
    assert settings["sys"]["device"]["name"] == "Boiler"
    assert statuses(driver)[-1].status == STATUS
    assert statuses(driver)[-1].full


def test_the_first_status_is_told_before_the_first_answer(driver: OutboundDriver) -> None:
    driver.lamp.withhold = True
    driver.lamp.dial()
    told = driver.recorder.wait(StatusReported)
    assert told.status == STATUS
    assert not told.full, "what is dynamic is not in it, and must not be taken away"


def test_any_first_frame_is_enough(driver: OutboundDriver) -> None:
    driver.lamp.first = "NotifyStatus"
    driver.lamp.src = f"ShellyWallDisplay-{HEX.upper()}"
    arrive(driver)
    assert statuses(driver)[-1].full


def test_an_event_as_the_first_frame_is_enough(driver: OutboundDriver) -> None:
    driver.lamp.first = None
    press = {"component": "input:0", "id": 0, "event": "single_push", "ts": 1.0}
    params = {"ts": 1.0, "events": [press]}
    driver.lamp.greeting = [{"src": driver.lamp.src, "method": "NotifyEvent", "params": params}]
    arrive(driver)
    assert driver.recorder.wait(PressReported) == PressReported(
        LINK, DeviceId(HEX), "input:0", "single_push"
    )


def test_a_part_is_told_as_a_part_and_the_whole_as_the_whole(driver: OutboundDriver) -> None:
    dialer = arrive(driver)
    dialer.notify("NotifyStatus", ts=2.0, **{"switch:0": {"id": 0, "output": True}})
    part = driver.recorder.wait(StatusReported, lambda event: "sys" not in event.status)
    assert (part.status, part.full) == ({"switch:0": {"id": 0, "output": True}}, False)
    dialer.notify("NotifyFullStatus", ts=3.0, **{"sys": {"uptime": 9}})
    wait_until(lambda: statuses(driver)[-1].status == {"sys": {"uptime": 9}})
    assert statuses(driver)[-1].full


# Devices that sleep


def test_a_device_that_sleeps_is_asked_for_little_and_only_once(driver: OutboundDriver) -> None:
    dialer = arrive(driver, driver.sensor)
    assert [method for method, _ in dialer.received] == ["Shelly.GetDeviceInfo", "Shelly.GetConfig"]
    assert statuses(driver, dialer.hex_id)[-1].full
    dialer.drop()
    driver.recorder.wait(RefreshAnswered, count=2)
    assert len(dialer.received) == 2
    dialer.status = {**SLEEPY, "sys": {**SLEEPY["sys"], "cfg_rev": 4}}
    dialer.drop()
    driver.recorder.wait(RefreshAnswered, count=3)
    assert len(dialer.received) == 4


def test_a_command_waits_for_a_device_to_wake(driver: OutboundDriver) -> None:
    dialer = arrive(driver, driver.sensor)
    dialer.sleep()
    driver.recorder.wait(DeviceLeft)
    assert driver.source.send(switch(dialer.hex_id, 9)) is None
    dialer.wanted, dialer.dialling = True, False
    dialer.dial()
    assert driver.recorder.wait(CommandAnswered).request == 9


def test_a_command_does_not_wait_longer_than_its_time(driver: OutboundDriver) -> None:
    dialer = arrive(driver, driver.sensor)
    dialer.sleep()
    driver.recorder.wait(DeviceLeft)
    assert driver.source.send(switch(dialer.hex_id, 9, seconds=0.05)) is None
    back = driver.recorder.wait(CommandNotSent)
    assert (back.request, back.status) == (9, "expired")


# Commands and calls


def test_errors_of_the_device_come_with_code_and_text(driver: OutboundDriver) -> None:
    error = {"code": -103, "message": "Argument 'id', value 7 not found!"}
    driver.lamp.answers["Switch.Set"] = {"error": error}
    arrive(driver)
    driver.source.send(switch(HEX, 1))
    answer = driver.recorder.wait(CommandAnswered)
    assert not answer.ok
    assert answer.text == "-103: Argument 'id', value 7 not found!"


def test_an_answer_of_null_is_an_answer(driver: OutboundDriver) -> None:
    driver.lamp.answers["Light.Set"] = None
    arrive(driver)
    command = SendCommand(
        LINK,
        DeviceId(HEX),
        Target("light", 0),
        LightCommand(Turn.ON, brightness=40),
        5,
        time.monotonic() + 5,
    )
    driver.source.send(command)
    answer = driver.recorder.wait(CommandAnswered)
    assert (answer.request, answer.ok) == (5, True)
    assert driver.lamp.calls("Light.Set") == [{"id": 0, "on": True, "brightness": 40}]


def answers(driver: OutboundDriver) -> list[CallAnswered]:
    """Those to two calls, in the order of these: what is lighter may come first."""
    driver.recorder.wait(CallAnswered, count=2)
    return sorted(driver.recorder.of(CallAnswered), key=lambda event: event.request)


def test_calls_of_somebodys_own_are_answered_as_the_device_answers(
    driver: OutboundDriver,
) -> None:
    driver.lamp.answers["Sys.GetStatus"] = {"uptime": 5}
    arrive(driver)
    end = time.monotonic() + 5
    for request, method in enumerate(("Sys.GetStatus", "No.Such"), 1):
        call = CallDevice(LINK, DeviceId(HEX), method, {"a": 1}, request, end)
        assert driver.source.call(call) is None
    good, bad = answers(driver)
    assert (good.request, good.result, good.error) == (1, {"uptime": 5}, None)
    assert (bad.request, bad.error["code"]) == (2, 404)
    assert driver.lamp.calls("Sys.GetStatus") == [{"a": 1}]


def test_the_secret_of_our_address_is_in_no_answer(driver: OutboundDriver) -> None:
    driver.lamp.answers["Ws.GetConfig"] = {"list": [{"server": driver.url}], driver.url: 1}
    error = {"code": -103, "message": f"not {driver.url}"}
    driver.lamp.answers["Ws.SetConfig"] = driver.lamp.answers["Switch.Set"] = {"error": error}
    arrive(driver)
    end = time.monotonic() + 5
    for request, method in enumerate(("Ws.GetConfig", "Ws.SetConfig"), 1):
        driver.source.call(CallDevice(LINK, DeviceId(HEX), method, None, request, end))
    driver.source.send(switch(HEX, 3))
    answered = driver.recorder.wait(CommandAnswered)
    told = [*answers(driver), answered]
    assert [SECRET in repr(event) for event in told] == [False, False, False]
    assert [repr(event).count("/shelly/***") for event in told] == [2, 1, 1]


def test_a_command_goes_before_the_questions_that_are_left(make: Maker) -> None:
    driver = make()
    driver.lamp.answers["Shelly.GetDeviceInfo"] = lambda _: (
        driver.source.send(switch(HEX, 1)) and None,
        {"model": "x"},
    )[1]
    dialer = arrive(driver)
    methods = [method for method, _ in dialer.received]
    assert methods.index("Switch.Set") <= 2


def test_one_call_at_a_time(driver: OutboundDriver) -> None:
    dialer = arrive(driver)
    dialer.withhold = True
    for request in (1, 2, 3):
        driver.source.send(switch(HEX, request))
    wait_until(lambda: dialer.calls("Switch.Set"))
    dialer.notify("NotifyStatus", ts=2.0, **{"switch:0": {"apower": 5}})
    driver.recorder.wait(StatusReported, lambda event: "sys" not in event.status)
    assert len(dialer.calls("Switch.Set")) == 1


def test_what_a_gateway_asks_by_radio_keeps_nothing_else_waiting(make: Maker) -> None:
    driver = make(timing=OutboundTiming(look=0.05, settle=0.05, answer_limit=0.3, relay_limit=30))
    dialer = arrive(driver)
    dialer.withhold = True
    end = time.monotonic() + 20
    for request in (1, 2):
        driver.source.call(
            CallDevice(LINK, DeviceId(HEX), "BluTRV.Call", {"id": request}, request, end)
        )
    wait_until(lambda: dialer.calls("BluTRV.Call"))
    number = dialer.frames[-1]["id"]
    dialer.withhold = False
    driver.source.send(switch(HEX, 3))
    assert driver.recorder.wait(CommandAnswered).request == 3
    assert dialer.calls("BluTRV.Call") == [{"id": 1}], "one at a time by radio"
    dialer.answers["BluTRV.Call"] = {"late": 2}
    dialer.say({"id": number, "src": dialer.src, "result": {"late": 1}})
    driver.recorder.wait(CallAnswered, count=2)
    told = [(event.request, event.result) for event in driver.recorder.of(CallAnswered)]
    assert told == [(1, {"late": 1}), (2, {"late": 2})]


def test_more_than_a_device_can_take_is_given_back(driver: OutboundDriver) -> None:
    dialer = arrive(driver)
    dialer.withhold = True
    for request in range(200):
        driver.source.send(switch(HEX, request))
    back = driver.recorder.wait(CommandNotSent, count=150)
    assert back.status == "rate_limited"


def test_what_was_not_sent_when_the_connection_goes_is_given_back(driver: OutboundDriver) -> None:
    dialer = arrive(driver)
    dialer.withhold = True
    dialer.wanted = False
    for request in (1, 2, 3):
        driver.source.send(switch(HEX, request))
    wait_until(lambda: dialer.calls("Switch.Set"))
    dialer.drop()
    driver.recorder.wait(CommandNotSent, count=2)
    assert [event.request for event in driver.recorder.of(CommandNotSent)] == [2, 3]
    assert driver.recorder.of(CommandAnswered) == []
    refused = driver.source.send(switch(HEX, 4))
    assert refused is not None
    assert refused.status == "host_down"


# Passwords


def denied(challenged: Callable[[Json], Json]) -> Callable[[Dialer], None]:
    """A device that wants a password in every call."""

    def protect(dialer: Dialer) -> None:
        for method, answer in list(dialer.answers.items()):
            dialer.answers[method] = _guarded(dialer, answer, challenged)

    return protect


def _guarded(dialer: Dialer, answer: Json, challenged: Callable[[Json], Json]) -> Json:
    def guard(params: Json) -> Json:
        refusal = challenged(dialer.frames[-1].get("auth"))
        if refusal is not None:
            return {"error": refusal}
        return answer(params) if callable(answer) else answer

    return guard


CHALLENGE = json.dumps(
    {
        "auth_type": "digest",
        "nonce": 1700000000,
        "nc": 1,
        "realm": f"shellyplus1pm-{HEX}",
        "algorithm": "SHA-256",
    }
)


def test_a_challenge_is_answered_where_a_password_is_known(make: Maker) -> None:
    driver = make(passwords={DeviceId(HEX): "a-password"})
    used: list[int] = []

    def challenged(auth: Json) -> Json:
        if auth is None:
            return {"code": 401, "message": CHALLENGE}
        used.append(auth["nc"])
        return None

    denied(challenged)(driver.lamp)
    arrive(driver)
    assert driver.recorder.wait(RefreshAnswered).outcome == "ok"
    assert used == [1, 2, 3, 4], "a challenge is used again, and counted"
    assert "a-password" not in json.dumps(driver.lamp.frames)


def test_a_password_that_is_not_taken_is_said_once_and_not_tried_for_ever(make: Maker) -> None:
    driver = make(passwords={DeviceId(HEX): "a-password"})
    denied(lambda _: {"code": 401, "message": CHALLENGE})(driver.lamp)
    arrive(driver)
    assert driver.recorder.wait(RefreshAnswered).outcome == "not_authorized"
    assert "does not take the password" in counted(driver, "refused_question").text
    assert len(driver.lamp.received) == 2


def test_without_a_password_the_user_is_told_that_one_is_needed(driver: OutboundDriver) -> None:
    denied(lambda _: {"code": 401, "message": CHALLENGE})(driver.lamp)
    arrive(driver)
    assert "wants a password" in counted(driver, "refused_question").text


# Who is let in


def request(port: int, data: bytes) -> bytes:
    """What the listener answers to bytes."""
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.settimeout(5)
        peer.sendall(data)
        answer = b""
        while chunk := peer.recv(4_096):
            answer += chunk
        return answer


UPGRADE = b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GET /shelly/wrong HTTP/1.1\r\n" + UPGRADE + b"\r\n", "secret"),
        (b"GET / HTTP/1.1\r\n" + UPGRADE + b"\r\n", "path"),
        (b"GET /relay/0?turn=on HTTP/1.0\r\n\r\n", "page"),
        (b"POST /rpc HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "method"),
        (b"hello\r\n\r\n", "not_http"),
        (b"GET /" + b"x" * 10_000, "too_long"),
        (
            b"GET /shelly/" + SECRET.encode() + b" HTTP/1.1\r\n" + UPGRADE + b"\r\n",
            "handshake",
        ),
    ],
)
def test_whoever_is_not_a_device_gets_404_and_the_log_says_why(
    driver: OutboundDriver, data: bytes, kind: str
) -> None:
    assert request(driver.source.port, data).startswith(b"HTTP/1.1 404 ")
    told = counted(driver, f"refused_{kind}")
    assert told.source == "outbound, 127.0.0.1"
    assert SECRET not in told.text


def test_tls_at_a_plain_port_is_named(driver: OutboundDriver) -> None:
    with (
        socket.create_connection(("127.0.0.1", driver.source.port), 5) as peer,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        ssl.create_default_context().wrap_socket(peer, server_hostname="localhost")
    assert "ws://" in counted(driver, "refused_tls").text


def test_the_sub_protocol_is_taken_with_or_without(driver: OutboundDriver) -> None:
    for offered, taken in (
        (None, None),
        ([Subprotocol("json-rpc")], "json-rpc"),
        ([Subprotocol("chat")], None),
    ):
        with connect(driver.url, subprotocols=offered, proxy=None) as connection:
            assert connection.subprotocol == taken
            assert not connection.protocol.extensions


def test_a_port_that_is_taken_is_a_clear_error(driver: OutboundDriver) -> None:
    with pytest.raises(StartError, match="cannot listen on 127"):
        OutboundSource(
            OutboundSettings("127.0.0.1", driver.source.port, SECRET),
            driver.recorder,
            driver.recorder.crashed,
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.context = made.server_context()  # type: ignore[attr-defined]  # kept for the tests
    made.certify(made.context, ["localhost"])  # type: ignore[attr-defined]  # as above
    return made


def test_devices_may_come_by_tls(make: Maker, authority: Authority) -> None:
    driver = make(context=authority.context)  # type: ignore[attr-defined]  # see the fixture
    trusting = ssl.create_default_context(cafile=authority.ca_file)
    url = f"wss://localhost:{driver.source.port}/shelly/{SECRET}"
    arrive(driver, driver.dialers.add(url, "a8032abe54ff", context=trusting))
    assert driver.recorder.wait(RefreshAnswered).outcome == "ok"
    assert request(driver.source.port, b"GET / HTTP/1.1\r\n\r\n")[:4] != b"HTTP"
    assert "wss://" in counted(driver, "refused_plain").text


# Bad input


def test_a_newer_connection_takes_the_place_of_the_older_one(driver: OutboundDriver) -> None:
    older = arrive(driver)
    older.wanted = False
    newer = driver.dialers.add(driver.url)
    newer.dial()
    driver.recorder.wait(DeviceArrived, count=2)
    wait_until(lambda: older.connection is None)
    driver.source.send(switch(HEX, 1))
    driver.recorder.wait(CommandAnswered)
    assert (len(newer.calls("Switch.Set")), len(older.calls("Switch.Set"))) == (1, 0)
    assert driver.recorder.of(DeviceLeft) == [], "the end of the older one means nothing"


def test_nobody_takes_the_name_of_a_device_that_is_there(make: Maker) -> None:
    driver = make(timing=OutboundTiming(look=0.05, settle=0.05, contest_limit=0.2))
    dialer = arrive(driver)
    with from_elsewhere(driver) as thief:
        told = counted(driver, "refused_taken")
        assert told.source == "outbound, 127.0.0.2"
        with pytest.raises(ConnectionClosed):
            thief.recv(5)
    driver.source.send(switch(HEX, 1))
    driver.recorder.wait(CommandAnswered)
    assert (dialer.opened, len(dialer.calls("Switch.Set"))) == (1, 1)
    assert len(driver.recorder.of(DeviceArrived)) == 1


def test_a_device_that_moved_is_let_in_when_its_older_connection_is_dead(make: Maker) -> None:
    driver = make(timing=OutboundTiming(look=0.05, settle=0.05, contest_limit=0.2))
    dialer = arrive(driver)
    dialer.wanted = False
    dialer.freeze()
    with from_elsewhere(driver) as moved:
        assert json.loads(moved.recv(5))["method"] == "Shelly.GetDeviceInfo"
        assert driver.recorder.of(DeviceLeft) == []
    driver.recorder.wait(DeviceArrived, count=2)


def test_a_connection_speaks_for_one_device_only(driver: OutboundDriver) -> None:
    dialer = arrive(driver)
    other = arrive(driver, driver.dialers.add(driver.url, "a8032abe5500"))
    told = len(statuses(driver, other.hex_id))
    frame = {"src": other.src, "method": "NotifyStatus", "params": {"switch:0": {"output": True}}}
    dialer.say(frame)
    assert counted(driver, "other_device").device == HEX
    assert len(statuses(driver, other.hex_id)) == told


def test_an_answer_to_another_connections_question_is_none(driver: OutboundDriver) -> None:
    dialer = arrive(driver)
    other = arrive(driver, driver.dialers.add(driver.url, "a8032abe5500"))
    dialer.withhold = True
    driver.source.send(switch(HEX, 1))
    wait_until(lambda: dialer.calls("Switch.Set"))
    number = dialer.frames[-1]["id"]
    other.say({"id": number, "src": dialer.src, "result": {}})
    other.say({"id": number, "src": other.src, "result": {}})
    assert counted(driver, "other_device").device == other.hex_id
    assert counted(driver, "unknown_answer").device == other.hex_id
    assert driver.recorder.of(CommandAnswered) == []


def test_a_call_from_a_device_is_answered_not_implemented(driver: OutboundDriver) -> None:
    dialer = arrive(driver)
    dialer.say({"id": 7, "src": dialer.src, "method": "Shelly.Reboot", "params": {}})
    wait_until(lambda: dialer.frames[-1].get("id") == 7)
    assert dialer.frames[-1]["error"] == {"code": 500, "message": "Not Implemented"}
    assert dialer.frames[-1]["dst"] == dialer.src


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda dialer: dialer.say(b"x" * 70_000), "too_large"),
        (lambda dialer: dialer.say(b"{}", binary=True), "binary_frame"),
    ],
)
def test_frames_that_nobody_should_send_cost_the_connection(
    driver: OutboundDriver, act: Callable[[Dialer], None], kind: str
) -> None:
    dialer = arrive(driver)
    other = arrive(driver, driver.dialers.add(driver.url, "a8032abe5500"))
    act(dialer)
    assert counted(driver, kind).device == HEX
    wait_until(lambda: dialer.opened == 2)
    assert other.opened == 1


def test_a_connection_without_a_name_is_ended(make: Maker) -> None:
    driver = make(timing=TIMING)
    driver.lamp.first = None
    driver.lamp.dial()
    counted(driver, "refused_nameless")
    assert driver.recorder.of(DeviceArrived) == []


def test_half_handshakes_are_ended(make: Maker) -> None:
    driver = make(timing=TIMING)
    with socket.create_connection(("127.0.0.1", driver.source.port), 5) as peer:
        peer.settimeout(5)
        peer.sendall(b"GET /shelly/")
        assert peer.recv(100).startswith(b"HTTP/1.1 404 ")
    counted(driver, "refused_slow")


def test_a_thousand_connections_of_one_address_shut_nobody_out(make: Maker) -> None:
    driver = make(timing=OutboundTiming(look=0.05))
    named = arrive(driver)
    with ExitStack() as stack:
        for _ in range(1_000):
            peer = stack.enter_context(
                socket.create_connection(("127.0.0.1", driver.source.port), 5)
            )
            peer.sendall(b"GET /")
        told = driver.recorder.wait(BadInput, count=1_000 - outbound_server.MOST_NAMELESS_EACH)
        assert told.kind == "refused_crowd"
        driver.source.send(switch(HEX, 1))
        driver.recorder.wait(CommandAnswered)
        assert named.opened == 1
        with connect_from("127.0.0.2", driver.source.port) as other:
            other.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 404 ")
    newcomer = driver.dialers.add(driver.url, "a8032abe5500")
    arrive(driver, newcomer)


def test_half_handshakes_shut_no_device_out(make: Maker) -> None:
    driver = make()
    with ExitStack() as stack:
        for place in (1, 2):
            for _ in range(200):
                peer = connect_from(f"127.0.1.{place}", driver.source.port)
                stack.enter_context(peer).sendall(b"GET /")
        counted(driver, "refused_crowd")
        for _ in range(outbound_server.MOST_NAMELESS_EACH):
            peer = stack.enter_context(connect_from("127.0.0.1", driver.source.port))
            peer.sendall(b"GET /")
        begin = time.monotonic()
        arrive(driver)
        assert time.monotonic() - begin < 5.0


def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    place = outbound_server.neighbourhood
    assert place("2001:db8::1") == place("2001:db8::ffff:1") != place("2001:db8:0:1::1")
    assert place("fe80::1%eth0") == place("fe80::2")
    assert place("192.0.2.1") != place("192.0.2.2")


def connect_from(address: str, port: int) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), 5, source_address=(address, 0))
    peer.settimeout(5)
    return peer


def test_a_device_that_was_taken_away_is_silent_until_it_comes_again(
    driver: OutboundDriver,
) -> None:
    dialer = arrive(driver)
    driver.source.release(DeviceId(HEX))
    told = len(driver.recorder.events)
    dialer.notify("NotifyStatus", ts=2.0, **{"switch:0": {"apower": 5}})
    dialer.say(b"not JSON")
    counted(driver, "json")
    assert len(driver.recorder.events) == told + 1
    dialer.drop()
    driver.recorder.wait(DeviceArrived, count=2)
    driver.recorder.wait(StatusReported, lambda event: event.full, count=2)


def test_a_command_for_another_link_is_not_ours(driver: OutboundDriver) -> None:
    arrive(driver)
    assert not driver.source.serves(LinkId("home"))
    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{driver.source.port}/shelly/", proxy=None)


def test_secrets_are_in_no_repr() -> None:
    settings = OutboundSettings("127.0.0.1", 0, SECRET, passwords={DeviceId(HEX): "a-password"})
    assert SECRET not in repr(settings)
    assert "a-password" not in repr(settings)
    source = OutboundSource(settings, Recorder(), lambda *_: None)
    assert source.stop(Deadline(1)) == []
