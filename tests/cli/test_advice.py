"""Each failure has a sentence that says what to do."""

from __future__ import annotations

import pytest

from bridge.cli import advice
from bridge.errors import AuthError, BridgeError, PeerError, StartError, StoreError
from bridge.httpclient import NotReachedInTimeError, RateLimitedError
from bridge.mqtt.connection import ConnectFailed, Failure
from bridge.sources.jwt import TokenUnavailableError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectFailed(Failure.CREDENTIALS, "it refuses us: Not authorized"), "mosquitto_passwd"),
        (ConnectFailed(Failure.VERSION, "x"), "mqtt.protocol"),
        (ConnectFailed(Failure.SILENT, "it closed the connection without CONNACK"), "8883"),
        (ConnectFailed(Failure.REFUSED, "it refuses us: Banned"), "the broker's own log"),
        (ConnectFailed(Failure.UNREACHABLE, "Connection refused"), "has the broker been started"),
        (ConnectFailed(Failure.UNREACHABLE, "its name was not resolved: x"), "is the name right"),
        (ConnectFailed(Failure.UNREACHABLE, "its certificate is refused: x"), "mqtt.tls.ca_file"),
        (ConnectFailed(Failure.UNREACHABLE, "it does not answer"), "firewall"),
        (StartError("mqtt.tls: a certificate or key cannot be used: x"), "mqtt.tls.ca_file"),
    ],
)
def test_a_broker(error: BridgeError, words: str) -> None:
    assert words in advice.about("broker", error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StartError("it leads to a connection pooler, which does not keep locks"), "own address"),
        (StoreError('password authentication failed for user "x"'), "user and password"),
        (StoreError("fe_sendauth: no password supplied"), "user and password"),
        (StoreError('database "x" does not exist'), "CREATE DATABASE"),
        (StoreError('role "x" does not exist'), "CREATE ROLE"),
        (StoreError('no pg_hba.conf entry for host "x"'), "pg_hba.conf"),
        (StoreError("SSL error: certificate verify failed"), "sslrootcert"),
        (StoreError("server does not support SSL, but SSL was required"), "sslmode"),
        (StoreError("could not translate host name: Name or service not known"), "name right"),
        (StoreError("PostgreSQL cannot be reached: Connection refused"), "does PostgreSQL run"),
    ],
)
def test_a_database(error: BridgeError, words: str) -> None:
    assert words in advice.about("database", error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthError("x: refused (HTTP 401)"), "tag or token is wrong"),
        (TokenUnavailableError("x: refused", 1.0, refused=True), "tag or token is wrong"),
        (TokenUnavailableError("x: Connection refused", 1.0, refused=False), "internet"),
        (RateLimitedError("x: (HTTP 429)"), "wait a minute"),
        (TokenUnavailableError("x: asked too often", 1.0, refused=False), "wait a minute"),
        (PeerError("its certificate is not valid: x (is the clock of this machine right?)"), "set"),
        (PeerError("its certificate is not valid: self-signed"), "ca-certificates"),
        (PeerError("its name cannot be resolved"), "name server"),
        (NotReachedInTimeError("x: it did not answer in time"), "internet"),
        (PeerError("x: answered HTTP 502"), "try again later"),
    ],
)
def test_an_integrator(error: BridgeError, words: str) -> None:
    assert words in advice.about("integrator token", error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthError("x: refused (wrong)"), "shelly-bridge login flat"),
        (
            TokenUnavailableError(
                "the e-mail address or password is wrong: x; or log in: y", 1.0, refused=True
            ),
            "Google",
        ),
        (
            TokenUnavailableError("log in: shelly-bridge login flat", 1.0, refused=True),
            "open that page",
        ),
        (PeerError("x: answered HTTP 502"), "try again later"),
    ],
)
def test_an_account(error: BridgeError, words: str) -> None:
    assert words in advice.about("account flat", error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StartError("outbound: cannot listen on 0.0.0.0:8082: Address already in use"), "stop it"),
        (StartError("192.0.2.1:1: Cannot assign requested address"), "no such address"),
        (StartError("0.0.0.0:1: Permission denied"), "1024"),
        (StartError("somewhere: something"), "another address"),
    ],
)
def test_a_listener(error: BridgeError, words: str) -> None:
    assert words in advice.about("outbound", error)


def test_the_rest() -> None:
    assert "data_dir" in advice.about("data directory", StoreError("x"))
    assert "internet" in advice.about("host x.shelly.cloud", PeerError("Connection refused"))
