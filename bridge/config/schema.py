"""Every key of the configuration: how it is read, its default, and one line of explanation.

This table is the only place that knows them. Loading, defaults, the check for unknown keys, the
names of environment variables and `config.example.yaml` all come from it. Defaults are written
as a user would write them and go through the same reader.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.config import files, model, values
from bridge.config.keys import Key, Leaf, ListKey, PathKey, SecretKey, Section, Table

_PORT = values.whole(1, 65535)

_MQTT = Section(
    "mqtt",
    model.MqttConfig,
    "The MQTT broker, and what is published there",
    (
        Key("host", values.broker, None, "name or address of the broker", True, shown="localhost"),
        Key("port", _PORT, None, "default: 1883, with tls 8883", shown="1883"),
        Key("username", values.line(256), None, "login at the broker"),
        SecretKey("password", "its password"),
        Key("client_id", values.line(128), None, "default: shelly-bridge-<bridge_id>"),
        Key(
            "protocol",
            values.choice("auto", "5", "3.1.1"),
            "auto",
            "auto (MQTT 5, falling back to 3.1.1), 5 or 3.1.1",
        ),
        Key("keepalive", values.whole(1, 3600), "30", "seconds between signs of life"),
        Key("base_topic", values.topic, "shelly", "the first level(s) of all our topics"),
        Key("retain", values.flag, "true", "the broker keeps the state for later subscribers"),
        Key("values", values.flag, "false", "also one plain topic per value"),
        Key("device_state", values.flag, "false", "also one JSON topic per device"),
        Key("raw", values.flag, "false", "also the payloads as received"),
        Key(
            "manage",
            values.flag,
            "true",
            "requests may restart it, remove devices and the like",
        ),
        Section(
            "tls",
            model.TlsConfig,
            "Encryption between bridge and broker",
            (
                Key("enabled", values.flag, "false", "speak TLS with the broker"),
                PathKey("ca_file", files.readable, "PEM file; default: the system's authorities"),
                PathKey("cert_file", files.readable, "PEM file, to log in by certificate"),
                PathKey("key_file", files.readable, "its private key", private=True),
            ),
        ),
    ),
)

_HOME_ASSISTANT = Section(
    "homeassistant",
    model.HomeAssistantConfig,
    "Home Assistant finds the devices by itself (MQTT discovery)",
    (
        Key("enabled", values.flag, "true", "publish discovery messages"),
        Key("discovery_prefix", values.topic, "homeassistant", "as set in Home Assistant"),
        Key("status_topic", values.topic, "homeassistant/status", "where it says that it started"),
        Key("device_per_channel", values.flag, "false", "a device there for each main channel"),
        Key("hide_diagnostics", values.flag, "false", "leave out signal, firmware and the like"),
    ),
)

_INTEGRATOR = Section(
    "integrator",
    model.IntegratorConfig,
    "Shelly's Integrator API; tag and token come with a licence from Shelly",
    (
        Key("tag", values.line(128), None, "the integrator tag", True, shown="ITG_EXAMPLE"),
        SecretKey("token", "the integrator token", True, shown="replace-this"),
        ListKey("hosts", values.cloud_host, (), "cloud hosts to connect before the first consent"),
        ListKey(
            "allowed_hosts",
            values.host_pattern,
            ("*.shelly.cloud",),
            "cloud hosts that may be sent the token",
        ),
        PathKey(
            "trust_key_file", files.readable, "PEM that verifies SCL-Trust; default: Shelly's key"
        ),
        Key(
            "api_url", values.https_url, "https://api.shelly.cloud", "where access tokens are made"
        ),
        Key("wss_port", _PORT, "6113", "WebSocket port of the cloud hosts"),
        PathKey("ca_file", files.readable, "PEM of an additional authority, for tests"),
        Key(
            "consent_page",
            values.https_url,
            "https://my.shelly.cloud/integrator.html",
            "where owners give consent",
        ),
    ),
    optional=True,
)

_OUTBOUND = Section(
    "outbound",
    model.OutboundConfig,
    "Gen2+ devices that dial out to the bridge; no cloud needed",
    (
        Key("enabled", values.flag, "false", "listen for them"),
        Key("listen", values.listen, "0.0.0.0:8082", "where devices connect to"),
        SecretKey("secret", "part of the address; default: made at the first start"),
        Key(
            "approve",
            values.choice("auto", "manual"),
            "auto",
            "auto: whoever knows the secret; manual: they wait",
        ),
        Section(
            "tls",
            model.OutboundTlsConfig,
            "Encryption between devices and bridge: both files, or neither",
            (
                PathKey("cert_file", files.readable, "PEM file, with intermediate certificates"),
                PathKey("key_file", files.readable, "its private key", private=True),
            ),
        ),
        ListKey(
            "rpc_methods",
            values.rpc_method,
            (),
            "what anybody may call by <device>/rpc; empty: nothing",
        ),
    ),
)

_ACCOUNT = Section(
    "account",
    model.AccountConfig,
    "Shelly accounts, no licence needed (Real Time Events API)",
    (
        Key("email", values.line(256), None, "with a password it logs in by itself"),
        SecretKey("password", "file with the password", inline=False),
        SecretKey(
            "password_sha1", "or file with its SHA-1 in hex", inline=False, check=values.sha1
        ),
        Key("client_id", values.line(128), "shelly-diy", "Shelly's public id for private users"),
        Key("include_shared", values.flag, "false", "also devices that others share with you"),
        Key("native_rpc", values.flag, "false", "also what only Shelly's RPC can do; unsupported"),
        ListKey(
            "allowed_hosts",
            values.host_pattern,
            ("*.shelly.cloud",),
            "cloud hosts that may be sent its tokens",
        ),
        Key("api_url", values.https_url, "https://api.shelly.cloud", "where the password is sent"),
        Key("wss_port", _PORT, "6113", "WebSocket port of the cloud hosts"),
        PathKey("ca_file", files.readable, "PEM of an additional authority, for tests"),
        Key(
            "login_page",
            values.https_url,
            "https://my.shelly.cloud/oauth_login.html",
            "where people log in by browser",
        ),
    ),
)

_WEB = Section(
    "web",
    model.WebConfig,
    "The two HTTP listeners",
    (
        Section(
            "public",
            model.PublicWebConfig,
            "What the internet may reach: the consent callback, nothing else",
            (
                Key("enabled", values.flag, "true", "has something to do only with integrator"),
                Key("listen", values.listen, "127.0.0.1:8090", "behind a reverse proxy with TLS"),
                Key(
                    "url",
                    values.callback_url,
                    None,
                    "how Shelly reaches it: https://bridge.example.org",
                ),
                Key(
                    "trusted_proxies",
                    values.whole(0, 10),
                    "0",
                    "proxies in front whose X-Forwarded-For counts",
                ),
            ),
        ),
        Section(
            "admin",
            model.AdminWebConfig,
            "Status page and metrics",
            (
                Key("enabled", values.flag, "true", "show them"),
                Key(
                    "listen",
                    values.listen,
                    "127.0.0.1:8080",
                    "any other address than loopback needs a password",
                ),
                SecretKey("password", "file with the password of the page", inline=False),
                Key(
                    "trusted_proxies",
                    values.whole(0, 10),
                    "0",
                    "proxies in front whose X-Forwarded-… headers count",
                ),
            ),
        ),
    ),
)

_COMMANDS = Section(
    "commands",
    model.CommandsConfig,
    "Commands to devices; all in seconds",
    (
        Key("timeout", values.seconds(0.1, 300), "10", "how long the answer may take"),
        Key("confirm_timeout", values.seconds(0, 300), "5", "then, how long the new state may"),
        Key("min_interval", values.seconds(0, 60), "0.2", "between two commands to a device"),
    ),
)

_AVAILABILITY = Section(
    "availability",
    model.AvailabilityConfig,
    "When devices count as offline",
    (Key("grace", values.seconds(0, 86400), "30", "seconds that a lost connection is forgiven"),),
)

_RECONNECT = Section(
    "reconnect",
    model.ReconnectConfig,
    "Delays between attempts to reach a cloud host; in seconds, doubling and jittered",
    (
        Key("first", values.seconds(0.01, 3600), "1", "after the first failure"),
        Key("longest", values.seconds(0.01, 3600), "60", "never more than that"),
    ),
)

_CLUSTER = Section(
    "cluster",
    model.ClusterConfig,
    "Several bridges share the cloud hosts (docs/scale.md); as delivered, this one is alone",
    (
        Key("instance", values.instance, None, "stands in topics; default: this host's name"),
        ListKey("hosts", values.host_pattern, (), "cloud hosts it may own; empty: any"),
        SecretKey("database", "PostgreSQL for all: postgresql://…", check=values.database),
        Key("max_hosts", values.whole(1, 1000), "64", "with database: hosts it owns at most"),
        Key(
            "on_registry_loss",
            values.choice("drop", "keep"),
            "drop",
            "without PostgreSQL: drop or keep the connections",
        ),
    ),
    wanted_by=("instance", "hosts", "database"),
)

_LOG = Section(
    "log",
    model.LogConfig,
    "The log, on standard error",
    (
        Key(
            "level",
            values.choice("debug", "info", "warning", "error"),
            "info",
            "debug, info, warning or error",
        ),
        Key("format", values.choice("text", "json"), "text", "text or json"),
    ),
)

_DEVICE = Section(
    "device",
    model.DeviceConfig,
    "What you want to say of single devices, by their id",
    (
        Key("name", values.line(100), None, "shown instead of its own name"),
        Key("topic", values.alias, None, "used instead of its id; may hold slashes"),
        Key("area", values.line(100), None, "where it is, for Home Assistant"),
        Key("disabled", values.flag, "false", "leave this device out"),
        Key("throttle", values.seconds(0, 3600), None, "seconds between two reports of a value"),
        SecretKey("password", "file with its password, if it asks for it", inline=False),
    ),
)

SCHEMA = Section(
    "",
    model.Config,
    "Configuration of shelly-bridge",
    (
        Key("version", values.version, "1", "of this file's form"),
        _MQTT,
        _HOME_ASSISTANT,
        _INTEGRATOR,
        Table("accounts", values.account, _ACCOUNT, _ACCOUNT.help, "home", listed=True),
        _OUTBOUND,
        _WEB,
        _COMMANDS,
        _AVAILABILITY,
        _RECONNECT,
        _CLUSTER,
        PathKey(
            "data_dir",
            None,
            "run by a user: ~/.local/state/shelly-bridge",
            shown="/var/lib/shelly-bridge",
        ),
        _LOG,
        Table("devices", values.device_id, _DEVICE, _DEVICE.help, "a8032abe54dc"),
    ),
)
"""The whole configuration."""


def leaves(section: Section = SCHEMA, prefix: str = "") -> Iterator[tuple[str, Leaf]]:
    """Every key outside of tables with its dotted name; a secret comes once, without `_file`."""
    for child in section.children:
        if isinstance(child, Section):
            yield from leaves(child, f"{prefix}{child.name}.")
        elif not isinstance(child, Table):
            yield prefix + child.name, child
