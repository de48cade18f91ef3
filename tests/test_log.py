"""One record is one line, and no secret is in it, whoever logs it."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.log import ForwardWarnings, Redactor, configure, last_resort, register_secret

CANARY = "canary+Geheim/ß 'q\" pq"
TOKEN = "canary-access-token-0001"
JWT = "eyJhbGciOiJFUzM4NCJ9.eyJpdGciOiJJVEdfRVhBTVBMRSJ9.c2lnbmF0dXJl-_x"
LIBRARIES = ("websocket", "websockets", "waitress", "werkzeug", "paho")
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+ +\S+ \S+: .*")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


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
    hooks = sys.excepthook, threading.excepthook
    try:
        last_resort()

        def fail() -> None:
            raise OSError(f"cannot send {CANARY}")

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join(10)
        sys.excepthook(ValueError, ValueError(f"{CANARY} too"), None)
    finally:
        sys.excepthook, threading.excepthook = hooks
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
