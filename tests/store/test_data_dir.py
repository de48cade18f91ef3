from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.errors import StartError
from bridge.store.data_dir import (
    DataDirError,
    DirectoryLock,
    create_whole,
    is_full,
    prepare,
    start_errors,
    tighten,
)


def test_a_missing_directory_is_made_for_us_alone(tmp_path: Path) -> None:
    prepare(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        prepare(tmp_path / "data")
        create_whole(tmp_path / "data" / "file", Path.touch)
        lock = DirectoryLock(tmp_path / "data")
    finally:
        os.umask(old)
    lock.release()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "file").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data" / "lock").stat().st_mode) == 0o600


def test_a_file_appears_complete(tmp_path: Path) -> None:
    file = tmp_path / "file"

    def build(new: Path) -> None:
        new.write_text("content")
        assert not file.exists()

    create_whole(file, build)
    assert file.read_text() == "content"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_built_does_not_appear(tmp_path: Path) -> None:
    def build(new: Path) -> None:
        new.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        create_whole(tmp_path / "file", build)
    assert list(tmp_path.iterdir()) == []


def test_of_two_creators_the_first_wins(tmp_path: Path) -> None:
    file = tmp_path / "file"
    both_build = threading.Barrier(2)

    def create(text: str) -> None:
        def build(new: Path) -> None:
            new.write_text(text)
            both_build.wait(10)

        create_whole(file, build)
        seen.append(file.read_text())

    seen: list[str] = []
    threads = [threading.Thread(target=create, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen[0] == seen[1]
    assert list(tmp_path.iterdir()) == [file]


def test_tighten_takes_permissions_of_others_only(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for before, after in ((0o644, 0o600), (0o600, 0o600), (0o400, 0o400)):
        file.chmod(before)
        tighten(file)
        assert stat.S_IMODE(file.stat().st_mode) == after


def test_a_full_disk_passes_and_other_trouble_does_not() -> None:
    with pytest.raises(StartError, match=r"/data: No space") as full, start_errors(Path("/data")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not isinstance(full.value, DataDirError)
    with pytest.raises(DataDirError, match=r"/data: Read-only"), start_errors(Path("/data")):
        raise OSError(errno.EROFS, "Read-only file system")


def test_the_lock_names_its_owner_and_ends(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(StartError, match=rf"process {os.getpid()}\)"):
        DirectoryLock(tmp_path)
    lock.release()
    lock.release()
    DirectoryLock(tmp_path).release()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from bridge.store.data_dir import DirectoryLock\n"
        "lock = DirectoryLock(pathlib.Path(sys.argv[1]))\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "locked\n"
        with pytest.raises(StartError, match=rf"process {child.pid}\)"):
            DirectoryLock(tmp_path)
        child.kill()
        child.wait(10)
    DirectoryLock(tmp_path).release()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_directory_of_somebody_else_is_refused() -> None:
    code = (
        "import os, sys, pathlib\n"
        "from bridge.store import DataDirError, Store\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try:\n    Store.open(pathlib.Path(sys.argv[1]), exclusive=True)\n"
        "except DataDirError as error:\n    print(error)\n"
    )
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for mode in (0o700, 0o555):
            place.chmod(mode)
            found = subprocess.run(
                [sys.executable, "-c", code, name],
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            )
            assert "not writable for user 65534" in found.stdout
        assert list(place.iterdir()) == []


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataDirError, match="not writable"):
            prepare(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_only_a_file_system_without_space_or_without_files_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_full(tmp_path)
    assert not is_full(tmp_path / "not there")
    for blocks, files, free, full in ((0, 9, 9, True), (9, 9, 0, True), (9, 0, 0, False)):
        found = SimpleNamespace(f_bavail=blocks, f_files=files, f_favail=free)
        monkeypatch.setattr(os, "statvfs", lambda _, found=found: found)
        assert is_full(tmp_path) is full
