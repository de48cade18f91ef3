"""The TLS settings for Shelly's cloud: one context for all connections, checks always on."""

from __future__ import annotations

import ssl
from pathlib import Path

from bridge.errors import ConfigError, Problem

_DATES = {9, 10}
"""OpenSSL's codes for a certificate that is not yet valid, or not any more. (x509_vfy.h.)"""


def cloud_context(ca_file: Path | None, key: str = "integrator.ca_file") -> ssl.SSLContext:
    """A context that trusts the system's authorities, and those of `ca_file` besides.

    Made once and shared: loading the authorities is the dearest part of a connection. Raises
    `ConfigError`, about `key`, if the file holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            text = f"{ca_file} holds no certificate"
            raise ConfigError([Problem("configuration", None, key, text)]) from error
    return context


def certificate_problem(error: ssl.SSLCertVerificationError) -> str:
    """Why a peer's certificate is refused; the same text each time, for the log."""
    text = str(error.verify_message)
    return f"{text} (is the clock of this machine right?)" if error.verify_code in _DATES else text


def device_context(cert_file: Path | None, key_file: Path | None) -> ssl.SSLContext | None:
    """What we show to devices that connect to us; None without a certificate.

    Raises `ConfigError` if the files are of no use together.
    """
    if cert_file is None or key_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a callback a key with a password would be asked for at the terminal.
        context.load_cert_chain(cert_file, key_file, lambda: "")
    except (OSError, ssl.SSLError) as error:
        text = f"{cert_file} and {key_file} are not a certificate and its key (without password)"
        raise ConfigError([Problem("configuration", None, "outbound.tls", text)]) from error
    return context
