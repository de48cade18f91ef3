"""A known vulnerability fails the audit, nobody who answers does not: pip-audit itself asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.packages import audit

PINS = "Flask==3.1.3\nsegno==1.6.6\n"


class Service(ThreadingHTTPServer):
    """Knows of vulnerabilities as the Open Source Vulnerability service does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known: dict[str, dict[str, Any]] = {}
        """By the name of a package."""
        self.status = 200
        self.asked: list[dict[str, Any]] = []

    @property
    def options(self) -> list[str]:
        """How pip-audit asks it."""
        return ["-s", "osv", "--osv-url", f"http://127.0.0.1:{self.server_port}/v1/query"]


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        known = self.server.known.get(asked["package"]["name"])
        body = json.dumps({"vulns": [known]} if known else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Service() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join(10)


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    file = tmp_path / "pins.txt"
    file.write_text(PINS)
    return file


def vulnerability(name: str, fixed: str | None) -> dict[str, Any]:
    """One of a package, mended in a version or not yet."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    package = {"name": name, "ecosystem": "PyPI"}
    affected = [{"package": package, "ranges": ranges}]
    return {"id": "PYSEC-2026-1", "summary": "bad", "affected": affected}


def test_nothing_known_passes(service: Service, pins: Path) -> None:
    assert audit.audit(pins, service.options) == (
        0,
        ["audited: nothing is known against 2 packages"],
    )
    asked = {(each["package"]["name"], each["version"]) for each in service.asked}
    assert asked == {("flask", "3.1.3"), ("segno", "1.6.6")}


@pytest.mark.parametrize(("fixed", "words"), [("3.2", "3.2"), (None, "no version")])
def test_a_known_vulnerability_fails(
    service: Service, pins: Path, fixed: str | None, words: str
) -> None:
    service.known["flask"] = vulnerability("flask", fixed)
    code, (line,) = audit.audit(pins, service.options)
    assert code == 1
    assert line == f"flask 3.1.3: PYSEC-2026-1, mended in {words}"


def test_a_service_that_is_not_there_is_told_in_a_line_and_passes(
    service: Service, pins: Path
) -> None:
    options = service.options
    service.server_close()
    code, lines = audit.audit(pins, options)
    assert (code, lines) == (0, ["not audited: the vulnerability service cannot be reached"])


def test_a_service_that_is_out_of_order_is_told_and_passes(service: Service, pins: Path) -> None:
    service.status = 503
    code, lines = audit.audit(pins, service.options)
    assert (code, lines) == (0, ["not audited: the vulnerability service cannot be reached"])


@pytest.mark.parametrize("text", ["Flask>=3\n", "Flask == == 3\n", None])
def test_pins_that_cannot_be_judged_fail(service: Service, pins: Path, text: str | None) -> None:
    if text is None:
        pins.unlink()
    else:
        pins.write_text(text)
    code, lines = audit.audit(pins, service.options)
    assert code == 1
    assert lines[0] == "pip-audit failed"
    assert len(lines) > 1


FINE: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
SKIPPED: dict[str, Any] = {"name": "b", "skip_reason": "not found"}


def test_a_mirror_that_knows_no_package_is_not_the_service() -> None:
    assert audit.verdict([SKIPPED, SKIPPED])[0] == 0
    assert audit.verdict([SKIPPED])[1][0].startswith("not audited: ")


def test_a_package_that_alone_is_not_known_fails() -> None:
    code, (line,) = audit.verdict([FINE, SKIPPED])
    assert code == 1
    assert line.endswith(": b")


def test_an_audit_of_nothing_fails() -> None:
    assert audit.verdict([])[0] == 1
