"""Files that the configuration names: paths, secrets in files, certificates and keys.

Raises `Wrong` for what the user must mend. Never repeats what a file holds.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from bridge.config.secret import Secret
from bridge.config.values import Wrong, has_controls

LARGEST = 1 << 16
"""Bytes of a secret or key file."""

_LONGEST_PATH = 4096
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")

FileCheck = Callable[[Path], object]
"""Raises `Wrong` if the file is not what its key wants."""


def expand(text: str, environ: Mapping[str, str], base: Path) -> Path:
    """The path that `text` means: `${NAME}` and a leading `~/` filled in, relative to `base`."""

    def value(match: re.Match[str]) -> str:
        if not environ.get(match[1]):
            raise Wrong(f"the environment variable {match[1]!a} is not set")
        return environ[match[1]]

    path = _VARIABLE.sub(value, text)
    if "${" in path:
        raise Wrong("a variable in a path is written ${NAME}")
    if path.startswith("~/") and environ.get("HOME"):
        path = environ["HOME"] + path[1:]
    if not path.strip() or len(path) > _LONGEST_PATH or has_controls(path):
        raise Wrong("must be a path: one line, not empty")
    return base / path


def read(path: Path, largest: int) -> tuple[bytes, bool]:
    """What a file holds (one byte more than `largest` at most), and whether everybody can read it.

    Raises `Wrong`.
    """
    try:
        with path.open("rb") as file:
            public = bool(os.fstat(file.fileno()).st_mode & stat.S_IROTH)
            return file.read(largest + 1), public
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise Wrong(f"{path} cannot be read: {reason or 'not a usable path'}") from None


def read_secret(path: Path) -> tuple[Secret, bool]:
    """The secret in a file (one line, its line break not counted), and whether all can read it."""
    data, public = read(path, LARGEST)
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Wrong(f"{path} is not UTF-8 text") from None
    return secret(text, str(path)), public


def secret(text: str, holder: str = "the value") -> Secret:
    """A secret as the protocols can carry it; `holder` is named if it is not one."""
    if not text:
        raise Wrong(f"{holder} is empty")
    if len(text) > LARGEST or has_controls(text):
        raise Wrong(f"{holder} must be one line of text")
    return Secret(text)


def readable(path: Path) -> None:
    """The file is there and may be read."""
    read(path, 0)


def trust_key(path: Path) -> None:
    """The file holds a public key that can verify ES384: PEM, elliptic curve P-384."""
    data, _ = read(path, LARGEST)
    # Imported here since it takes longer than everything else together and is rarely needed.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise Wrong(f"{path} holds no public key in PEM form") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP384R1):
        raise Wrong(f"{path} holds another kind of key than an elliptic curve one (P-384)")


def is_public(path: Path) -> bool:
    """Whether everybody on this machine can read the file."""
    return read(path, 0)[1]
