"""What a test changes of the whole process, put back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bridge import log


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """Undo what `bridge.log.configure` does inside."""
    loggers = [logging.getLogger(name) for name in ("", *log._LIBRARIES)]
    levels = [logger.level for logger in loggers]
    handlers = loggers[0].handlers[:]
    try:
        yield
    finally:
        loggers[0].handlers[:] = handlers
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
