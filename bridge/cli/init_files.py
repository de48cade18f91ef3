"""Files that only their owner can read: all of them are written, or none."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import StartError

MODE = 0o600


def write_private(files: Mapping[Path, str], *, overwrite: bool) -> None:
    """Write every file with mode 0600; raises `StartError`, and then nothing was written.

    Without `overwrite` none of them may be there.
    """
    staged: dict[Path, Path] = {}
    made: list[Path] = []
    with _uninterrupted():
        try:
            for path, text in files.items():
                target = (
                    path.with_name(f".{path.name}.{secrets.token_hex(4)}") if overwrite else path
                )
                _create(target, text)
                made.append(target)
                if overwrite:
                    staged[path] = target
            for path, target in staged.items():
                target.replace(path)
        except OSError as error:
            for each in made:
                each.unlink(missing_ok=True)
            reason = error.strerror or type(error).__name__
            raise StartError(f"{path} cannot be written: {reason}") from None


def free_name(directory: Path, name: str, taken: Mapping[Path, str]) -> Path:
    """`name`, or `name-2` and so on, so that nothing is there."""
    number, path = 1, directory / name
    while path in taken or path.is_symlink() or path.exists():
        number += 1
        path = directory / f"{name}-{number}"
    return path


def _create(path: Path, text: str) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            os.fchmod(number, MODE)
            file.write(text)
            file.flush()
            os.fsync(number)
    except OSError:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the files are whole; only the main thread may do this."""
    pressed: list[int] = []
    # Blocking the signal would leave it to any other thread of the process.
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)
