"""Files that only their owner can read: all of them, or none."""

from __future__ import annotations

import errno
import os
import signal
import stat
from pathlib import Path

import pytest

from bridge.cli.init_files import free_name, write_private
from bridge.errors import StartError


@pytest.mark.parametrize("overwrite", [False, True])
def test_all_are_written_with_mode_0600(tmp_path: Path, overwrite: bool) -> None:
    wanted = {tmp_path / "a": "1\n", tmp_path / "b": "ü\n"}
    if overwrite:
        (tmp_path / "b").write_text("before")
        (tmp_path / "b").chmod(0o666)
    write_private(wanted, overwrite=overwrite)
    assert {path: path.read_text() for path in tmp_path.iterdir()} == wanted
    assert {stat.S_IMODE(path.stat().st_mode) for path in wanted} == {0o600}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    if overwrite:
        (tmp_path / "a").write_text("before")
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    real, left = os.fsync, [1]

    def full(number: int) -> None:
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left.pop()
        real(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StartError, match="b cannot be written: No space left on device"):
        write_private({tmp_path / "a": "1", tmp_path / "b": "2"}, overwrite=overwrite)
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("before")
    with pytest.raises(StartError, match="File exists"):
        write_private({tmp_path / "a": "1", tmp_path / "b": "2"}, overwrite=False)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_an_interrupt_waits_until_all_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def interrupted(number: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        real(number)

    monkeypatch.setattr(os, "fsync", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_private({tmp_path / "a": "1", tmp_path / "b": "2"}, overwrite=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["1", "2"]


def test_a_name_that_is_free(tmp_path: Path) -> None:
    assert free_name(tmp_path, "secret", {}) == tmp_path / "secret"
    (tmp_path / "secret").symlink_to("nowhere")
    taken = {tmp_path / "secret-2": ""}
    assert free_name(tmp_path, "secret", taken) == tmp_path / "secret-3"
