"""What several keys must be together.

Every rule gets the values that are right by themselves, and stays silent where one of its own is
not among them: that was reported already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from bridge.config import files
from bridge.config.model import Listen
from bridge.config.secret import Secret
from bridge.config.values import Wrong
from bridge.core.hosts import HostRule

Values = Mapping[str, object]
Finding = tuple[str, str]
"""A dotted key and what is wrong with it."""

_IN_ADDRESS = re.compile(r"[A-Za-z0-9._~-]{16,128}", re.ASCII)
_LONG_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)


def problems(values: Values) -> Iterator[Finding]:
    """Everything that must be mended before the bridge can run."""
    yield from _source(values)
    yield from _login(values)
    yield from _certificate(values)
    yield from _trust_key(values)
    yield from _outbound(values)
    yield from _topics(values)
    yield from _hosts(values)
    yield from _accounts(values)
    yield from _listeners(values)
    yield from _delays(values)
    yield from _aliases(values)


def remarks(values: Values) -> Iterator[Finding]:
    """What is allowed, but hardly meant."""
    if values.get("mqtt.tls.enabled") is False:
        for name in ("ca_file", "cert_file", "key_file"):
            if values.get(f"mqtt.tls.{name}"):
                yield f"mqtt.tls.{name}", "has no effect while mqtt.tls.enabled is false"
    if values.get("cluster.database", ...) is None:
        yield from _alone(values)


def _alone(values: Values) -> Iterator[Finding]:
    """Without a registry for all."""
    for name, default in (("max_hosts", 64), ("on_registry_loss", "drop")):
        if values.get(f"cluster.{name}", default) != default:
            yield f"cluster.{name}", "has no effect without cluster.database"
    everywhere = values.get("cluster.instance") and values.get("cluster.hosts") == ()
    if everywhere and values.get("integrator", ...) is not None:
        text = "takes every cloud host, so no other may; give cluster.hosts or cluster.database"
        yield "cluster.instance", text


def _source(values: Values) -> Iterator[Finding]:
    none = values.get("integrator", ...) is None and values.get("accounts", ...) == ()
    if none and values.get("outbound.enabled") is False:
        yield "", "no source: add an `accounts:` or `integrator:` section, or set outbound.enabled"


def _login(values: Values) -> Iterator[Finding]:
    # MQTT 3.1.1 [MQTT-3.1.2-22] forbids a password alone; MQTT 5 allows it.
    alone = values.get("mqtt.password") and values.get("mqtt.username", ...) is None
    if alone and values.get("mqtt.protocol") != "5":
        yield "mqtt.password", "needs mqtt.username (only MQTT 5 allows a password alone)"


def _certificate(values: Values) -> Iterator[Finding]:
    if values.get("mqtt.tls.key_file") and values.get("mqtt.tls.cert_file", ...) is None:
        yield "mqtt.tls.key_file", "needs mqtt.tls.cert_file"


def _trust_key(values: Values) -> Iterator[Finding]:
    # Looking into a key takes a large library, which nobody else needs.
    key = values.get("integrator.trust_key_file")
    if values.get("web.public.enabled") and isinstance(key, Path):
        try:
            files.trust_key(key)
        except Wrong as error:
            yield "integrator.trust_key_file", str(error)


def _outbound(values: Values) -> Iterator[Finding]:
    cert, key = (values.get(f"outbound.tls.{name}", ...) for name in ("cert_file", "key_file"))
    if cert and key is None:
        yield "outbound.tls.cert_file", "needs outbound.tls.key_file"
    if key and cert is None:
        yield "outbound.tls.key_file", "needs outbound.tls.cert_file"
    secret = values.get("outbound.secret")
    if isinstance(secret, Secret) and not _IN_ADDRESS.fullmatch(secret.reveal()):
        text = "must be 16 to 128 letters, digits and any of - . _ ~, as it is part of an address"
        yield "outbound.secret", text


def _topics(values: Values) -> Iterator[Finding]:
    base, prefix = values.get("mqtt.base_topic"), values.get("homeassistant.discovery_prefix")
    if base and f"{prefix}/".startswith(f"{base}/"):
        # Leftovers below the base topic are cleared, and these are Home Assistant's.
        yield "mqtt.base_topic", "must not hold homeassistant.discovery_prefix"
    status = str(values.get("homeassistant.status_topic"))
    own = (f"{base}/bridge/", "/state"), (f"{base}/", "/availability")
    if any(status.startswith(first) and status.endswith(last) for first, last in own):
        # We would take our own `online` for Home Assistant's.
        yield "homeassistant.status_topic", "is a topic of the bridge itself"


def _hosts(values: Values) -> Iterator[Finding]:
    if "integrator.hosts" not in values or "integrator.allowed_hosts" not in values:
        return
    rule = HostRule(cast("tuple[str, ...]", values["integrator.allowed_hosts"]))
    for host in cast("tuple[str, ...]", values["integrator.hosts"]):
        if not rule.accepts(host):
            yield "integrator.hosts", f"{host} is not within integrator.allowed_hosts"
    if not values["integrator.allowed_hosts"]:
        yield "integrator.allowed_hosts", "must allow at least one host"


def _accounts(values: Values) -> Iterator[Finding]:
    for name in cast("tuple[str, ...]", values.get("accounts", ())):
        row = f"accounts.{name}"
        email = values.get(f"{row}.email", ...)
        known = [values.get(f"{row}.{key}", ...) for key in ("password", "password_sha1")]
        given = [secret for secret in known if secret]
        if ... not in (email, *known):
            if email is None and given:
                yield f"{row}.email", "is missing; a password is of no use without it"
            if email is not None and not given:
                yield f"{row}.email", "needs password_file or password_sha1_file"
            if len(given) > 1:
                yield row, "give only one of password_file and password_sha1_file"
        if values.get(f"{row}.allowed_hosts") == ():
            yield f"{row}.allowed_hosts", "must allow at least one host"


def _listeners(values: Values) -> Iterator[Finding]:
    admin, public = values.get("web.admin.listen"), values.get("web.public.listen")
    if not values.get("web.admin.enabled") or not isinstance(admin, Listen):
        return
    if not admin.is_loopback and values.get("web.admin.password", ...) is None:
        yield "web.admin.listen", "any other address than loopback needs web.admin.password_file"
    if values.get("web.admin.trusted_proxies") and values.get("web.admin.password", ...) is None:
        yield "web.admin.trusted_proxies", "a page behind a proxy needs web.admin.password_file"
    if values.get("web.public.enabled") and admin == public and admin.port:
        yield "web.admin.listen", "is the address of web.public.listen too"


def _delays(values: Values) -> Iterator[Finding]:
    first, longest = values.get("reconnect.first"), values.get("reconnect.longest")
    if isinstance(first, float) and isinstance(longest, float) and first > longest:
        yield "reconnect.longest", "must not be less than reconnect.first"


def _aliases(values: Values) -> Iterator[Finding]:
    devices = cast("tuple[str, ...]", values.get("devices", ()))
    owners: dict[str, str] = {}
    for device in devices:
        key = f"devices.{device}.topic"
        alias = values.get(key)
        if not isinstance(alias, str):
            continue
        if alias in owners:
            yield key, f"is the topic of {owners[alias]} too"
        elif alias != device and (alias in devices or _LONG_ID.fullmatch(alias)):
            yield key, "is the id of another device"
        owners.setdefault(alias, device)
