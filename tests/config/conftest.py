"""A place to write configuration files to, and short ways to load them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bridge.config import Config, load
from bridge.errors import ConfigError

Load = Callable[..., Config]
Problems = Callable[..., list[str]]

SMALLEST = "mqtt: {host: broker}\nintegrator: {tag: ITG, token: canary-token}\n"
"""The least that runs."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration is written to."""
    return tmp_path / "config.yaml"


@pytest.fixture
def config(file: Path) -> Load:
    """Load a configuration given as text, on top of the smallest one."""

    def read(text: str = "", environ: Mapping[str, str] | None = None) -> Config:
        file.touch(mode=0o600)
        file.write_text(SMALLEST + text)
        return load(file, {"HOME": "/home/x"} if environ is None else environ)

    return read


@pytest.fixture
def problems(file: Path) -> Problems:
    """Load a configuration that is wrong, exactly as given: `line: key: text` of each problem."""

    def read(text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigError) as caught:
            load(file, {"HOME": "/home/x"} if environ is None else environ)
        return [str(found).removeprefix(f"{file}:").strip() for found in caught.value.problems]

    return read
