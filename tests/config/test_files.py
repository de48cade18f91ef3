"""Paths, secrets in files and keys, and what is said when they are not usable."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bridge.config import files
from bridge.config.values import Wrong

BASE = Path("/etc/bridge")


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/a/b", "/a/b"),
        ("b", "/etc/bridge/b"),
        ("${DIR}/token", "/run/credentials/token"),
        ("${DIR}${SUB}", "/run/credentials/sub"),
        ("~/x", "/home/me/x"),
        ("/a/~/$DIR", "/a/~/$DIR"),
        ("/a b", "/a b"),
    ],
)
def test_expanding_paths(text: str, path: str) -> None:
    environ = {"DIR": "/run/credentials", "SUB": "/sub", "HOME": "/home/me", "EMPTY": ""}
    assert files.expand(text, environ, BASE) == Path(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${NOPE}/a", "the environment variable 'NOPE' is not set"),
        ("${EMPTY}/a", "the environment variable 'EMPTY' is not set"),
        ("${}/a", "the environment variable '' is not set"),
        ("${a\n}/a", r"the environment variable 'a\n' is not set"),
        ("${DIR", "a variable in a path is written ${NAME}"),
        ("", "must be a path: one line, not empty"),
        ("  ", "must be a path: one line, not empty"),
        ("a\x00b", "must be a path: one line, not empty"),
        ("a\nb", "must be a path: one line, not empty"),
        ("a" * 5000, "must be a path: one line, not empty"),
    ],
)
def test_paths_that_cannot_be_expanded(text: str, said: str) -> None:
    with pytest.raises(Wrong) as caught:
        files.expand(text, {"EMPTY": ""}, BASE)
    assert str(caught.value) == said


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_a_secret_ends_before_its_line_break(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "token"
    file.write_bytes((" 012345 ä" + ending).encode())
    assert files.read_secret(file)[0].reveal() == " 012345 ä"


@pytest.mark.parametrize(("mode", "public"), [(0o600, False), (0o640, False), (0o644, True)])
def test_who_can_read_a_secret(tmp_path: Path, mode: int, public: bool) -> None:
    file = tmp_path / "token"
    file.write_text("canary")
    file.chmod(mode)
    assert files.read_secret(file)[1] is public
    assert files.is_public(file) is public


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"canary\nmore", "must be one line of text"),
        (b"canary\x00", "must be one line of text"),
        (b"canary" * 20_000, "must be one line of text"),
        (b"canary\xff", "is not UTF-8 text"),
    ],
)
def test_secrets_that_cannot_be_used(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(data)
    with pytest.raises(Wrong) as caught:
        files.read_secret(file)
    assert str(caught.value) == f"{file} {said}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="cannot be read: No such file"):
        files.readable(tmp_path / "none")
    with pytest.raises(Wrong, match="cannot be read: Is a directory"):
        files.readable(tmp_path)
    with pytest.raises(Wrong, match="cannot be read: File name too long"):
        files.readable(tmp_path / ("a" * 3000))
    with pytest.raises(Wrong, match="cannot be read: not a usable path"):
        files.readable(Path("/a\x00b"))


def test_the_key_of_scl_trust(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(ec.generate_private_key(ec.SECP384R1())))
    files.trust_key(file)


def other_keys() -> dict[str, bytes]:
    private = ec.generate_private_key(ec.SECP384R1())
    return {
        "another curve": pem(ec.generate_private_key(ec.SECP256R1())),
        "another algorithm": pem(ed25519.Ed25519PrivateKey.generate()),
        "private": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "cut": pem(private)[:100],
        "not PEM": b"canary",
        "nothing": b"",
    }


@pytest.mark.parametrize("name", sorted(other_keys()))
def test_other_keys_are_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(other_keys()[name])
    with pytest.raises(Wrong, match=r"holds (no public|another kind of) key") as caught:
        files.trust_key(file)
    assert "canary" not in str(caught.value)
