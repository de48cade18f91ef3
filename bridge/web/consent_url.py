"""The address that a device owner opens to give consent.

Needs nothing but the standard library, so that a command can print it quickly.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode


def consent_url(consent_page: str, tag: str, public_url: str, secret: str) -> str:
    """Shelly's consent page with our integrator tag and callback address.

    `public_url` is how Shelly's cloud reaches the public listener; the result holds `secret` and
    must not be logged. Source: Shelly docs, Integrator API, Users.
    """
    callback = f"{public_url.rstrip('/')}/consent/{secret}"
    query = urlencode({"itg": tag, "cb": callback}, quote_via=quote, safe="")
    return f"{consent_page}{'&' if '?' in consent_page else '?'}{query}"
