"""Consent callbacks, checked by the code of the bridge that receives them."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.core.jsontext import dump
from bridge.errors import ConnectionLost
from bridge.simulator.certificates import Authority
from bridge.simulator.world import World
from bridge.web.consent_body import Action, parse_consent
from bridge.web.scl_trust import Reason, TrustCheck, TrustRefused


class Receiver(http.server.ThreadingHTTPServer):
    """Takes callbacks and answers with `status`."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://localhost:{self.server_address[1]}/consent/secret?user=1"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.path, headers, body))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b'{"ok": true}')

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(receiver: Receiver) -> Iterator[Receiver]:
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving(Receiver()) as running:
        yield running


def test_a_grant_is_signed_and_as_documented(world: World, receiver: Receiver) -> None:
    device = world.add_device("SHSW-25:relay", name=["Pump", "Valve"], granted=False, user=5)
    answer = world.grant_by_callback(device, receiver.url)
    assert (answer.status, answer.body) == (200, b'{"ok": true}')
    assert device.granted
    path, headers, body = receiver.seen[0]
    assert path == "/consent/secret?user=1"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "userId": 5,
        "deviceId": device.id,
        "deviceType": "relay",
        "deviceCode": "SHSW-25",
        "accessGroups": "01",
        "action": "add",
        "host": device.host,
        "name": ["Pump", "Valve"],
    }
    token = TrustCheck(world.tag, world.trust_key_file.read_text()).check(
        headers["scl-trust"], time.time()
    )
    assert token.device == device.id
    consent = parse_consent(body)
    assert (consent.device, consent.action) == (device.hex_id, Action.ADD)
    assert consent.names == ("Pump", "Valve")
    assert consent.claims_control


def test_a_withdrawal(world: World, receiver: Receiver) -> None:
    device = world.add_device("SBHT-003C")
    assert world.revoke_by_callback(device, receiver.url).status == 200
    assert not device.granted
    assert parse_consent(receiver.seen[0][2]).action is Action.REMOVE


def test_without_a_200_nothing_has_changed(world: World, receiver: Receiver) -> None:
    receiver.status = 503
    device = world.add_device("SNSW-001P16EU", granted=False, control=False)
    assert world.grant_by_callback(device, receiver.url).status == 503
    assert (device.granted, device.control) == (False, False)
    world.grant(device, control=False)
    world.revoke_by_callback(device, receiver.url)
    assert device.granted
    with pytest.raises(ConnectionLost):
        world.revoke_by_callback(device, "http://127.0.0.1:1/consent/secret")
    assert device.granted


def test_a_callback_that_fails_does_not_name_the_address(world: World) -> None:
    with pytest.raises(ConnectionLost) as caught:
        world.consent.post("http://127.0.0.1:1/consent/secret", {})
    assert "secret" not in str(caught.value)


def test_over_tls(world: World) -> None:
    authority = Authority(world.directory)
    context = authority.server_context()
    authority.certify(context, ["localhost"])
    device = world.add_device("SNSW-001P16EU")
    with serving(Receiver(context)) as receiver:
        answer = world.consent.add(receiver.url, device, context=authority.client_context())
        assert answer.status == 200
        with pytest.raises(ConnectionLost):
            world.consent.add(receiver.url, device)


def test_anything_can_be_forged(world: World, receiver: Receiver) -> None:
    device = world.add_device("SNSW-001P16EU")
    consent = world.consent
    consent.add(receiver.url, device, host="evil.example", accessGroups="ff")
    assert json.loads(receiver.seen[-1][2])["host"] == "evil.example"
    consent.post(receiver.url, b"\xff", trust="x", headers={"Content-Type": "text/plain"})
    _, headers, body = receiver.seen[-1]
    assert (headers["scl-trust"], headers["content-type"], body) == ("x", "text/plain", b"\xff")
    consent.post(receiver.url, consent.body(device, "dance"))
    assert "scl-trust" not in receiver.seen[-1][1]


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"itg": "ITG_OTHER"}, Reason.OTHER_TAG),
        ({"exp": 1}, Reason.EXPIRED),
        ({"exp": 4_000_000_000}, Reason.TOO_FAR_AHEAD),
        ({"exp": None}, Reason.CLAIMS),
        ({"did": None}, Reason.CLAIMS),
    ],
)
def test_bad_trust_tokens_can_be_made(
    world: World, claims: dict[str, object], reason: Reason
) -> None:
    check = TrustCheck(world.tag, world.consent.public_key_pem)
    with pytest.raises(TrustRefused) as caught:
        check.check(world.consent.trust("1", **claims), time.time())
    assert caught.value.reason is reason
    with pytest.raises(TrustRefused):
        TrustCheck(world.tag).check(world.consent.trust("1"), time.time())


def test_a_body_is_json_of_the_bridge_s_kind(world: World) -> None:
    device = world.add_device("SHSW-1")
    assert parse_consent(dump(world.consent.body(device)).encode()).device == device.hex_id
