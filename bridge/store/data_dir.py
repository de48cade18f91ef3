"""The data directory: its modes, its one owner, and files that appear whole or not at all.

Knows nothing of what the files hold.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import StartError

_LOCK_FILE = "lock"
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class DataDirError(StartError):
    """The data directory or what is in it cannot be used; starting again does not help."""


@contextmanager
def start_errors(place: Path) -> Iterator[None]:
    """Turn an `OSError` of the body into one line that names `place`."""
    try:
        yield
    except OSError as error:
        text = f"{place}: {error.strerror or error}"
        if error.errno in _PASSING:
            raise StartError(text) from error
        raise DataDirError(text) from error


def prepare(directory: Path) -> None:
    """Make the directory (mode 0700) if need be; `DataDirError` unless we can write to it."""
    with start_errors(directory):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            raise DataDirError(f"{directory}: the data directory is not a directory") from None
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise DataDirError(
                f"{directory}: the data directory is not writable for user {os.getuid()}"
            )


def is_full(directory: Path) -> bool:
    """Whether there is no space for another block or file, as far as that can be told."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    return found.f_bavail == 0 or (found.f_files > 0 and found.f_favail == 0)


def tighten(file: Path) -> None:
    """Take a file's permissions away from group and others."""
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)


def create_whole(file: Path, build: Callable[[Path], None]) -> None:
    """Create `file` (mode 0600) as `build` fills it: complete, or not there at all.

    If somebody else creates it meanwhile, theirs stays and ours is thrown away.
    """
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}-", suffix=".new")
    new = Path(name)
    try:
        os.close(descriptor)
        build(new)
        _flush(new)
        # A link, unlike a rename, never takes the place of a file that is already there.
        os.link(new, file)
        _flush(file.parent)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DirectoryLock:
    """Held by the one bridge that runs on a data directory; ends with the process at the latest."""

    def __init__(self, directory: Path) -> None:
        """Take the lock; `StartError` if another process has it."""
        file = directory / _LOCK_FILE
        with start_errors(file):
            self._descriptor: int | None = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(self._descriptor, 0)
                os.write(self._descriptor, b"%d\n" % os.getpid())
            except BlockingIOError:
                owner = os.read(self._descriptor, 20).decode("ascii", "replace").strip()
                self.release()
                raise StartError(
                    f"{directory}: another bridge (process {owner or 'unknown'}) uses this data "
                    "directory; stop it, or give this one its own data_dir"
                ) from None
            except OSError:
                self.release()
                raise

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would let two owners in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
