"""Connections to the simulated hosts, and everything that can be made to go wrong with them."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import ExitStack
from functools import partial

import pytest
import websocket

from bridge.simulator.faults import Second
from bridge.simulator.wire import frame
from bridge.simulator.world import World
from tests.simulator.client import LIMIT, Client, refused
from tests.simulator.conftest import HOSTS

PLUG = "SNSW-001P16EU"


def test_a_good_token_opens_and_is_counted(world: World) -> None:
    counters = world.host().counters
    with Client(world):
        assert len(counters.opened) == 1
        assert counters.open_now == 1
    assert world.wait_for(lambda: counters.open_now == 0, LIMIT)
    assert (counters.most_open, counters.overlaps) == (1, 0)
    assert world.host(HOSTS[1]).counters.opened == type(counters.opened)()


def test_bad_tokens_are_refused_at_the_handshake(world: World) -> None:
    good = world.tokens.issue({"itg": world.tag})
    foreign = world.tokens.issue({"itg": "ITG_OTHER"})
    world.tokens.lifetime = -1
    expired = world.tokens.issue({"itg": world.tag})
    world.tokens.revoke(good)
    for jwt in ("x", "a.b.c", good, foreign, expired):
        assert refused(partial(Client, world, jwt=jwt)) == 401
    assert len(world.host().counters.refused) == 5
    assert world.host().counters.open_now == 0


def test_a_revoked_token_does_not_close_what_is_open(world: World) -> None:
    with Client(world) as client:
        world.tokens.revoke_all()
        assert client.quiet()


def test_other_paths_and_hosts_are_not_found(world: World) -> None:
    jwt = world.tokens.issue({"itg": world.tag})
    context = ssl.create_default_context(cafile=str(world.ca_file))
    for host, path in ((HOSTS[0], "/other"), ("localhost", "/shelly/wss/hk_sock")):
        plain = socket.create_connection(("127.0.0.1", world.port), LIMIT)
        with context.wrap_socket(plain, server_hostname=host) as tls:
            with pytest.raises(websocket.WebSocketBadStatusException) as caught:
                websocket.create_connection(f"wss://{host}:1{path}?t={jwt}", socket=tls)
            assert caught.value.status_code == 404


@pytest.mark.parametrize("scheme", ["plain", "foreign"])
def test_what_is_no_tls_of_ours_does_no_harm(world: World, scheme: str) -> None:
    with socket.create_connection(("127.0.0.1", world.port), LIMIT) as plain:
        if scheme == "plain":
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert plain.recv(100)[:1] in (b"", b"\x15")
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(plain, server_hostname=HOSTS[0])
    with Client(world) as client:
        assert client.quiet()


@pytest.mark.parametrize(
    "sent",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"x" * 70_000],
)
def test_what_is_no_http_is_answered_and_closed(world: World, sent: bytes) -> None:
    context = ssl.create_default_context(cafile=str(world.ca_file))
    plain = socket.create_connection(("127.0.0.1", world.port), LIMIT)
    with context.wrap_socket(plain, server_hostname="localhost") as tls:
        tls.sendall(sent)
        assert tls.recv(100).startswith(b"HTTP/1.1 4")


def test_a_bad_websocket_handshake_is_refused(world: World) -> None:
    jwt = world.tokens.issue({"itg": world.tag})
    context = ssl.create_default_context(cafile=str(world.ca_file))
    plain = socket.create_connection(("127.0.0.1", world.port), LIMIT)
    with context.wrap_socket(plain, server_hostname=HOSTS[0]) as tls:
        head = f"GET /shelly/wss/hk_sock?t={jwt} HTTP/1.1\r\nHost: {HOSTS[0]}\r\n"
        tls.sendall(head.encode() + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        assert tls.recv(100).startswith(b"HTTP/1.1 400")
    assert world.wait_for(lambda: len(world.host().counters.refused) == 1, LIMIT)


# One connection a host.


def test_a_second_connection_closes_the_first(world: World) -> None:
    with Client(world) as first, Client(world) as second:
        assert first.closed() == 1000
        assert second.quiet()
        assert world.host().counters.overlaps == 1
        assert world.host().counters.most_open == 1


def test_or_is_refused(world: World) -> None:
    world.host().faults.second = Second.REFUSE_NEWER
    with Client(world) as first:
        assert refused(lambda: Client(world)) == 409
        assert first.quiet()


def test_or_both_may_stay(world: World) -> None:
    world.host().faults.second = Second.ALLOW
    device = world.add_device(PLUG)
    with Client(world) as first, Client(world) as second:
        device.change(0, on=True)
        assert first.status() == second.status()


def test_a_host_knows_when_each_connection_was_open_and_whose_it_was(world: World) -> None:
    host = world.host()
    host.faults.second = Second.ALLOW
    with Client(world) as first, Client(world) as second:
        peers = [client.peer for client in (first, second)]
        assert [session.peer for session in host.counters.sessions] == peers
        assert {session.viewer for session in host.counters.sessions} == {world.tag}
        assert [session.closed for session in host.counters.sessions] == [None, None]
        between = time.monotonic()
        first.close()
        assert world.wait_for(lambda: host.counters.sessions[0].closed, LIMIT)
        closed, opened = host.counters.sessions[0].closed, host.counters.sessions[1].opened
        assert closed is not None
        assert opened < between < closed <= time.monotonic()
        assert host.counters.sessions[1].closed is None


def test_hosts_do_not_disturb_each_other(world: World) -> None:
    devices = [world.add_device(PLUG, host) for host in HOSTS]
    with Client(world, HOSTS[0]) as first, Client(world, HOSTS[1]) as second:
        for device in devices:
            device.change(0, on=True)
        assert first.next()["deviceId"] == devices[0].id
        assert second.next()["deviceId"] == devices[1].id
        assert first.quiet()
        assert second.quiet()


# Faults.


def test_connections_can_be_cut_or_closed(world: World) -> None:
    with Client(world) as client:
        world.host().drop()
        assert client.closed() is None
    with Client(world) as client:
        world.host().close(4401, "Token-Broken")
        assert client.closed() == 4401
    assert world.wait_for(lambda: world.host().counters.open_now == 0, LIMIT)


def test_handshakes_can_be_refused(world: World) -> None:
    world.host().faults.refuse = 503
    assert refused(lambda: Client(world)) == 503
    world.host().faults.refuse = 302
    world.host().faults.refuse_location = "https://elsewhere.example/"
    with pytest.raises(websocket.WebSocketException, match="Redirect"):
        Client(world)
    world.host().faults.refuse = None
    with Client(world) as client:
        assert client.quiet()


def test_somebody_else_can_take_the_place_again_and_again(world: World) -> None:
    world.host().faults.displace = (1008, "replaced")
    for _ in range(3):
        with Client(world) as client:
            assert client.closed() == 1008
    assert len(world.host().counters.opened) == 3


def test_a_handshake_can_stay_unanswered(world: World) -> None:
    world.host().faults.no_handshake = True
    context = ssl.create_default_context(cafile=str(world.ca_file))
    plain = socket.create_connection(("127.0.0.1", world.port), LIMIT)
    plain.settimeout(0.3)
    with (
        context.wrap_socket(plain, server_hostname=HOSTS[0]) as tls,
        pytest.raises(websocket.WebSocketTimeoutException),
    ):
        websocket.create_connection(f"wss://{HOSTS[0]}:1/shelly/wss/hk_sock", socket=tls)
    assert world.host().counters.unanswered == 1


def test_the_answer_to_a_handshake_can_be_without_end(world: World) -> None:
    world.host().faults.endless = True
    context = ssl.create_default_context(cafile=str(world.ca_file))
    plain = socket.create_connection(("127.0.0.1", world.port), LIMIT)
    with context.wrap_socket(plain, server_hostname=HOSTS[0]) as tls:
        tls.sendall(
            f"GET /shelly/wss/hk_sock HTTP/1.1\r\nHost: {HOSTS[0]}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode()
        )
        answer = b""
        while len(answer) < 1_000_000:
            data = tls.recv(65_536)
            assert data
            answer += data
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\r\n\r\n" not in answer
    assert answer.count(b"HTTP") == 1
    world.host().faults.endless = False
    with Client(world) as client:
        assert client.quiet()


def test_a_mute_host_does_not_even_answer_tls_and_others_do(world: World) -> None:
    world.host().faults.mute = True
    context = ssl.create_default_context(cafile=str(world.ca_file))
    with (
        socket.create_connection(("127.0.0.1", world.port), 0.3) as plain,
        pytest.raises(TimeoutError),
    ):
        context.wrap_socket(plain, server_hostname=HOSTS[0])
    assert world.host().counters.unanswered == 1
    with Client(world, HOSTS[1]) as client:
        assert client.quiet()
    with socket.create_connection(("127.0.0.1", world.port), 0.3):
        pass
    with socket.create_connection(("127.0.0.1", world.port), 0.3) as plain:
        plain.sendall(b"no hello at all")
    world.host().faults.mute = False
    with Client(world) as client:
        assert client.quiet()


def test_a_frozen_host_neither_reads_nor_writes(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        world.host().freeze()
        device.change(0, on=True)
        client.request(device, "relay", turn="off")
        client.socket.ping("?")
        client.socket.settimeout(0.3)
        with pytest.raises(websocket.WebSocketTimeoutException):
            client.socket.recv_data(control_frame=True)
        client.socket.settimeout(LIMIT)
        world.host().thaw()
        assert client.until("Shelly:CommandResponse")["data"]["isok"] is True


def test_a_frame_can_end_in_the_middle(world: World) -> None:
    with Client(world) as client:
        world.host().half_frame()
        client.socket.settimeout(0.3)
        with pytest.raises(websocket.WebSocketTimeoutException):
            client.socket.recv()
        world.host().drop()
        client.socket.settimeout(LIMIT)
        assert client.closed() is None


def test_pings_are_answered_unless_told_otherwise(world: World) -> None:
    with Client(world) as client:
        client.socket.ping("hello")
        assert client.socket.recv_data(control_frame=True) == (10, b"hello")
    world.host().faults.no_pong = True
    with Client(world) as client:
        client.socket.ping("hello")
        assert client.quiet()


def test_any_bytes_can_be_sent(world: World) -> None:
    with Client(world) as client:
        client.socket.sock_opt.timeout = LIMIT
        world.emit(HOSTS[0], "{")
        assert client.socket.recv_data() == (1, b"{")
        world.emit(None, b"\x00\x01", binary=True)
        assert client.socket.recv_data() == (2, b"\x00\x01")
        world.emit(None, "x" * 70_000)
        assert client.socket.recv_data() == (1, b"x" * 70_000)
        world.host().write(frame(b"raw"))
        assert client.socket.recv_data() == (1, b"raw")


def test_a_viewer_that_never_reads_is_cut_before_memory_runs_out(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        for _ in range(40):
            world.emit(None, b"x" * 1_000_000)
        device.change(0, on=True)
        assert world.wait_for(lambda: world.host().counters.overruns == 1, LIMIT)
        assert client.closed() is None


def test_a_fragmented_message_is_one(world: World) -> None:
    device = world.add_device(PLUG)
    with Client(world) as client:
        text = '{"event":"Integrator:ActionRequest","trid":1,"data":{"action":"DeviceVerify",'
        client.socket.send_frame(websocket.ABNF.create_frame(text, 1, 0))
        client.socket.send_frame(websocket.ABNF.create_frame(f'"deviceId":"{device.id}"', 0, 0))
        client.socket.send_frame(websocket.ABNF.create_frame("}}", 0, 1))
        assert client.next()["data"]["result"] == "OK"


def test_what_breaks_the_websocket_protocol_is_closed(world: World) -> None:
    with Client(world) as client:
        assert client.socket.sock is not None
        client.socket.sock.sendall(b"\xff\xff\xff\xff")
        assert client.closed() == 1002


def test_many_hosts_at_once() -> None:
    names = [f"shelly-{number}-sim.shelly.cloud" for number in range(32)]
    with World(names) as world, ExitStack() as stack:
        devices = [world.add_device(PLUG, name) for name in names]
        clients = [stack.enter_context(Client(world, name)) for name in names]
        started = time.monotonic()
        for device in devices:
            device.change(0, on=True)
        for device, client in zip(devices, clients, strict=True):
            assert client.next()["deviceId"] == device.id
        assert time.monotonic() - started < LIMIT
