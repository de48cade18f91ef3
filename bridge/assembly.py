"""From the configuration to the settings of each part. Nothing is started here."""

from __future__ import annotations

import time

import bridge
from bridge.config import Config
from bridge.config.model import IntegratorConfig
from bridge.core.dispatch import Limits
from bridge.core.hosts import HostRule
from bridge.core.model import DeviceId
from bridge.core.registry import Override, Settings
from bridge.core.topics import Topics
from bridge.httpclient import Resolver
from bridge.mqtt.connection import ConnectionSettings
from bridge.sources.integrator import IntegratorSettings
from bridge.tls import cloud_context
from bridge.web.consent_url import consent_url


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


def engine_settings(config: Config, bridge_id: str, callback_secret: str) -> Settings:
    """What the engine is told."""
    return Settings(
        topics=Topics(config.mqtt.base_topic),
        bridge_id=bridge_id,
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
    )


def mqtt_settings(config: Config, bridge_id: str) -> ConnectionSettings:
    """How the broker is reached."""
    mqtt = config.mqtt
    return ConnectionSettings(
        host=mqtt.host,
        port=mqtt.port,
        client_id=mqtt.client_id or f"shelly-bridge-{bridge_id}",
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
    return IntegratorSettings(
        tag=integrator.tag,
        token=integrator.token.reveal(),
        hosts=integrator.hosts,
        allowed_hosts=HostRule(integrator.allowed_hosts),
        api_url=integrator.api_url,
        wss_port=integrator.wss_port,
        context=cloud_context(integrator.ca_file),
        reconnect_first=config.reconnect.first,
        reconnect_longest=config.reconnect.longest,
        resolve=resolve,
    )
