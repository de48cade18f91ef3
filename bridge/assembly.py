"""From the configuration to the settings of each part. Nothing is started here."""

from __future__ import annotations

import platform
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import bridge
from bridge.config import Config, values
from bridge.config.model import ClusterConfig, IntegratorConfig, Listen
from bridge.core.dispatch import Limits
from bridge.core.hosts import HostRule
from bridge.core.model import Cluster, DeviceId, Json, LinkId
from bridge.core.registry import Override, Settings
from bridge.core.topics import Topics
from bridge.httpclient import Resolver
from bridge.mqtt.connection import ConnectionSettings
from bridge.sources.account import AccountSettings
from bridge.sources.credentials import Credentials
from bridge.sources.integrator import IntegratorSettings
from bridge.store import Store
from bridge.tls import cloud_context, device_context
from bridge.web.consent_url import consent_url
from bridge.web.desk import Desk
from bridge.web.site import Outbound, Site, Warned

if TYPE_CHECKING:
    from bridge.cluster.settings import KeeperSettings
    from bridge.sources.outbound import OutboundSettings
    from bridge.web.answers import HealthCheck
    from bridge.web.login import Account

_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 25
_ANYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not listened on


def callback_address(config: Config, callback_secret: str) -> str | None:
    """The full address that a device owner opens; None where it is not configured."""
    if config.integrator is None or config.web.public.url is None:
        return None
    return consent_url(
        config.integrator.consent_page,
        config.integrator.tag,
        config.web.public.url,
        callback_secret,
    )


def topics(config: Config) -> Topics:
    """Where everything is published, and what is listened to."""
    wanted = config.homeassistant.enabled
    return Topics(
        config.mqtt.base_topic,
        prefix=config.homeassistant.discovery_prefix if wanted else None,
        status=config.homeassistant.status_topic if wanted else None,
        instance=None if config.cluster is None else instance_name(config.cluster),
    )


def instance_name(cluster: ClusterConfig) -> str:
    """What this one of several bridges is called; by default as its machine."""
    if cluster.instance is not None:
        return cluster.instance
    machine = _NOT_IN_NAME.sub("-", socket.gethostname().partition(".")[0])[:_LONGEST_NAME]
    try:
        return values.instance(machine)
    except values.Wrong:
        return f"bridge-{machine}"


def cluster(config: Config) -> Cluster | None:
    """What the engine is told of its part in a cluster."""
    if config.cluster is None:
        return None
    shared = config.database is not None
    name = instance_name(config.cluster)
    return Cluster(name, config.cluster.hosts, shared, mixed=is_mixed(config))


def is_mixed(config: Config) -> bool:
    """Whether devices come by other ways than by consent."""
    return bool(config.accounts) or config.outbound.enabled


def keeper_settings(config: Config) -> KeeperSettings | None:
    """How the hosts are shared with other bridges; None where that is settled for good."""
    if config.cluster is None or config.database is None:
        return None
    from bridge.cluster.settings import KeeperSettings

    integrator = config.integrator
    return KeeperSettings(
        address=config.database.reveal(),
        instance=instance_name(config.cluster),
        patterns=None if integrator is None else config.cluster.hosts,
        hosts=() if integrator is None else integrator.hosts,
        accounts=tuple(config.accounts),
        most=config.cluster.max_hosts,
        keep=config.cluster.on_registry_loss == "keep",
        mixed=is_mixed(config),
    )


def login_page(config: Config, account: str) -> str | None:
    """The address of our page where somebody logs in to an account; None if there is none."""
    listen = config.web.admin.listen
    if not config.web.admin.enabled or listen.port == 0:
        return None
    anywhere = listen.host.strip("[]") in _ANYWHERE
    host = Listen(socket.gethostname(), listen.port) if anywhere else listen
    return f"http://{host}/login/{account}"


def account_settings(config: Config, name: str, resolve: Resolver) -> AccountSettings:
    """How an account is reached; raises `ConfigError` for a useless `ca_file`."""
    account = config.accounts[name]
    sha1, page = account.sha1, login_page(config, name)
    login = None
    if account.email is not None and sha1 is not None:
        login = Credentials(account.email, sha1.reveal().lower())
    command = f"log in: shelly-bridge login {name}"
    return AccountSettings(
        name=name,
        credentials=login,
        client_id=account.client_id,
        include_shared=account.include_shared,
        native_rpc=account.native_rpc,
        allowed_hosts=HostRule(account.allowed_hosts),
        api_url=account.api_url,
        wss_port=account.wss_port,
        login_page=account.login_page,
        context=cloud_context(account.ca_file, f"accounts.{name}.ca_file"),
        advice=command if page is None else f"{command}, or {page}",
        reconnect_first=config.reconnect.first,
        reconnect_longest=config.reconnect.longest,
        resolve=resolve,
        exclusive=config.database is not None,
    )


def environment() -> dict[str, str]:
    """The versions of what the bridge runs on."""
    libraries = ("paho-mqtt", "websocket-client", "websockets", "flask", "waitress", "PyJWT")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        **{name: version(name) for name in libraries},
    }


def engine_settings(config: Config, bridge_id: str, callback_secret: str) -> Settings:
    """What the engine is told."""
    return Settings(
        topics=topics(config),
        bridge_id=bridge_id,
        environment=environment(),
        version=bridge.__version__,
        started=time.time(),
        limits=Limits(
            timeout=config.commands.timeout,
            confirm_timeout=config.commands.confirm_timeout,
            min_interval=config.commands.min_interval,
        ),
        grace=config.availability.grace,
        values=config.mqtt.values,
        device_state=config.mqtt.device_state,
        raw=config.mqtt.raw,
        manage=config.mqtt.manage,
        courses=config.web.admin.enabled,
        device_per_channel=config.homeassistant.device_per_channel,
        hide_diagnostics=config.homeassistant.hide_diagnostics,
        retain=config.mqtt.retain,
        overrides={
            DeviceId(device): Override(
                name=override.name,
                topic=override.topic,
                area=override.area,
                disabled=override.disabled,
                throttle=override.throttle or 0.0,
            )
            for device, override in config.devices.items()
        },
        consent_url=callback_address(config, callback_secret),
        approve_visitors=config.outbound.approve == "manual",
        rpc_methods=frozenset(method.lower() for method in config.outbound.rpc_methods),
        logins={LinkId(name): login_page(config, name) for name in config.accounts},
        cluster=cluster(config),
    )


def site(
    config: Config,
    store: Store,
    accounts: Mapping[str, Account],
    desk: Desk,
    health: HealthCheck,
    vitals: Callable[[], Mapping[str, Json]],
    warnings: Callable[[], Sequence[Warned]],
) -> Site:
    """What the pages of the admin listener are about."""
    admin, wanted = config.web.admin, config.outbound.enabled
    return Site(
        listen_host=admin.listen.host,
        health=health,
        desk=desk,
        password=admin.password.reveal() if admin.password else None,
        trusted_proxies=admin.trusted_proxies,
        consent_page=callback_address(config, store.callback_secret),
        accounts=accounts,
        outbound=outbound_place(config, store.outbound_secret) if wanted else None,
        broker=f"{config.mqtt.host}:{config.mqtt.port}",
        vitals=vitals,
        warnings=warnings,
    )


def outbound_place(config: Config, made_secret: str) -> Outbound:
    """Where devices connect to us; `made_secret` counts unless the configuration has one."""
    outbound = config.outbound
    host = outbound.listen.host.strip("[]")
    return Outbound(
        host=None if host in _ANYWHERE else host,
        port=outbound.listen.port,
        encrypted=outbound.tls.cert_file is not None,
        secret=outbound.secret.reveal() if outbound.secret else made_secret,
    )


def outbound_settings(config: Config, made_secret: str) -> OutboundSettings:
    """How devices reach us; raises `ConfigError` for a certificate that is of no use."""
    # Imported here since it costs 3 MB, and many have no such devices.
    from bridge.sources.outbound import OutboundSettings

    outbound = config.outbound
    return OutboundSettings(
        host=outbound.listen.host,
        port=outbound.listen.port,
        secret=outbound_place(config, made_secret).secret,
        context=device_context(outbound.tls.cert_file, outbound.tls.key_file),
        passwords={
            DeviceId(device): override.password.reveal()
            for device, override in config.devices.items()
            if override.password is not None
        },
    )


def mqtt_settings(config: Config, bridge_id: str) -> ConnectionSettings:
    """How the broker is reached."""
    mqtt = config.mqtt
    # Two with the same id would throw each other out of the broker.
    instance = "" if config.cluster is None else f"-{instance_name(config.cluster)}"
    return ConnectionSettings(
        host=mqtt.host,
        port=mqtt.port,
        client_id=mqtt.client_id or f"shelly-bridge-{bridge_id}{instance}",
        username=mqtt.username,
        password=mqtt.password.reveal() if mqtt.password else None,
        protocol=mqtt.protocol,
        keepalive=mqtt.keepalive,
        tls=mqtt.tls.enabled,
        ca_file=mqtt.tls.ca_file,
        cert_file=mqtt.tls.cert_file,
        key_file=mqtt.tls.key_file,
    )


def integrator_settings(
    config: Config, integrator: IntegratorConfig, resolve: Resolver
) -> IntegratorSettings:
    """How Shelly's Integrator API is reached; raises `StartError` for a useless `ca_file`."""
    patterns = () if config.cluster is None else config.cluster.hosts
    ours = HostRule(patterns or integrator.hosts)
    return IntegratorSettings(
        tag=integrator.tag,
        token=integrator.token.reveal(),
        hosts=tuple(host for host in integrator.hosts if ours.accepts(host)),
        allowed_hosts=HostRule(integrator.allowed_hosts),
        api_url=integrator.api_url,
        wss_port=integrator.wss_port,
        context=cloud_context(integrator.ca_file),
        reconnect_first=config.reconnect.first,
        reconnect_longest=config.reconnect.longest,
        resolve=resolve,
        exclusive=config.database is not None,
    )
