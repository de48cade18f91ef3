"""What needs the machine's help is skipped where that is missing, or fails where it must not be.

`TESTS_REQUIRE` names markers, separated by commas, whose tests may not be skipped.
`HYPOTHESIS_PROFILE` says how many examples Hypothesis tries; `ci` where CI runs, else `dev`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.brokers import mosquitto_path
from tests.packages.programs import nginx_path, once
from tests.postgres import PostgresServer, make_cluster, postgres_is_there

settings.register_profile("dev", deadline=None)
# Other examples in every run find more than the same ones; the blob makes a failure repeatable.
settings.register_profile("ci", deadline=None, max_examples=150, print_blob=True)

_LOG_SHOWN = 4_000
"""Bytes of each log of a failed test that are shown."""

_in_ci = os.environ.get("CI", "").lower() == "true"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if _in_ci else "dev"))

SHARED_FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"
"""Captured payloads of real devices; they are not part of the project."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail, what cannot run here."""
    there = {
        "caddy": shutil.which("caddy") is not None,
        "chromium": shutil.which("chromium") is not None,
        "mosquitto": mosquitto_path() is not None,
        "nginx": nginx_path() is not None,
        "postgres": postgres_is_there(),
        "promtool": shutil.which("promtool") is not None,
        "shared_fixtures": SHARED_FIXTURES.is_dir(),
        "systemd": shutil.which("systemd-analyze") is not None,
    }
    required = os.environ.get("TESTS_REQUIRE", "").split(",")
    for marker, present in there.items():
        if item.get_closest_marker(marker) is None or present:
            continue
        if marker in required:
            pytest.fail(f"{marker} is required and not there")
        pytest.skip(f"needs {marker}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes of a failed test wrote last, which nobody can look at in CI.

    Reports travel between processes as UTF-8, and tests log texts that are none.
    """
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        place = item.funcargs.get("tmp_path")
        if isinstance(place, Path):
            for log in sorted(place.rglob("*.log")):
                text = log.read_bytes()[-_LOG_SHOWN:].decode(errors="replace")
                report.sections.append((f"the end of {log.relative_to(place)}", text))
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(scope="session")
def postgres_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a `PostgresServer` of a test's own copies; for tests marked `postgres`."""
    return once(tmp_path_factory, "postgres", make_cluster)


@pytest.fixture(scope="session")
def postgres(postgres_cluster: Path) -> Iterator[PostgresServer]:
    """A server that tests share, and leave running; for tests marked `postgres`."""
    with PostgresServer(postgres_cluster) as server:
        yield server
