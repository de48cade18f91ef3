"""Logging: one record is one line on standard error, and no secret is in it.

Registered secrets, and whatever looks like a token, are replaced by stars in messages and
tracebacks, whoever logs them. Control characters are escaped, so that nobody outside can forge
a line. The state (secrets, handler) lives in `logging`'s root logger, where `configure` puts it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Literal, TextIO
from urllib.parse import quote, quote_plus

_log = logging.getLogger(__name__)

STARS = "***"

_LIBRARIES = ("websocket", "websockets", "waitress", "werkzeug", "paho")
_SHORTEST = 4
"""Shorter secrets are not looked for: the stars would stand everywhere and give them away."""
_RECENT = 256
_LONGEST_FORWARDED = 1_000

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NAMES = "access_token|refresh_token|token|auth_key|password|passwd|secret"
_TOKEN_LIKE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"([?&](?:t|code)=)[^&\s\"'<>]+", re.I), rf"\1{STARS}"),
    (re.compile(rf"(?<![A-Za-z0-9])((?:{_NAMES})=)[^&\s\"'<>]+", re.I), rf"\1{STARS}"),
    (re.compile(rf"([\"'](?:{_NAMES})[\"']\s*:\s*[\"'])[^\"']+", re.I), rf"\1{STARS}"),
    (re.compile(r"\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.I), rf"\1{STARS}"),
    (re.compile(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), STARS),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"), rf"\1{STARS}"),
    (re.compile(r"(/consent/)[^/\s\"'?]+"), rf"\1{STARS}"),
)


class Redactor:
    """Replaces secrets in texts by stars; may be used from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lasting: set[str] = set()
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._spellings: tuple[str, ...] = ()

    def add(self, secret: str, *, lasting: bool = False) -> None:
        """Look for `secret` from now on; of those not `lasting` only the newest 256 are kept."""
        if len(secret) < _SHORTEST:
            return
        with self._lock:
            if secret in self._lasting or (secret in self._recent and not lasting):
                return
            if lasting:
                self._lasting.add(secret)
            else:
                self._recent.append(secret)
            spellings = {
                form for known in (*self._lasting, *self._recent) for form in _forms(known)
            }
            # The longest first: one secret may begin with another one.
            self._spellings = tuple(sorted(spellings, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for spelling in self._spellings:
            text = text.replace(spelling, STARS)
        for pattern, replacement in _TOKEN_LIKE:
            text = pattern.sub(replacement, text)
        return text


def _forms(secret: str) -> set[str]:
    """The ways in which a secret is spelled inside of URLs, JSON and Python's `repr`."""
    encoded = quote(secret, safe="", errors="replace")
    return {
        secret,
        encoded,
        re.sub("%..", lambda match: match[0].lower(), encoded),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode("utf-8", "replace"))[2:-1],
    }


def configure(
    level: Literal["debug", "info", "warning", "error"],
    format: Literal["text", "json"],
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Log from `level` on to standard error (or `stream`), without the given secrets.

    May be called again; secrets registered before stay registered.
    """
    root = logging.getLogger()
    redactor = _redactor() or Redactor()
    for secret in secrets:
        redactor.add(secret, lasting=True)
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    root.addHandler(_Handler(_JsonLines if format == "json" else _TextLines, redactor, stream))
    set_level(level)


def set_level(level: str) -> None:
    """Log from this level on (`debug`, `info`, `warning`, `error`); what libraries say at debug."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(
            logging.NOTSET if level == "debug" else max(root.level, logging.WARNING)
        )


def in_json() -> bool:
    """Whether who reads standard error expects nothing but JSON lines there."""
    handlers = logging.getLogger().handlers
    return any(isinstance(each.formatter, _JsonLines) for each in handlers)


def last_resort() -> None:
    """Log what nobody catches, in whatever thread: Python would print it with its secrets."""
    sys.excepthook = _uncaught
    threading.excepthook = lambda left: _uncaught(left.exc_type, left.exc_value, left.exc_traceback)
    sys.unraisablehook = lambda left: _uncaught(left.exc_type, left.exc_value, left.exc_traceback)
    logging.captureWarnings(True)


def _uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is not None and not issubclass(kind, SystemExit):
        _log.critical("nobody caught this", exc_info=(kind, error, trace))


def register_secret(value: str, *, lasting: bool = False) -> None:
    """Keep `value`, learned at run time (an access token), out of the log from now on.

    Of those not `lasting` only the newest are kept. Without effect before `configure`.
    """
    if redactor := _redactor():
        redactor.add(value, lasting=lasting)


def _redactor() -> Redactor | None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            return handler.redactor
    return None


def _escape(text: str) -> str:
    """The text in one line: control and direction characters as backslash sequences."""
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit must not cost the line
        return f"{record.msg} {record.args}"


def _timestamp(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))


class _Lines(logging.Formatter):
    """What both formats share: the record's texts, redacted."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redact = redactor

    def _text(self, record: logging.LogRecord) -> str:
        return self._redact(_message(record))

    def _trace(self, record: logging.LogRecord) -> str:
        # Not `record.exc_text`: another handler may have put it there with everything in it.
        parts = []
        if record.exc_info:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(record.stack_info)
        return self._redact("\n".join(parts))


class _TextLines(_Lines):
    """`2026-11-20T09:08:00Z INFO  engine bridge.core: text`, tracebacks indented below."""

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_timestamp(record)} {record.levelname:<5} {record.threadName} {record.name}"
        lines = [f"{_escape(head)}: {_escape(self._text(record))}"]
        if trace := self._trace(record):
            lines += [f"    {_escape(line)}" for line in trace.split("\n")]
        return "\n".join(lines)


class _JsonLines(_Lines):
    """One JSON object per line, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "thread": record.threadName,
            "logger": record.name,
            "message": self._text(record),
        }
        if trace := self._trace(record):
            entry["exception"] = trace
        return json.dumps(entry)


class _Handler(logging.StreamHandler[TextIO]):
    """The root handler; its type is how `configure` finds it again."""

    def __init__(
        self, lines: type[_Lines], redactor: Redactor, stream: TextIO | None = None
    ) -> None:
        super().__init__(stream or sys.stderr)
        self.redactor = redactor
        self.setFormatter(lines(redactor))

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: the usual way prints the record as it came, with its secrets."""


class ForwardWarnings(logging.Handler):
    """Hands warnings and errors, redacted and in one line, to `sink(level, text)`.

    `level` is `warning`, `error` or `critical`. No lock is held meanwhile; `sink` must not block,
    and what it logs itself, or raises, is dropped.
    """

    def __init__(self, sink: Callable[[str, str], None]) -> None:
        super().__init__(logging.WARNING)
        self._sink = sink
        self._here = threading.local()
        self._patterns_only = Redactor()

    def handle(self, record: logging.LogRecord) -> bool:
        """As `logging.Handler.handle`, without its lock: one slow call must not hold up others."""
        passed = bool(self.filter(record))
        if passed:
            self.emit(record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record."""
        if getattr(self._here, "busy", False):
            return
        self._here.busy = True
        try:
            redact = _redactor() or self._patterns_only
            text = _escape(redact(_message(record)))
            self._sink(record.levelname.lower(), text[:_LONGEST_FORWARDED])
        except Exception:  # noqa: BLE001 - whoever logs must not suffer from who listens
            return
        finally:
            self._here.busy = False
