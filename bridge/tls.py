"""The TLS settings for Shelly's cloud: one context for all connections, checks always on."""

from __future__ import annotations

import ssl
from pathlib import Path

from bridge.errors import ConfigError, Problem


def cloud_context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that trusts the system's authorities, and those of `ca_file` besides.

    Made once and shared: loading the authorities is the dearest part of a connection. Raises
    `ConfigError` if the file holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            text = f"{ca_file} holds no certificate"
            raise ConfigError(
                [Problem("configuration", None, "integrator.ca_file", text)]
            ) from error
    return context
