"""The reverse proxies' examples for several bridges: which of them get a consent."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.brokers import free_port, wait_until
from tests.packages.programs import EXAMPLES
from tests.packages.proxies import Proxy, caddy_site, nginx_site, running, trusting

CADDY = (EXAMPLES / "compose" / "Caddyfile.cluster").read_text()
BRIDGES = ("bridge-a:8090", "bridge-b:8090", "bridge-c:8090")
NGINX = (EXAMPLES / "proxy" / "shards-nginx.conf").read_text()

CONSENT = "/consent/canary"
OTHERS = ("/", "/healthz", "/metrics", "/consent", "/consentx")


class Listener(ThreadingHTTPServer):
    """Stands for a bridge: takes every consent, and answers with its name."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.name = name
        self.heard: list[tuple[str, str, bytes]] = []
        """Path, caller and body of every request."""


class Answering(BaseHTTPRequestHandler):
    """One request to such a bridge."""

    server: Listener

    def do_POST(self) -> None:
        """Remember and answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, self.headers["X-Forwarded-For"], body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.name)))
        self.end_headers()
        self.wfile.write(self.server.name.encode())

    def do_GET(self) -> None:
        """As the bridge's listener for the internet."""
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def listening(name: str) -> Iterator[Listener]:
    """Such a bridge, as long as it is wanted."""
    with Listener(name) as server:
        thread = Thread(target=server.serve_forever, name=f"bridge-{name}")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def post(port: int, path: str, directory: Path) -> tuple[int, bytes]:
    """What the proxy answers to somebody who says to be somebody else."""
    context = trusting(directory)
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    try:
        connection.request("POST", path, b'{"x":1}', {"X-Forwarded-For": "192.0.2.1"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def caddy(*bridges: int) -> Proxy:
    """Caddy with its example in front of these."""
    places = [f"127.0.0.1:{bridge}" for bridge in bridges]
    changes = dict(zip(BRIDGES, places, strict=True))
    return lambda directory, port, _: caddy_site(
        directory, port, CADDY, "bridge.example.org", changes
    )


def nginx(east: int, west: int) -> Proxy:
    """nginx with its example in front of these."""
    places = {"east.internal:8090": f"127.0.0.1:{east}", "west.internal:8090": f"127.0.0.1:{west}"}

    def command(directory: Path, port: int, _: int) -> list[str]:
        changes = {"/var/log/nginx/error.log": str(directory / "error.log"), **places}
        return nginx_site(directory, port, NGINX, "bridge.example.org", changes)

    return command


def assert_nothing_was_logged(directory: Path) -> None:
    """The path of a consent is secret."""
    logs = list(directory.glob("*.log"))
    assert logs
    assert [log.name for log in logs if CONSENT in log.read_text()] == []


@pytest.mark.caddy
def test_a_consent_comes_to_a_bridge_that_is_there(tmp_path: Path) -> None:
    with (
        listening("a") as only,
        running(caddy(free_port(), only.server_port, free_port()), tmp_path, 0) as port,
    ):
        wait_until(lambda: post(port, CONSENT, tmp_path)[0] == 200, 20, "it has looked for them")
        wait_until(lambda: len({post(port, CONSENT, tmp_path) for _ in range(6)}) == 1, 20)
        only.heard.clear()
        assert {post(port, CONSENT, tmp_path) for _ in range(6)} == {(200, b"a")}
        assert only.heard == [(CONSENT, "127.0.0.1", b'{"x":1}')] * 6
        assert {post(port, path, tmp_path)[0] for path in OTHERS} == {404}
        assert len(only.heard) == 6
    assert_nothing_was_logged(tmp_path)


@pytest.mark.caddy
def test_all_bridges_that_are_there_get_some(tmp_path: Path) -> None:
    with (
        listening("a") as a,
        listening("b") as b,
        listening("c") as c,
        running(caddy(a.server_port, b.server_port, c.server_port), tmp_path, 0) as port,
    ):
        assert {post(port, CONSENT, tmp_path)[1] for _ in range(6)} == {b"a", b"b", b"c"}
        assert [len(each.heard) for each in (a, b, c)] == [2, 2, 2]


@pytest.mark.nginx
def test_without_a_common_registry_a_consent_comes_to_every_bridge(tmp_path: Path) -> None:
    with (
        listening("east") as east,
        listening("west") as west,
        running(nginx(east.server_port, west.server_port), tmp_path, 0) as port,
    ):
        assert {post(port, CONSENT, tmp_path) for _ in range(3)} == {(200, b"east")}
        expected = [(CONSENT, "127.0.0.1", b'{"x":1}')] * 3
        assert east.heard == expected
        wait_until(lambda: west.heard == expected, 10, "the other bridge heard the same")
        for path in (*OTHERS, "/shard-west"):
            assert post(port, path, tmp_path)[0] == 404
        assert (len(east.heard), len(west.heard)) == (3, 3)
    assert_nothing_was_logged(tmp_path)


@pytest.mark.nginx
def test_a_bridge_that_is_not_there_keeps_no_consent_from_the_first_one(tmp_path: Path) -> None:
    with (
        listening("east") as east,
        running(nginx(east.server_port, free_port()), tmp_path, 0) as port,
    ):
        assert post(port, CONSENT, tmp_path) == (200, b"east")
        assert len(east.heard) == 1
