"""One record is one line, and no secret is in it, whoever logs it."""

from __future__ import annotations

import gc
import io
import json
import logging
import re
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.log import (
    ForwardWarnings,
    Redactor,
    configure,
    in_json,
    last_resort,
    register_secret,
)
from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from tests.brokers import Peer, wait_until
from tests.restore import logging_as_it_was
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config

CANARY = "canary+Geheim/ß 'q\" pq"
TOKEN = "canary-access-token-0001"
JWT = "eyJhbGciOiJFUzM4NCJ9.eyJpdGciOiJJVEdfRVhBTVBMRSJ9.c2lnbmF0dXJl-_x"
LIBRARIES = ("websocket", "websockets", "waitress", "werkzeug", "paho")
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+ +\S+ \S+: .*")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    with logging_as_it_was():
        yield


@pytest.fixture
def out() -> io.StringIO:
    """Where the log goes: text, from debug on, with the canary registered."""
    stream = io.StringIO()
    configure("debug", "text", [CANARY], stream)
    return stream


log = logging.getLogger("bridge.test")


def test_a_text_line_has_utc_time_level_thread_and_logger() -> None:
    stream = io.StringIO()
    configure("info", "text", stream=stream)
    record = logging.LogRecord("bridge.x", logging.INFO, "", 0, "up %d", (1,), None)
    record.created, record.threadName = 1795165680.5, "cloud-shelly-1-eu"
    logging.getLogger().handle(record)
    assert stream.getvalue() == "2026-11-20T09:08:00Z INFO  cloud-shelly-1-eu bridge.x: up 1\n"


def test_a_json_line_is_one_object_with_the_traceback_in_a_field() -> None:
    stream = io.StringIO()
    configure("info", "json", [CANARY], stream)
    try:
        raise ValueError(f"line one\nline two {CANARY}")
    except ValueError:
        log.exception("broken: %s\n%s", "küche", CANARY)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert entry["logger"] == "bridge.test"
    assert entry["thread"] == threading.current_thread().name
    assert entry["message"] == "broken: küche\n***"
    assert "ValueError: line one\nline two ***" in entry["exception"]
    assert set(entry) == {"time", "level", "thread", "logger", "message", "exception"}


@given(
    st.text(),
    st.text(),
    st.sampled_from([logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, 37]),
    st.booleans(),
)
def test_any_record_is_one_json_line(text: str, name: str, level: int, broken: bool) -> None:
    stream = io.StringIO()
    configure("debug", "json", [CANARY], stream)
    try:
        raise ValueError(text)
    except ValueError as error:
        record = logging.getLogger().makeRecord(
            *(f"bridge.{name}", level, "", 0, "%s\n%r", (text, name.encode("utf-8", "replace"))),
            (type(error), error, error.__traceback__) if broken else None,
        )
    record.threadName = text
    record.stack_info = text
    logging.getLogger().handle(record)
    written = stream.getvalue()
    assert written.isascii()
    assert (written.count("\n"), written[-1]) == (1, "\n")
    entry = json.loads(written)
    assert set(entry) <= {"time", "level", "thread", "logger", "message", "exception"}
    assert all(isinstance(value, str) for value in entry.values())
    assert entry["level"] == logging.getLevelName(level).lower()


def test_arguments_that_do_not_fit_are_one_json_line_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    out = io.StringIO()
    configure("debug", "json", [CANARY], out)
    log.info("%d of %d", CANARY)
    log.info("%s", {b"bytes": float("nan"), "device": object()})
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["message"].startswith("%d of %d")
    assert "nan" in second["message"]
    assert "canary" not in out.getvalue()


def test_what_nobody_catches_is_one_json_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    class Left:
        def __del__(self) -> None:
            raise OSError(f"left behind {CANARY}")

    stream = io.StringIO()
    configure("debug", "json", [CANARY], stream)
    with logging_as_it_was():
        last_resort()
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join(10)
        del thread
        left = Left()
        del left
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(False)
            logging.captureWarnings(True)
            warnings.warn(f"out of date {CANARY}\nvery", stacklevel=1)
        sys.excepthook(ValueError, ValueError("the main thread"), None)
    entries = [json.loads(line) for line in stream.getvalue().splitlines()]
    texts = [entry.get("exception", "") + entry["message"] for entry in entries]
    for words in ("ZeroDivisionError", "left behind ***", "out of date ***", "the main thread"):
        assert sum(words in text for text in texts) == 1
    assert CANARY not in stream.getvalue()
    assert capsys.readouterr().err == ""


def test_all_that_a_bridge_writes_at_debug_is_json_lines(tmp_path: Path) -> None:
    with World(("shelly-1-sim.shelly.cloud",)) as world, Broker() as broker:
        store_grants(tmp_path, [world.add_device("SNSW-001P16EU")])
        config = write_config(world, broker.port, tmp_path, log__format="json", log__level="debug")
        # Nobody is there to be notified, which is told at debug.
        wrong = {"BREAK": "bridge.inbox:Inbox.take engine", "NOTIFY_SOCKET": str(tmp_path / "x")}
        with BridgeProcess(config, **wrong) as bridge, Peer(broker.port, "shelly/#") as peer:
            wait_until(lambda: peer.values.get("shelly/bridge/info"), 20, "it works")
            peer.publish("shelly/bridge/request/nothing", "\u2028{")
            wait_until(lambda: peer.values.get("shelly/bridge/response/nothing"), 20)
            assert bridge.arm().running.wait(20) == 1
            told = bridge.log
    # The two are what breaks it.
    lines = [line for line in told.split("\n")[:-1] if line not in ("armed", "broken engine")]
    entries = [json.loads(line) for line in lines]
    required = {"time", "level", "thread", "logger", "message"}
    assert all(required <= set(entry) for entry in entries)
    assert {"debug", "info", "critical"} <= {entry["level"] for entry in entries}
    assert any("Traceback" in entry.get("exception", "") for entry in entries)


@pytest.mark.parametrize("problem", ["data_dir", "port"])
def test_what_keeps_a_bridge_from_starting_is_a_json_line_too(tmp_path: Path, problem: str) -> None:
    file = tmp_path / "file"
    file.touch()
    with World() as world, socket.create_server(("127.0.0.1", 0)) as taken:
        wrong: dict[str, Any] = {
            "data_dir": {"data_dir": str(file)},
            "port": {"web__admin__listen": f"127.0.0.1:{taken.getsockname()[1]}"},
        }[problem]
        config = write_config(world, 1, tmp_path, log__format="json", **wrong)
        with BridgeProcess(config) as bridge:
            assert bridge.running.wait(20) == {"data_dir": 78, "port": 1}[problem]
            lines = bridge.log.splitlines()
    entries = [json.loads(line) for line in lines]
    assert entries[-1]["level"] == "critical"
    assert entries[-1]["message"]


def test_whether_the_log_is_in_json_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert not in_json()
    configure("info", "text", stream=io.StringIO())
    assert not in_json()
    configure("info", "json", stream=io.StringIO())
    assert in_json()


def test_the_log_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")
    log.info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(": hello\n")


def test_levels_below_the_configured_one_are_silent() -> None:
    stream = io.StringIO()
    configure("warning", "text", stream=stream)
    log.info("no")
    log.warning("yes")
    assert len(stream.getvalue().splitlines()) == 1


def test_configuring_again_replaces_the_handler_and_keeps_the_secrets(out: io.StringIO) -> None:
    register_secret(TOKEN)
    second = io.StringIO()
    configure("info", "text", stream=second)
    log.info("%s %s", CANARY, TOKEN)
    assert out.getvalue() == ""
    assert second.getvalue().endswith(": *** ***\n")


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\r\nb",
        "a\x1b[31mb",
        "a\x00b",
        "a\x85b",
        "a\u2028b",
        "a\u202eb",
        "a\ud800b",
        "a\x7f",
    ],
    ids=ascii,
)
def test_controls_cannot_forge_a_line(out: io.StringIO, text: str) -> None:
    log.warning("said %s", text)
    (line,) = out.getvalue().splitlines()
    assert LINE.fullmatch(line)
    assert line.isprintable()


@given(st.text())
def test_any_message_is_one_line(text: str) -> None:
    stream = io.StringIO()
    configure("info", "text", stream=stream)
    log.info("%s", text)
    assert len(stream.getvalue().splitlines()) == 1


def test_a_traceback_follows_in_indented_lines(out: io.StringIO) -> None:
    try:
        raise ValueError(f"boom {CANARY}\n2026-11-20T09:08:00Z INFO  main bridge: forged")
    except ValueError:
        log.exception("failed")
    first, *rest = out.getvalue().splitlines()
    assert LINE.fullmatch(first)
    assert all(line.startswith("    ") for line in rest)
    assert "    ValueError: boom ***" in rest


def test_a_stack_is_redacted_too(out: io.StringIO) -> None:
    log.info("here", stack_info=True)
    assert "test_a_stack_is_redacted_too" in out.getvalue()


def test_what_nobody_catches_is_logged_and_redacted(out: io.StringIO) -> None:
    def fail() -> None:
        raise OSError(f"cannot send {CANARY}")

    with logging_as_it_was():
        last_resort()
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join(10)
        sys.excepthook(ValueError, ValueError(f"{CANARY} too"), None)
    assert "cannot send ***" in out.getvalue()
    assert "ValueError: *** too" in out.getvalue()
    assert CANARY not in out.getvalue()


def test_a_cause_in_a_traceback_is_redacted(out: io.StringIO) -> None:
    try:
        try:
            raise OSError(f"inner {CANARY}")
        except OSError as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        log.exception("failed")
    assert "inner ***" in out.getvalue()
    assert "canary" not in out.getvalue()


def test_a_traceback_formatted_by_another_handler_is_not_taken_over(out: io.StringIO) -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "m", (), None)
    record.exc_text = f"Traceback {CANARY}"
    logging.getLogger().handle(record)
    assert "canary" not in out.getvalue()


@pytest.mark.parametrize(
    "spelled",
    [
        CANARY,
        quote(CANARY),
        quote(CANARY, safe=""),
        re.sub("%..", lambda match: match[0].lower(), quote(CANARY, safe="")),
        quote_plus(CANARY),
        json.dumps({"x": CANARY}),
        json.dumps({"x": CANARY}, ensure_ascii=False),
        repr([CANARY]),
        repr(CANARY.encode()),
    ],
)
def test_a_secret_is_found_in_every_spelling(out: io.StringIO, spelled: str) -> None:
    log.info("in the message " + spelled)  # noqa: G003 - the message itself is what is tested
    log.info("in an argument %s", spelled)
    assert "canary" not in out.getvalue()
    assert "pq" not in out.getvalue().split(": ")[1]


def test_an_argument_that_only_its_repr_gives_away(out: io.StringIO) -> None:
    log.info("%r", {"password": CANARY, "bytes": CANARY.encode()})
    assert "canary" not in out.getvalue()


def test_a_secret_learned_at_run_time(out: io.StringIO) -> None:
    register_secret(TOKEN)
    log.info("now with %s", TOKEN)
    assert out.getvalue().endswith(": now with ***\n")


def test_a_secret_that_begins_with_another_one_leaves_no_rest(out: io.StringIO) -> None:
    register_secret("abcdef")
    register_secret("abcdef-more")
    log.info("abcdef-more abcdef")
    assert out.getvalue().endswith(": *** ***\n")


def test_only_the_newest_run_time_secrets_are_kept_but_all_configured_ones() -> None:
    redact = Redactor()
    redact.add("configured", lasting=True)
    for number in range(300):
        redact.add(f"token-{number:03}")
        redact.add(f"token-{number:03}")
    assert redact("configured token-000 token-299") == "*** token-000 ***"


def test_very_short_secrets_are_not_looked_for(out: io.StringIO) -> None:
    register_secret("a")
    register_secret("")
    log.info("a banana")
    assert out.getvalue().endswith(": a banana\n")


def test_registering_before_configuring_does_no_harm() -> None:
    register_secret(TOKEN)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (
            "wss://h.shelly.cloud:6113/shelly/wss/hk_sock?t=abcDEF123 failed",
            "wss://h.shelly.cloud:6113/shelly/wss/hk_sock?t=*** failed",
        ),
        ("POST itg=ITG&token=abc%2F123&x=1", "POST itg=ITG&token=***&x=1"),
        ("?code=abc&state=1", "?code=***&state=1"),
        ("client_secret=abc", "client_secret=***"),
        ('{"access_token": "abc", "n": 1}', '{"access_token": "***", "n": 1}'),
        ("{'token': 'abc'}", "{'token': '***'}"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic ***"),
        (f"got {JWT}!", "got ***!"),
        (f"got {JWT.rpartition('.')[0]} cut", "got *** cut"),
        ("mqtt://user:pa55@broker:1883", "mqtt://user:***@broker:1883"),
        ("POST /consent/s3cr3t-path HTTP/1.1", "POST /consent/*** HTTP/1.1"),
    ],
)
def test_what_looks_like_a_token_is_redacted_unregistered(text: str, redacted: str) -> None:
    assert Redactor()(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "closed with code=1006",
        "token refused by shelly-1-eu.shelly.cloud",
        "listening on http://127.0.0.1:8080/",
        "shelly/a8032abe54dc/relay/0/set",
        "bearer of news",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor()(text) == text


def test_arguments_that_do_not_fit_neither_raise_nor_leak(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the test runner's own handlers, which raise for such a record.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    out = io.StringIO()
    configure("info", "text", [CANARY], out)
    log.info("%d of %d", CANARY)
    assert "%d of %d" in out.getvalue()
    assert "canary" not in out.getvalue() + capsys.readouterr().err


def test_a_closed_stream_neither_raises_nor_leaks(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    out.close()
    log.info("lost %s", CANARY)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_are_quiet_unless_debugging(library: str) -> None:
    quiet, loud = io.StringIO(), io.StringIO()
    child = logging.getLogger(f"{library}.child")
    configure("info", "text", [CANARY], quiet)
    child.info("GET /?t=%s", CANARY)
    assert quiet.getvalue() == ""
    child.warning("watch out")
    assert "watch out" in quiet.getvalue()
    configure("debug", "text", [CANARY], loud)
    child.debug("GET /?t=%s", CANARY)
    assert loud.getvalue().endswith(": GET /?t=***\n")


def test_libraries_obey_a_higher_level() -> None:
    stream = io.StringIO()
    configure("error", "text", stream=stream)
    logging.getLogger("paho").warning("no")
    assert stream.getvalue() == ""


class Sink:
    """Keeps what was forwarded."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []

    def __call__(self, level: str, text: str) -> None:
        self.got.append((level, text))


def test_warnings_are_forwarded_redacted_and_in_one_line(out: io.StringIO) -> None:
    sink = Sink()
    logging.getLogger().addHandler(ForwardWarnings(sink))
    log.info("no")
    log.warning("w %s\nnext", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("failed")
    log.critical("x" * 5_000)
    assert sink.got[:2] == [("warning", "w ***\\nnext"), ("error", "failed")]
    assert sink.got[2] == ("critical", "x" * 1_000)
    assert "w ***" in out.getvalue()


def test_without_configuration_what_looks_like_a_token_is_still_redacted() -> None:
    sink = Sink()
    log.addHandler(handler := ForwardWarnings(sink))
    try:
        log.warning("at ?t=abc")
    finally:
        log.removeHandler(handler)
    assert sink.got == [("warning", "at ?t=***")]


def test_a_sink_that_logs_is_not_called_again_by_that(out: io.StringIO) -> None:
    calls = []

    def sink(level: str, text: str) -> None:
        calls.append((level, text))
        log.warning("the sink has trouble")

    logging.getLogger().addHandler(ForwardWarnings(sink))
    log.warning("first")
    log.warning("second")
    assert [text for _, text in calls] == ["first", "second"]
    assert out.getvalue().count("the sink has trouble") == 2


def test_a_sink_that_raises_hurts_nobody(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    def sink(level: str, text: str) -> None:
        raise RuntimeError(f"{level} {text}")

    logging.getLogger().addHandler(ForwardWarnings(sink))
    log.warning("first")
    log.warning("second")
    assert len(out.getvalue().splitlines()) == 2
    assert capsys.readouterr().err == ""


def test_a_slow_sink_holds_up_only_its_own_thread() -> None:
    entered, go_on, calls = threading.Event(), threading.Event(), []

    def sink(_level: str, text: str) -> None:
        calls.append(text)
        if text == "slow":
            entered.set()
            go_on.wait(10)

    logging.getLogger().addHandler(ForwardWarnings(sink))
    slow = threading.Thread(target=log.warning, args=("slow",))
    slow.start()
    try:
        assert entered.wait(10)
        log.warning("quick")
        assert calls == ["slow", "quick"]
    finally:
        go_on.set()
        slow.join(10)


def test_a_filter_of_the_handler_counts() -> None:
    sink = Sink()
    handler = ForwardWarnings(sink)
    handler.addFilter(lambda record: "mine" in record.getMessage())
    logging.getLogger().addHandler(handler)
    log.warning("mine")
    log.warning("not that")
    assert [text for _, text in sink.got] == ["mine"]


def test_a_lasting_secret_outlives_any_number_of_others(out: io.StringIO) -> None:
    register_secret("lasting-canary-1")
    register_secret("lasting-canary-1", lasting=True)
    for number in range(1_000):
        register_secret(f"token-number-{number}")
    log.info("it is lasting-canary-1")
    assert out.getvalue().endswith(": it is ***\n")
