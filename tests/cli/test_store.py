"""`shelly-bridge store copy`: what it takes, what it says, and what never shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli import main
from bridge.core.model import DeviceId, Grant
from bridge.store import Store
from tests.postgres import PASSWORD, PostgresServer

GRANT = Grant(DeviceId("a8032abe54dc"), "h.shelly.cloud", "code", "relay", ("Pump",), False)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A data directory with one consent."""
    with Store.open(tmp_path / "data", exclusive=True) as store:
        store.put_grant(GRANT, at=1.0)
    return tmp_path / "data"


def private(file: Path, text: str) -> str:
    """As an argument; nobody else may read it."""
    file.touch(mode=0o600)
    file.write_text(text)
    return f"file:{file}"


@pytest.mark.postgres
def test_there_and_back(
    directory: Path, tmp_path: Path, postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    address = private(tmp_path / "address", f"{postgres.database()}\n")
    back = tmp_path / "back"
    assert main(["store", "copy", str(directory), address]) == 0
    assert "copied: 1 grants" in capsys.readouterr().out
    assert main(["store", "copy", str(directory), address]) == 1
    assert "--replace" in capsys.readouterr().err
    assert main(["store", "copy", "--replace", str(directory), address]) == 0
    assert main(["store", "copy", address, str(back / "registry.db")]) == 0
    with Store.open(back, exclusive=True) as store:
        assert store.grants() == [GRANT]


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://u:{PASSWORD}@127.0.0.1/db",
        f"postgres://u:{PASSWORD}@127.0.0.1/db",
        f"POSTGRESQL://u:{PASSWORD}@127.0.0.1/db",
        f"postgresql://u:{PASSWORD}@[127.0.0.1/db",
        f"postgresql://127.0.0.1/db?user=u&password={PASSWORD}",
        f"postgresql://127.0.0.1/db?sslpassword={PASSWORD}",
        f"host=127.0.0.1 password={PASSWORD}",
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_a_password_is_no_argument(
    directory: Path, address: str, first: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [address, str(directory)] if first else [str(directory), address]
    with pytest.raises(SystemExit) as caught:
        main(["store", "copy", *places])
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert "file:PATH" in said.err
    assert PASSWORD not in said.out + said.err


def test_a_file_that_others_may_read_is_refused(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = private(tmp_path / "address", f"postgresql://u:{PASSWORD}@127.0.0.1/db")
    (tmp_path / "address").chmod(0o640)
    assert main(["store", "copy", str(directory), address]) == 1
    said = capsys.readouterr().err
    assert "chmod 600" in said
    assert PASSWORD not in said


@pytest.mark.parametrize("text", ["", PASSWORD, f"mysql://u:{PASSWORD}@h/d"])
def test_a_file_without_an_address_is_refused(
    directory: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "copy", str(directory), private(tmp_path / "address", text)]) == 1
    said = capsys.readouterr().err
    assert "postgresql://" in said
    assert PASSWORD not in said


def test_a_file_that_cannot_be_read_is_named(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "copy", str(directory), f"file:{tmp_path / 'nothing'}"]) == 1
    assert "nothing: No such file" in capsys.readouterr().err
    broken = private(tmp_path / "broken", "")
    (tmp_path / "broken").write_bytes(b"\xff")
    assert main(["store", "copy", str(directory), broken]) == 1
    assert "broken: not a text" in capsys.readouterr().err
