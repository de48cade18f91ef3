"""One Node-RED for all tests of this folder; where there is none, they are skipped.

`TESTS_REQUIRE` with `nodered` in it makes a missing Node-RED a failure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.nodered.server import NodeRed
from tests.npm import UnavailableError, installed

VERSION = "4.1.8"


@pytest.fixture(scope="session")
def node_red(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeRed]:
    """A running Node-RED without flows."""
    try:
        script = installed("node-red", VERSION) / "red.js"
    except UnavailableError as error:
        _skip(str(error))
    with NodeRed(script, tmp_path_factory.mktemp("node-red")) as server:
        yield server


def _skip(reason: str) -> NoReturn:
    required = os.environ.get("TESTS_REQUIRE", "").split(",")
    if "nodered" in required:
        pytest.fail(f"nodered is required and not there: {reason}")
    pytest.skip(reason)
