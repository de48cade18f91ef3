"""The reverse proxies' examples for the status page: below a prefix it signs in, acts, follows."""

from __future__ import annotations

import http.client
import re
import ssl
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.packages.programs import EXAMPLES
from tests.packages.proxies import Proxy, caddy_site, nginx_site, running, trusting
from tests.system.rig import Rig

RELAY = "SNSW-001P16EU"
PASSWORD = "let me look"
NGINX = (EXAMPLES / "proxy" / "page-nginx.conf").read_text()
CADDY = (EXAMPLES / "proxy" / "page.Caddyfile").read_text()


def nginx(directory: Path, port: int, admin: int) -> list[str]:
    """nginx with its example."""
    changes = {"127.0.0.1:8080": f"127.0.0.1:{admin}"}
    return nginx_site(directory, port, NGINX, "home.example.org", changes)


def caddy(directory: Path, port: int, admin: int) -> list[str]:
    """Caddy with its example."""
    changes = {"127.0.0.1:8080": f"127.0.0.1:{admin}"}
    return caddy_site(directory, port, CADDY, "home.example.org", changes)


class Visitor:
    """A browser with one cookie, at the proxy."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._port = port
        self._context = context
        self._cookie = ""
        self.set_cookie = ""

    def ask(
        self, path: str, fields: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Status, headers and text of a page, or of a form that is sent."""
        connection = self._open()
        try:
            headers = self._headers()
            body = None
            if fields is not None:
                body = urlencode(fields)
                headers |= {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Origin": f"https://127.0.0.1:{self._port}",
                }
            connection.request("GET" if fields is None else "POST", path, body, headers)
            response = connection.getresponse()
            if cookie := response.headers.get("Set-Cookie"):
                self.set_cookie = cookie
                self._cookie = cookie.partition(";")[0]
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def first_words(self, path: str, wanted: str) -> str:
        """What a followed page sends until `wanted` is in it, long before it ends."""
        connection = self._open()
        text = ""
        try:
            connection.request("GET", path, headers=self._headers())
            response = connection.getresponse()
            while wanted not in text:
                part = response.read1(65_536)
                assert part, text
                text += part.decode()
        finally:
            connection.close()
        return text

    def _open(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=15, context=self._context
        )

    def _headers(self) -> dict[str, str]:
        return {"Accept": "text/html", "Cookie": self._cookie}


def token_of(page: str) -> str:
    """What the page's forms carry."""
    found = re.search(r'name="token" value="([0-9a-f]+)"', page)
    assert found is not None, page
    return found[1]


@pytest.mark.parametrize(
    "proxy",
    [pytest.param(nginx, marks=pytest.mark.nginx), pytest.param(caddy, marks=pytest.mark.caddy)],
)
def test_the_page_works_below_a_prefix(tmp_path: Path, proxy: Proxy) -> None:
    file = tmp_path / "admin-password"
    file.touch(mode=0o600)
    file.write_text(PASSWORD)
    with Rig(tmp_path, web__admin__password_file=str(file), web__admin__trusted_proxies="1") as rig:
        rig.start()
        relay = rig.add(RELAY)
        assert rig.consent(relay).status == 200
        rig.wait_online(relay)
        with running(proxy, tmp_path, rig.bridge.ports["web-admin"]) as port:
            visitor = Visitor(port, trusting(tmp_path))
            status, headers, _ = visitor.ask("/shelly")
            assert status in (301, 302)
            assert headers["Location"].endswith("/shelly/")
            status, headers, _ = visitor.ask("/shelly/")
            assert (status, headers["Location"]) == (302, "/shelly/sign-in?to=/")

            _, _, page = visitor.ask("/shelly/sign-in")
            fields = {"token": token_of(page), "password": PASSWORD, "to": "/"}
            status, headers, _ = visitor.ask("/shelly/sign-in", fields)
            assert (status, headers["Location"]) == (303, "/shelly/")
            assert "Secure" in visitor.set_cookie
            assert "Path=/shelly/" in visitor.set_cookie

            status, _, page = visitor.ask("/shelly/")
            assert status == 200
            links = re.findall(r'(?:href|src|action)="([^"]+)"', page)
            assert [link for link in links if link.startswith("/") and "/shelly/" not in link] == []
            assert visitor.ask("/shelly/static/style.css")[0] == 200

            place = f"/shelly/devices/{relay.hex_id}"
            _, _, page = visitor.ask(place)
            fields = {"token": token_of(page), "key": "state", "value": "ON"}
            status, headers, _ = visitor.ask(f"{place}/relay/0", fields)
            assert (status, headers["Location"]) == (303, place)
            assert "done after" in visitor.ask(place)[2]
            topic = f"{relay.hex_id}/relay/0"
            rig.wait(lambda: (rig.json(topic) or {}).get("state") == "ON")

            told = visitor.first_words("/shelly/live?of=overview", "event: change")
            assert told.startswith(": connected")


@pytest.mark.parametrize("text", [NGINX, CADDY])
def test_both_say_what_the_bridges_configuration_must_be(text: str) -> None:
    (line,) = re.findall(r"^# web: (.*)$", text, re.MULTILINE)
    listen = '{admin: {listen: "127.0.0.1:8080", trusted_proxies: 1, '
    assert line == listen + "password_file: /etc/shelly-bridge/admin-password}}"
