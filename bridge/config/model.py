"""The configuration as the rest of the program sees it: values, already checked.

Every field has the name of its key; `schema.py` holds defaults, ranges and explanations. Durations
are seconds. Knows nothing of files and of the environment.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from bridge.config.secret import Secret


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; port 0 is any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """TLS to the broker; without `ca_file` the system's authorities count."""

    enabled: bool
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """The broker and what is published there."""

    host: str
    port: int
    username: str | None
    password: Secret | None
    client_id: str | None
    protocol: Literal["auto", "5", "3.1.1"]
    keepalive: int
    base_topic: str
    retain: bool
    values: bool
    device_state: bool
    raw: bool
    manage: bool
    tls: TlsConfig


@dataclass(frozen=True, slots=True)
class HomeAssistantConfig:
    """Home Assistant's MQTT discovery."""

    enabled: bool
    discovery_prefix: str
    status_topic: str
    device_per_channel: bool
    hide_diagnostics: bool


@dataclass(frozen=True, slots=True)
class IntegratorConfig:
    """Shelly's Integrator API; the URLs end without a slash."""

    tag: str
    token: Secret
    hosts: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    trust_key_file: Path | None
    api_url: str
    wss_port: int
    ca_file: Path | None
    consent_page: str


@dataclass(frozen=True, slots=True)
class OutboundTlsConfig:
    """The listener's certificate and its key; without them devices come by plain `ws://`."""

    cert_file: Path | None
    key_file: Path | None


@dataclass(frozen=True, slots=True)
class OutboundConfig:
    """Devices that dial out to the bridge; `rpc_methods` may be called by anybody on MQTT."""

    enabled: bool
    listen: Listen
    secret: Secret | None
    approve: Literal["auto", "manual"]
    tls: OutboundTlsConfig
    rpc_methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One Shelly account; with an e-mail address it has one of the two passwords."""

    email: str | None
    password: Secret | None
    password_sha1: Secret | None
    client_id: str
    include_shared: bool
    native_rpc: bool
    allowed_hosts: tuple[str, ...]
    api_url: str
    wss_port: int
    ca_file: Path | None
    login_page: str

    @property
    def sha1(self) -> Secret | None:
        """What Shelly's login takes: the password's SHA-1, as secret as the password itself."""
        if self.password is None:
            return self.password_sha1
        sha1 = hashlib.sha1(self.password.reveal().encode(), usedforsecurity=False)
        return Secret(sha1.hexdigest())


@dataclass(frozen=True, slots=True)
class PublicWebConfig:
    """The listener that the internet may reach; it has something to do only for an integrator."""

    enabled: bool
    listen: Listen
    url: str | None
    trusted_proxies: int


@dataclass(frozen=True, slots=True)
class AdminWebConfig:
    """The listener with the status page."""

    enabled: bool
    listen: Listen
    password: Secret | None
    trusted_proxies: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Both HTTP listeners."""

    public: PublicWebConfig
    admin: AdminWebConfig


@dataclass(frozen=True, slots=True)
class CommandsConfig:
    """How long a command may take, and how fast they may follow each other at a device."""

    timeout: float
    confirm_timeout: float
    min_interval: float


@dataclass(frozen=True, slots=True)
class AvailabilityConfig:
    """How long a lost connection is forgiven before its devices count as offline."""

    grace: float


@dataclass(frozen=True, slots=True)
class ReconnectConfig:
    """The delays between attempts to reach a cloud host."""

    first: float
    longest: float


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One of several bridges; without `database` the patterns in `hosts` decide for good.

    Without an `instance` it is called as its machine is; without `hosts` it may own all.
    """

    instance: str | None
    hosts: tuple[str, ...]
    database: Secret | None
    max_hosts: int
    on_registry_loss: Literal["drop", "keep"]

    def passwords(self) -> Iterator[Secret]:
        """What is secret in the address of the database by itself, as written and as meant."""
        if self.database is None:
            return
        parts = urlsplit(self.database.reveal())
        written = parts.netloc.rpartition("@")[0].partition(":")[2]
        known = [written, unquote(written)]
        known += [text for name, text in parse_qsl(parts.query) if "password" in name]
        yield from (Secret(text) for text in dict.fromkeys(known) if text)


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """What the user says of one device; None means that nothing was said."""

    name: str | None
    topic: str | None
    area: str | None
    disabled: bool
    throttle: float | None
    password: Secret | None


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; `warnings` are remarks to log, fit to be shown."""

    version: int
    mqtt: MqttConfig
    homeassistant: HomeAssistantConfig
    integrator: IntegratorConfig | None
    accounts: Mapping[str, AccountConfig]
    outbound: OutboundConfig
    web: WebConfig
    commands: CommandsConfig
    availability: AvailabilityConfig
    reconnect: ReconnectConfig
    cluster: ClusterConfig | None
    data_dir: Path
    log: LogConfig
    devices: Mapping[str, DeviceConfig]
    warnings: tuple[str, ...]

    @property
    def database(self) -> Secret | None:
        """Where the registry is that several bridges share; None if it is this one's own."""
        return None if self.cluster is None else self.cluster.database

    def secrets(self) -> tuple[str, ...]:
        """Every secret in here, revealed: for the log's redaction and nothing else."""
        derived = (account.sha1 for account in self.accounts.values())
        found = [*_secrets(self), *(secret for secret in derived if secret is not None)]
        if self.cluster is not None:
            found += self.cluster.passwords()
        return tuple(secret.reveal() for secret in found)


def _secrets(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _secrets(getattr(value, field.name))
