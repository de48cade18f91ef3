"""A demo that runs as a process of its own, and a real browser that looks at its pages."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.brokers import Peer

ROOT = Path(__file__).parents[2]
WIDE, NARROW = (1280, 900), (360, 740)

# A busy machine takes its time.
expect.set_options(timeout=15_000)


@dataclass(frozen=True)
class Demo:
    """Where the demo listens, and the account that it has."""

    address: str
    mqtt: int
    email: str
    password: str


@dataclass
class Visit:
    """A page, and what the browser complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests of this folder."""
    with sync_playwright() as playwright:
        # Sandboxes need rights that containers do not give; the pages are our own.
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@contextmanager
def running_demo(*arguments: str) -> Iterator[Demo]:
    """A demo until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge", "demo", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _told(process)
    finally:
        process.terminate()
        process.wait(15)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A demo for the tests of one file."""
    with running_demo("--rate", "2") as found:
        yield found


def _told(process: subprocess.Popen[str]) -> Demo:
    """What the demo says of itself."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if "Ctrl-C" in line:
            break
    mqtt = re.search(r"on MQTT at 127\.0\.0\.1:([0-9]+)", text)
    page = re.search(r"Status page: (http://\S+)/", text)
    account = re.search(r"account is (\S+) with the password (\S+)\)", text)
    assert mqtt is not None, text
    assert page is not None, text
    assert account is not None, text
    return Demo(page[1], int(mqtt[1]), account[1], account[2])


@pytest.fixture
def peer(demo: Demo) -> Iterator[Peer]:
    """Somebody who listens to the demo's broker."""
    with Peer(demo.mqtt, "shelly/#") as listening:
        yield listening


@contextmanager
def opened(
    browser: Browser, size: tuple[int, int] = WIDE, *, script: bool = True
) -> Iterator[Visit]:
    """A browser window of a size; fails the test for anything that the browser complains about."""
    width, height = size
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": height},
        java_script_enabled=script,
        # The simulated cloud has certificates of its own.
        ignore_https_errors=True,
    )
    context.set_default_timeout(15_000)
    try:
        page = context.new_page()
        visit = Visit(page)
        page.on("console", lambda said: visit.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        yield visit
        assert visit.complaints == []
    finally:
        context.close()
