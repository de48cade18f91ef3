"""Gets programs by npm, each once, into a cache beside other programs' caches.

Nothing of them is part of the project. Two test runs at once wait for each other.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

INSTALL_LIMIT = 300.0
"""Seconds that npm may take; on a Raspberry Pi it needs a good part of them."""


class UnavailableError(Exception):
    """It is not there and cannot be had, and the text says why."""


def installed(name: str, version: str) -> Path:
    """The folder of a package with what it needs beside it, installed now if need be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise UnavailableError("Node.js or npm is not installed")
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{name}-{version}"
    with (cache / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _install(target, f"{name}@{version}")
    return target / "node_modules" / name


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "shelly-bridge-tests"


def _install(target: Path, package: str) -> None:
    """Install beside the target and rename, so that what was cut short is never used."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier")
    strict = ("--omit=dev", "--ignore-scripts", "--engine-strict")
    command = ["npm", "install", *quiet, *strict, "--prefix", ".", package]
    try:
        done = subprocess.run(
            command,
            cwd=unfinished,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"npm took longer than {INSTALL_LIMIT} s") from None
    if done.returncode:
        raise UnavailableError(f"npm could not install {package}: {done.stderr[-300:]}")
    unfinished.rename(target)
