"""`consent-url`: the address for device owners, also before the first run."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bridge.store import Store
from tests.cli.conftest import Cli, Configure


def test_it_works_before_the_first_run_and_stays_the_same(
    cli: Cli, configure: Configure, tmp_path: Path
) -> None:
    first = cli("consent-url", "-c", configure())
    assert (first.code, first.err) == (0, "")
    assert first.out.count("\n") == 1
    parts = urlsplit(first.out.strip())
    assert parts.netloc == "my.shelly.cloud"
    query = parse_qs(parts.query)
    assert query["itg"] == ["ITG_TEST"]
    (callback,) = query["cb"]
    # While the bridge runs, it has the registry to itself.
    with Store.open(tmp_path / "data", exclusive=True) as store:
        assert callback == f"https://bridge.example.org/consent/{store.callback_secret}"
        assert len(store.callback_secret) >= 32
        assert cli("consent-url", "-c", configure()).out == first.out
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_without_a_public_address_it_says_what_is_missing(cli: Cli, configure: Configure) -> None:
    config = configure()
    config.write_text(config.read_text().replace("https://bridge.example.org", "null"))
    result = cli("consent-url", "-c", config)
    assert result.code == 78
    (complaint,) = result.complaints
    assert "web.public.url: missing" in complaint
    assert result.out == ""
