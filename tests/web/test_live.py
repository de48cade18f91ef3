"""What changes while somebody looks is sent, and only that."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.core.events import GrantRevoked, GrantStored, LinkChanged, StatusReported
from bridge.core.ids import device_from_hex
from bridge.core.model import LinkState, SourceKind
from bridge.web import live, regions
from bridge.web.desk import BusyError
from bridge.web.live import MOST_VIEWERS, changes, pause
from bridge.web.regions import Region
from tests.brokers import wait_until
from tests.core.dialogue import DEVICE, HOST, grant
from tests.web.house import House, furnished, house, wait_for_text


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(live, "INTERVAL", 0.05)
    with house() as made:
        furnished(made)
        wait_for_text(made.browser, f"/devices/{DEVICE}", "Toggle")
        yield made


class Stream:
    """One listener to server-sent events."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self._connection.request("GET", path, headers={"Accept": "text/event-stream"})
        self.answer = self._connection.getresponse()

    def change(self) -> dict[str, str]:
        """The next elements that changed."""
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream ended"
            if line.startswith("data: "):
                found: dict[str, str] = json.loads(line.removeprefix("data: "))
                return found

    def until(self, words: str) -> dict[str, str]:
        """The first change that says these words."""
        while True:
            change = self.change()
            if any(words in html for html in change.values()):
                return change

    def close(self) -> None:
        """Go away."""
        self.answer.close()
        self._connection.close()


@contextmanager
def watching(made: House, path: str) -> Iterator[Stream]:
    stream = Stream(made.browser.port, path)
    try:
        yield stream
    finally:
        stream.close()


def test_a_value_that_changes_is_sent_alone(home: House) -> None:
    with watching(home, f"/live?of=device&name={DEVICE}") as stream:
        assert stream.answer.getheader("Content-Type") == "text/event-stream"
        first = stream.change()
        assert {"about", "readings-relay-0", "buttons-relay-0-state"} <= first.keys()
        home.happens(StatusReported(HOST, DEVICE, {"switch:0": {"id": 0, "apower": 99.5}}))
        change = stream.until("99.5 W")
        assert "readings-relay-1" not in change


def test_rows_are_sent_one_by_one_and_all_when_there_are_others(home: House) -> None:
    with watching(home, "/live?of=devices") as stream:
        assert stream.change()["rows"].startswith('<tbody id="rows">')
        home.happens(StatusReported(HOST, DEVICE, {"switch:0": {"id": 0, "apower": 99.5}}))
        change = stream.until("99.5 W")
        assert list(change) == [f"device-{DEVICE}"]
        home.happens(GrantStored(grant(device_from_hex("0cb815fd44e1"), names=("Attic",))))
        assert "rows" in stream.until("Attic")


def test_a_connection_that_is_lost_is_seen(home: House) -> None:
    with watching(home, "/live?of=overview") as stream:
        stream.until("All is well")
        home.happens(LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.BACKOFF, "reset"))
        assert "verdict" in stream.until("is not up")


def test_what_cannot_be_followed(home: House) -> None:
    for path in ("/live", "/live?of=nothing", "/live?of=device&name=nobody"):
        assert home.browser.get(path).status == 404


def test_only_so_many_may_follow_and_each_makes_room_again(home: House) -> None:
    streams = [Stream(home.browser.port, "/live?of=overview") for _ in range(MOST_VIEWERS)]
    for stream in streams:
        stream.change()
    refused = home.browser.get("/live?of=overview")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
    # Other pages have their workers still.
    assert home.browser.get("/").status == 200
    streams.pop().close()
    # That it is gone shows when something is sent.
    states = itertools.cycle((LinkState.CONNECTED, LinkState.BACKOFF))

    def again() -> bool:
        home.happens(LinkChanged(HOST, SourceKind.INTEGRATOR, next(states)))
        stream = Stream(home.browser.port, "/live?of=overview")
        stream.close()
        return stream.answer.status == 200

    wait_until(again, 15)
    for stream in streams:
        stream.close()


def test_the_end_of_the_bridge_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "INTERVAL", 60.0)
    with house() as made:
        stream = Stream(made.browser.port, "/live?of=overview")
        stream.change()
    assert stream.answer.read().strip() == b""
    stream.close()


def test_only_what_differs_is_sent() -> None:
    row = Region(members={"a": "<tr>1</tr>", "b": "<tr>2</tr>"}, tag="tbody")
    other = Region(members={"a": "<tr>1</tr>", "b": "<tr>3</tr>"}, tag="tbody")
    fewer = Region(members={"b": "<tr>2</tr>"}, tag="tbody")
    text = Region("<p>1</p>")
    assert changes({"rows": row, "p": text}, {"rows": row, "p": text}) == {}
    assert changes({"rows": row}, {"rows": other}) == {"b": "<tr>3</tr>"}
    assert changes({"rows": row}, {"rows": fewer}) == {
        "rows": '<tbody id="rows"><tr>2</tr></tbody>'
    }
    assert changes({}, {"p": text}) == {"p": "<p>1</p>"}


def test_who_only_asks_whether_there_is_something_takes_no_place(home: House) -> None:
    for _ in range(MOST_VIEWERS + 1):
        assert home.browser.ask("HEAD", "/live?of=overview", None, {}).status == 200
    with watching(home, "/live?of=overview") as stream:
        assert stream.answer.status == 200


def test_a_device_that_goes_is_told_and_ends_the_stream(home: House) -> None:
    with watching(home, f"/live?of=device&name={DEVICE}") as stream:
        stream.change()
        home.happens(GrantRevoked(DEVICE))
        assert "event: gone" in stream.answer.read().decode()


def test_an_engine_that_does_not_answer_is_told_until_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "INTERVAL", 0.001)
    answers = iter([True, False, False, True])

    def look() -> dict[str, Region]:
        if next(answers):
            return {"p": Region("1")}
        raise BusyError

    told = live._events(look, threading.Event(), lambda: False)
    assert next(told).startswith(": connected\n")
    assert next(told) == 'event: change\ndata: {"p": "1"}\n\n'
    assert next(told) == "event: late\ndata: yes\n\n"
    assert next(told) == "event: late\ndata: no\n\n"


def test_who_reads_nothing_is_left_alone_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "INTERVAL", 0.001)
    numbers = itertools.count()

    def much(*_: object) -> dict[str, Region]:
        return {"verdict": Region(f"{next(numbers)}" + "x" * 50_000)}

    monkeypatch.setattr(regions, "overview", much)
    with house() as made:
        streams = [Stream(made.browser.port, "/live?of=overview") for _ in range(MOST_VIEWERS)]

        def is_room() -> bool:
            with watching(made, "/live?of=overview") as another:
                return another.answer.status == 200

        wait_until(is_room, 30)
        for stream in streams:
            stream.close()


def test_a_page_without_a_session_is_not_asked_for_a_password() -> None:
    with house(listen_host="192.0.2.1", password="pass") as made:
        page = made.browser.get("/live?of=overview", Accept="text/event-stream")
        assert page.status == 401
        assert "www-authenticate" not in {name.lower() for name in page.headers}


@pytest.mark.parametrize(
    ("spent", "waits"), [(0.0, 1.0), (0.005, 1.0), (0.02, 2.0), (1.0, 5.0), (60.0, 5.0)]
)
def test_a_busy_bridge_is_looked_at_less_often(spent: float, waits: float) -> None:
    assert pause(spent) == pytest.approx(waits)
