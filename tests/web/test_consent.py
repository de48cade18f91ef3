from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.events import GrantRevoked, GrantStored
from bridge.core.model import DeviceId, Grant
from bridge.errors import StoreError
from bridge.store import Proof
from bridge.web.consent import BODY_LIMIT, REFUSAL_LIMIT
from tests.web.site import (
    CLOUD_ID,
    DEVICE,
    HOST,
    Answer,
    Site,
    ask,
    make_body,
    make_token,
    open_site,
)
from tests.web.test_scl_trust import twin

GRANT = Grant(DEVICE, HOST, "SNSW-002P16EU", "relay", ("Pump", "Valve"), False, "12345")


def assert_refused(site: Site, answer: Answer, status: int) -> None:
    """The status, no more than its name, and no effect."""
    assert answer.status == status
    assert answer.content.keys() == {"ok", "error"}
    assert answer.content["ok"] is False
    assert len(answer.content["error"]) < 40
    assert answer.headers["Content-Type"] == "application/json"
    assert "Server" not in answer.headers
    assert site.untouched


# What is accepted.


def test_a_grant_is_stored_and_told(site: Site) -> None:
    answer = site.post()
    assert (answer.status, answer.content) == (200, {"ok": True})
    assert site.grant == GRANT
    assert site.events == [GrantStored(GRANT)]


def test_a_withdrawal_deletes_and_is_told(site: Site) -> None:
    site.post()
    answer = site.post({"deviceId": CLOUD_ID, "action": "remove"})
    assert (answer.status, answer.content) == (200, {"ok": True})
    assert site.store.grants() == []
    assert site.events == [GrantStored(GRANT), GrantRevoked(DEVICE)]


def test_a_withdrawal_of_an_unknown_device_is_fine(site: Site) -> None:
    assert site.post(make_body(action="remove")).status == 200
    assert site.store.grants() == []
    # Should the engine still know it, that ends as well.
    assert site.events == [GrantRevoked(DEVICE)]


def test_a_withdrawal_does_not_care_for_the_host(site: Site) -> None:
    site.post()
    assert site.post(make_body(action="remove", host="evil.example")).status == 200
    assert site.store.grants() == []


def test_older_versions_of_the_cloud(site: Site) -> None:
    body = make_body(deviceId=int(CLOUD_ID), accessGroups=..., name=None)
    assert site.post(body, token=make_token(did=int(CLOUD_ID))).status == 200
    assert site.grant == replace(GRANT, names=())
    assert site.post(make_body(name="Pump"), token=make_token(did=int(CLOUD_ID))).status == 200
    assert site.grant == replace(GRANT, names=("Pump",))


def test_a_content_type_with_charset(site: Site) -> None:
    assert site.post(content_type="application/json; charset=utf-8").status == 200


def test_a_second_grant_replaces_the_first(site: Site) -> None:
    site.post()
    site.post(make_body(name=["Other"], host="shelly-2-eu.shelly.cloud"))
    assert site.grant == replace(GRANT, names=("Other",), host="shelly-2-eu.shelly.cloud")


def test_sixty_devices_at_once(site: Site) -> None:
    for number in range(60):
        body = make_body(deviceId=str(1000 + number))
        assert site.post(body, token=make_token(did=str(1000 + number))).status == 200
    assert len(site.store.grants()) == 60


def test_an_engine_that_has_no_time_does_not_fail_the_callback(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.takes_events = False
    assert site.post().status == 200
    assert site.grant == GRANT
    assert "not taken over" in caplog.text


def test_what_is_told_last_is_what_was_stored_last(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, may_go_on = threading.Event(), threading.Event()
    plain = site.notify

    def slow(event: GrantStored | GrantRevoked) -> bool:
        if isinstance(event, GrantStored):
            told.set()
            may_go_on.wait(0.3)
        return plain(event)

    monkeypatch.setattr(site, "notify", slow)
    adding = threading.Thread(target=site.post)
    adding.start()
    assert told.wait(10)
    assert site.post(make_body(action="remove")).status == 200
    adding.join(10)
    assert site.events == [GrantStored(GRANT), GrantRevoked(DEVICE)]
    assert site.store.grants() == []


def test_a_callback_does_not_wait_for_ever(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.web.consent._LONGEST_TURN", 0.05)
    told, may_go_on = threading.Event(), threading.Event()

    def stuck(_: GrantStored | GrantRevoked) -> bool:
        told.set()
        return may_go_on.wait(10)

    monkeypatch.setattr(site, "notify", stuck)
    first = threading.Thread(target=site.post)
    first.start()
    assert told.wait(10)
    assert site.post(make_body(action="remove")).status == 503
    may_go_on.set()
    first.join(10)
    assert site.grant == GRANT


# Control is what the cloud itself says over our own connection.


def test_control_is_not_believed(site: Site) -> None:
    site.post(make_body(accessGroups="01"))
    assert not site.grant.control


def test_confirmed_control_stays_on_the_same_host(site: Site) -> None:
    site.post()
    site.store.update_grant(DEVICE, control=True)
    site.post(make_body(name=["Other"]))
    assert site.grant == replace(GRANT, names=("Other",), control=True)
    assert site.events[-1] == GrantStored(site.grant)


def test_confirmed_control_ends_on_another_host(site: Site) -> None:
    site.post()
    site.store.update_grant(DEVICE, control=True)
    site.post(make_body(host="shelly-2-eu.shelly.cloud"))
    assert not site.grant.control


def test_less_is_believed(site: Site) -> None:
    site.post()
    site.store.update_grant(DEVICE, control=True)
    site.post(make_body(accessGroups="00"))
    assert not site.grant.control


# What is refused.


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"])
def test_405_only_post(site: Site, method: str) -> None:
    answer = ask(site.port, method, site.path)
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    assert site.untouched


@pytest.mark.parametrize(
    "secret", ["x", "%20", "%00", "%ff", "x" * 5000, "é".encode().decode("latin1")]
)
def test_404_wrong_secret(site: Site, secret: str) -> None:
    assert_refused(site, site.post(path=f"/consent/{quote(secret, safe='%')}"), 404)


def test_404_almost_the_secret(site: Site) -> None:
    for path in (
        site.path[:-1],
        f"{site.path}x",
        f"{site.path}/",
        f"{site.path}/x",
        site.path.replace("/consent/", "/consent//"),
        site.path.swapcase(),
        site.path.replace("/consent/", "/consent/x/"),
        site.path.replace("/consent", ""),
    ):
        assert_refused(site, site.post(path=path), 404)


@pytest.mark.parametrize(
    "path", ["/", "/consent", "/consent/", "/static/x", "/metrics", "/login/home", "/..%2f", "/%00"]
)
def test_404_any_other_path(site: Site, path: str) -> None:
    assert_refused(site, site.post(path=path), 404)
    assert ask(site.port, "GET", path).status == 404


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
def test_415_not_json(site: Site, kind: str) -> None:
    assert_refused(site, site.post(content_type=kind), 415)


def test_413_too_large(site: Site) -> None:
    body = json.dumps(make_body()).encode()
    exact = body + b" " * (BODY_LIMIT - len(body))
    assert_refused(site, site.post(exact + b" "), 413)
    # Beyond the server's own limit, where the application is not even asked.
    assert_refused(site, site.post(exact + b" " * 20_000), 413)
    assert site.post(exact).status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 60_000, b'{"deviceId": "1", "deviceId": "2"}'],
    ids=lambda body: body[:10],
)
def test_400_no_json_object(site: Site, body: bytes) -> None:
    assert_refused(site, site.post(body), 400)


@pytest.mark.parametrize(
    "fields",
    [
        {"deviceId": ...},
        {"deviceId": "a/b"},
        {"deviceId": True},
        {"action": ...},
        {"action": "other"},
        {"host": ...},
        {"host": 5},
        {"name": {"a": 1}},
        {"accessGroups": "zz"},
    ],
    ids=str,
)
def test_400_not_as_documented(site: Site, fields: dict[str, Any]) -> None:
    assert_refused(site, site.post(make_body(**fields)), 400)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "shelly.cloud.evil.example",
        "evilshelly.cloud",
        "evil.example#.shelly.cloud",
        "evil.example?.shelly.cloud",
        "evil.example/.shelly.cloud",
        "a@b.shelly.cloud",
        "a.shelly.cloud:6113",
        "a.shelly.cloud.",
        "a.shelly.cloud\n",
        "\ra.shelly.cloud",
        "A.SHELLY.CLOUD",
        "\uff41.shelly.cloud",
        "a\u3002shelly.cloud",
        "127.0.0.1",
        "[::1]",
        "localhost",
        ".shelly.cloud",
        "*.shelly.cloud",
        "a..shelly.cloud",
        "-a.shelly.cloud",
        f"{'a' * 64}.shelly.cloud",
        "a b.shelly.cloud",
        "a\0.shelly.cloud",
    ],
    ids=ascii,
)
def test_403_hostile_host(site: Site, host: str, caplog: pytest.LogCaptureFixture) -> None:
    assert_refused(site, site.post(make_body(host=host)), 403)
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert record.getMessage().isascii()


@pytest.mark.parametrize(
    ("make", "logged"),
    [
        (lambda: "", "no SCL-Trust"),
        (lambda: "nonsense", "malformed"),
        (lambda: make_token(exp=int(time.time()) - 600), "clock"),
        (lambda: make_token(exp=int(time.time()) + 864_000), "clock"),
        (lambda: make_token(itg="ITG_OTHER"), "tag"),
        (lambda: make_token(did="1"), "another device"),
        (lambda: make_token(did=f"0{CLOUD_ID}"), "another device"),
        (lambda: make_token()[:-8], "signed"),
    ],
    ids=["none", "nonsense", "expired", "far ahead", "tag", "device", "leading zero", "cut"],
)
def test_401_refused_token(
    site: Site, make: Callable[[], str], logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = make()
    assert_refused(site, site.post(token=token), 401)
    (record,) = caplog.records
    assert logged in record.getMessage()
    assert "127.0.0.1" in record.getMessage()
    assert not token or token not in caplog.text
    assert site.store.callback_secret not in caplog.text


def test_401_two_tokens(site: Site) -> None:
    assert_refused(site, site.post(token=f"{make_token()}, {make_token()}"), 401)


def test_the_order_of_the_checks(site: Site) -> None:
    large = b"x" * (BODY_LIMIT + 1)
    answer = site.post(large, path="/consent/x", token="bad", content_type="text/plain")
    assert answer.status == 404
    assert site.post(large, token="bad", content_type="text/plain").status == 415
    assert site.post(large, token="bad").status == 413
    assert site.post(b"x", token="bad").status == 401
    assert site.post(make_body(host="evil.example", name={})).status == 400
    assert_refused(site, site.post(make_body(host="evil.example")), 403)


# Replay.


def test_the_same_callback_again_has_no_second_effect(site: Site) -> None:
    token = make_token()
    assert site.post(token=token).status == 200
    site.post(make_body(action="remove"))
    events = list(site.events)
    answer = site.post(token=token)
    assert (answer.status, answer.content) == (200, {"ok": True})
    assert site.store.grants() == []
    assert site.events == events


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "remove"},
        {"host": "shelly-2-eu.shelly.cloud"},
        {"accessGroups": "00"},
        {"name": ["Other"]},
        {"more": 1},
    ],
    ids=str,
)
def test_401_the_same_token_for_another_body(site: Site, fields: dict[str, Any]) -> None:
    token = make_token()
    site.post(token=token)
    for again in (token, twin(token)):
        answer = site.post(make_body(**fields), token=again)
        assert answer.status == 401
        assert answer.content == {"ok": False, "error": "unauthorized"}
    assert site.grant == GRANT
    assert site.events == [GrantStored(GRANT)]


def test_the_signature_twin_is_no_second_token(site: Site) -> None:
    token = make_token()
    site.post(token=token)
    assert site.post(token=twin(token)).status == 200
    assert site.events == [GrantStored(GRANT)]


def test_a_restart_does_not_forget_used_tokens(tmp_path: Path) -> None:
    token = make_token()
    with open_site(tmp_path) as site:
        site.post(token=token)
        site.post(make_body(action="remove"))
    with open_site(tmp_path) as site:
        assert_refused(site, site.post(make_body(name=["Other"]), token=token), 401)
        assert site.post(token=token).status == 200
        assert site.untouched


def test_a_refused_body_does_not_use_up_the_token(site: Site) -> None:
    token = make_token()
    assert site.post(make_body(host="evil.example"), token=token).status == 403
    assert site.post(make_body(name={}), token=token).status == 400
    assert site.post(token=token).status == 200


# Too many.


@pytest.mark.parametrize("wrong", [{"path": "/consent/x"}, {"token": "x"}], ids=["secret", "token"])
def test_429_is_only_for_those_who_guess(
    site: Site, wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(REFUSAL_LIMIT):
        assert site.post(**wrong).status in {401, 404}
    logged = len(caplog.records)
    for _ in range(3):
        answer = site.post(**wrong)
        assert_refused(site, answer, 429)
        assert answer.headers["Retry-After"] == "60"
    assert len(caplog.records) == logged
    assert "not logged" in caplog.text
    # It never hits a genuine callback, and other mistakes keep their answers.
    assert site.post(make_body(host="evil.example")).status == 403
    assert site.post().status == 200


def test_a_wrong_and_the_right_secret_look_alike_to_who_guesses(site: Site) -> None:
    for _ in range(REFUSAL_LIMIT):
        site.post(token="x")
    right, wrong = site.post(token="x"), site.post(path="/consent/x")
    assert (right.status, right.content) == (wrong.status, wrong.content)
    assert set(right.headers.keys()) == set(wrong.headers.keys())


def test_forwarded_addresses_are_ignored_without_a_proxy(site: Site) -> None:
    for number in range(REFUSAL_LIMIT + 1):
        answer = site.post(token="x", forwarded=f"192.0.2.{number}")
    assert answer.status == 429


def test_a_trusted_proxy_names_the_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_site(tmp_path, trusted_proxies=1) as site:
        for _ in range(REFUSAL_LIMIT + 1):
            answer = site.post(token="x", forwarded="203.0.113.9, 192.0.2.1")
        assert answer.status == 429
        assert site.post(token="x", forwarded="203.0.113.9, 192.0.2.2").status == 401
        assert site.post(token="x", forwarded="192.0.2.1, 192.0.2.2").status == 401
        assert site.post(token="x", forwarded='"x, <script>').status == 401
        assert "<script>" not in caplog.text
        assert site.post(token="x").status == 401


def test_of_two_proxies_the_second_from_the_right_counts(tmp_path: Path) -> None:
    with open_site(tmp_path, trusted_proxies=2) as site:
        for number in range(REFUSAL_LIMIT + 1):
            answer = site.post(token="x", forwarded=f"forged, 192.0.2.1, 10.0.0.{number}")
        assert answer.status == 429
        assert site.post(token="x", forwarded="192.0.2.1, 192.0.2.2, 10.0.0.1").status == 401


# Could not store.


class BrokenStore:
    """A registry on a disk that is full."""

    def grant(self, device: DeviceId) -> Grant | None:
        raise StoreError(f"cannot read {device}")

    def put_grant(self, grant: Grant, *, at: float, proof: Proof | None = None) -> bool:
        raise StoreError(f"disk full while {grant.device} came at {at} with {proof}")

    def revision(self, device: DeviceId) -> int:
        raise StoreError(f"cannot read {device}")

    def delete_grant(self, device: DeviceId, *, proof: Proof | None = None) -> bool:
        raise StoreError(f"disk full while {device} came with {proof}")


def test_503_what_cannot_be_stored_is_not_confirmed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_site(tmp_path, store=BrokenStore()) as site:
        for body in (make_body(), make_body(action="remove")):
            assert_refused(site, site.post(body), 503)
        assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
        # The rest goes on.
        assert ask(site.port, "GET", "/healthz").status == 200
        assert site.post(token="x").status == 401


class BuggyStore(BrokenStore):
    def grant(self, device: DeviceId) -> Grant | None:
        raise KeyError(f"a bug near {device}")


def test_a_bug_is_an_answer_and_a_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_site(tmp_path, store=BuggyStore()) as site:
        assert_refused(site, site.post(), 500)
        assert "a bug near" in caplog.text
        assert site.store.callback_secret not in caplog.text
        assert site.post(token="x").status == 401


# Health.


def test_health(site: Site) -> None:
    answer = ask(site.port, "GET", "/healthz")
    assert (answer.status, answer.content) == (200, {"status": "ok"})
    site.failed_parts = ["mqtt", "engine"]
    answer = ask(site.port, "GET", "/healthz")
    assert answer.status == 503
    assert answer.content == {"status": "failed", "parts": ["mqtt", "engine"]}
    assert ask(site.port, "POST", "/healthz").status == 405


def test_headers_of_every_answer(site: Site) -> None:
    for answer in (site.post(), site.post(token="x"), ask(site.port, "GET", "/healthz")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers


# Anything at all.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with open_site(tmp_path_factory.mktemp("fuzzed")) as site:
        yield site


@given(
    path=st.sampled_from(["", "x", "/"]) | st.text("abc/%.-_", max_size=10),
    token=st.none() | HEADER,
    kind=st.sampled_from(["application/json", "text/plain"]) | HEADER,
    body=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()),
)
@settings(deadline=None)
def test_no_unsigned_callback_has_an_effect(
    fuzzed: Site, path: str, token: str | None, kind: str, body: bytes
) -> None:
    answer = fuzzed.post(
        body, path=f"{fuzzed.path}{path}", token=token or "", content_type=kind.strip()
    )
    assert_refused(fuzzed, answer, answer.status)
    assert 400 <= answer.status < 500


@given(fields=st.dictionaries(st.sampled_from(["host", "name", "deviceId", "action"]), JSON))
@settings(deadline=None)
def test_no_signed_callback_of_any_shape_breaks_it(fuzzed: Site, fields: dict[str, Any]) -> None:
    known = len(fuzzed.store.grants())
    valid = fields.keys().isdisjoint({"host", "deviceId", "action"})
    answer = fuzzed.post(make_body(**{"host": "evil.example", **fields}))
    assert 400 <= answer.status < 500
    assert len(fuzzed.store.grants()) == known
    assert not valid or answer.status in {400, 403}
