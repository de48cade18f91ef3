"""Home Assistant releases ready to run, each beside a Python that suits them.

Owns the cache directory: a Debian tree with Python 3.13, unless this machine has that Python, and
one folder of packages per release. Knows nothing of what is run in them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUITE = "trixie"
"""The oldest Debian with a Python that the oldest supported Home Assistant release runs on."""
PYTHON = "3.13"
_RECENT_ENOUGH = "import sys; sys.exit(sys.version_info < (3, 13, 2))"
_PREPARE_LIMIT = 600.0
"""Seconds one step of the preparation may take."""
_SHOWN_LINES = 5


class Unavailable(Exception):
    """The environment cannot be made on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One Home Assistant release, installed."""

    release: str
    root: Path
    """`/`, or the Debian tree that is the root directory of what runs here."""
    packages: Path

    def run(self, package: Path, given: str, limit: float) -> subprocess.CompletedProcess[str]:
        """Run a Python package, given as its folder, with `given` on its standard input.

        Raises subprocess.TimeoutExpired after `limit` seconds.
        """
        with tempfile.TemporaryDirectory(dir=self.root / "tmp", prefix="ha-check-") as code:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(package, Path(code, package.name), ignore=ignore)
            paths = (self._inside(self.packages), self._inside(Path(code)))
            return subprocess.run(
                [*self._python(), "-s", "-m", package.name],
                input=given,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=limit,
                check=False,
                cwd=code,
                env={
                    "HOME": "/tmp",  # noqa: S108 - nothing is kept there
                    "LC_ALL": "C.UTF-8",
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    "PYTHONPATH": ":".join(paths),
                },
            )

    def _python(self) -> Sequence[str]:
        if self.root == Path("/"):
            return [_own_python() or f"python{PYTHON}"]
        return ["chroot", str(self.root), f"/usr/bin/python{PYTHON}"]

    def _inside(self, path: Path) -> str:
        return f"/{path.relative_to(self.root)}"


def prepare(requirements: Sequence[Path], say: Callable[[str], None]) -> list[Environment]:
    """Install each release, named as its file of requirements; quick when that was done before.

    `say` is told, once, if it will take long.
    Raises Unavailable when this machine does not allow it. Safe to run twice at once.
    """
    own = _own_python() is not None
    if not own and os.geteuid() != 0:
        raise Unavailable(
            f"there is no Python {PYTHON}.2 or newer of the {PYTHON} series here, and only root "
            f"can make and enter a Debian tree that has it: install it, or run this as root"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "shelly-bridge-tests")
    cache.mkdir(parents=True, exist_ok=True)
    tree = cache / SUITE
    root = Path("/") if own else tree
    folder = cache if own else tree / "opt"
    environments = [
        Environment(file.stem, root, folder / f"homeassistant-{file.stem}-{_digest(file)}")
        for file in requirements
    ]
    with _locked(cache / "lock"), ThreadPoolExecutor() as pool:
        building = None if own or tree.is_dir() else pool.submit(_build_tree, tree)
        downloads = {
            environment: pool.submit(_install, file, cache / f"{environment.packages.name}.part")
            for environment, file in zip(environments, requirements, strict=True)
            if not environment.packages.is_dir()
        }
        if building or downloads:
            say(f"preparing {cache}: a minute or two, only this once")
        if building:
            building.result()
        for environment, download in downloads.items():
            download.result().rename(environment.packages)
    return environments


def _own_python() -> str | None:
    """This machine's Python, if it is recent enough for every release and not newer than known."""
    python = shutil.which(f"python{PYTHON}")
    if python is None:
        return None
    found = subprocess.run([python, "-c", _RECENT_ENOUGH], capture_output=True, check=False)
    return python if found.returncode == 0 else None


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until nobody else prepares the same cache."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build_tree(tree: Path) -> None:
    """Unpack a minimal Debian with Python into `tree`."""
    if shutil.which("apt-get") is None:
        raise Unavailable(f"no apt to take a Debian tree with Python {PYTHON} from: install that")
    mirror = _mirror()
    if shutil.which("debootstrap") is None:
        _run(["apt-get", "update"])
        _run(["apt-get", "install", "--yes", "--no-install-recommends", "debootstrap"])
    partial = tree.with_suffix(".part")
    _remove(partial)
    _run(["debootstrap", "--variant=minbase", "--include=python3", SUITE, str(partial), mirror])
    shutil.rmtree(partial / "var/cache/apt/archives")
    partial.rename(tree)


def _mirror() -> str:
    """The Debian archive that this machine's own apt uses."""
    listing = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"]
    )
    for line in listing.splitlines():
        uri, _, release = line.partition(" ")
        if "-" not in release:
            return uri
    raise Unavailable("apt names no Debian archive to take a tree from")


def _install(requirements: Path, target: Path) -> Path:
    """Unpack the packages; this machine's pip does it, with whatever settings it has here.

    It looks for files for the Python that will use them, which is not the one that it runs on.
    """
    _remove(target)
    _run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--target", str(target), "--python-version", PYTHON, "--implementation", "cp"),
            *("--only-binary", ":all:", "--no-deps", "--ignore-requires-python", "--no-compile"),
            *("--requirement", str(requirements)),
        ]
    )
    return target


def _remove(partial: Path) -> None:
    """Remove what an interrupted run has left; never what is still mounted inside."""
    if partial.is_dir():
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
        if f" {partial}/" in mounts:
            raise Unavailable(f"something is mounted in {partial}: unmount and remove it")
        shutil.rmtree(partial)


def _run(command: Sequence[str]) -> str:
    """Run a program; its output, or Unavailable with the end of what it said."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PREPARE_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = "\n  ".join(done.stdout.strip().splitlines()[-_SHOWN_LINES:])
        raise Unavailable(f"{Path(command[0]).name} failed (status {done.returncode}):\n  {said}")
    return done.stdout
