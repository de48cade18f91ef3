"""The device itself and its connections; most of it passes through as Shelly writes it."""

from __future__ import annotations

from bridge.core.kinds.convert import boolean, celsius, gen1_celsius, number, positive, signal, text
from bridge.core.kinds.entity import INTERNAL_TEMPERATURE, SIGNAL, VOLTAGE, Entity, flag
from bridge.core.kinds.environment import GEN1_CELSIUS
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin

SYSTEM_KEY = "sys"
"""Gen2+'s component for the device itself; what stands beside the components goes there too."""

_CLOCK = "the device's clock, which tells nothing of the device"
_FIRMWARE = "the firmware, which `<device>/info` and `<device>/update` tell"

_UPTIME = Entity(device_class="duration", name="Uptime", diagnostic=True, enabled=False)

SYS = Table(
    fields=(
        Field("uptime", ("uptime",), positive, "s", _UPTIME),
        Field(
            "restart_required",
            ("restart_required",),
            boolean,
            "",
            flag("problem", "Restart required", diagnostic=True, enabled=False),
        ),
        # Gen1 tells the inner temperature once or twice; the second is the simpler form.
        Field("temperature", ("tmp",), gen1_celsius, "°C", INTERNAL_TEMPERATURE),
        Field("temperature", ("temperature",), celsius, "°C", INTERNAL_TEMPERATURE),
        Field(
            "overtemperature",
            ("overtemperature",),
            boolean,
            "",
            flag("heat", "Overheated", diagnostic=True),
        ),
        Field("overload", ("overload",), boolean, "", flag("problem", "Overload", diagnostic=True)),
        Field(
            "loaderror",
            ("loaderror",),
            boolean,
            "",
            flag("problem", "Load error", diagnostic=True),
        ),
        Field("voltage", ("voltage",), number, "V", VOLTAGE),
        Field("beta_version", ("update", "beta_version"), text),
        Field("update_status", ("update", "status"), text),
        Field("actions_skipped", ("actions_stats", "skipped"), positive),
    ),
    dropped={
        "time": _CLOCK,
        "unixtime": _CLOCK,
        "update.has_update": "the same as `has_update`",
        "update.new_version": _FIRMWARE,
        "update.old_version": _FIRMWARE,
        "fw_info": _FIRMWARE,
        **GEN1_CELSIUS,
        "ext_sensors": "the unit of readings in the device's own pages; ours are in °C",
    },
    numbered=False,
)

GEN1_OBJECTS = frozenset({"update", "actions_stats", "ext_sensors", "fw_info", "tmp"})
"""Objects of Gen1 that tell of the device itself."""

SYSTEM = Kind(
    "sys",
    "System",
    "The device itself.",
    (
        Origin("Gen1", SYSTEM_KEY, Form.SINGLE, SYS, place="all other members of the status"),
        Origin("Gen2", SYSTEM_KEY, Form.SINGLE, SYS),
    ),
)

_CONNECTED = Field(
    "connected",
    ("connected",),
    boolean,
    "",
    flag("connectivity", "Cloud", diagnostic=True, enabled=False),
)

_RSSI = Field("rssi", ("rssi",), signal, "dBm", SIGNAL)

WIFI = Kind(
    "wifi",
    "Wi-Fi",
    "The wireless network.",
    (
        Origin(
            "Gen1",
            "wifi_sta",
            Form.SINGLE,
            Table(fields=(_RSSI, Field("sta_ip", ("ip",), text)), numbered=False),
        ),
        Origin("Gen2", "wifi", Form.SINGLE, Table(fields=(_RSSI,), numbered=False)),
    ),
)

CLOUD = Kind(
    "cloud",
    "Cloud",
    "Shelly's cloud as the device sees it; it may be late by minutes.",
    (Origin("All", "cloud", Form.SINGLE, Table(fields=(_CONNECTED,), numbered=False)),),
)

_SCRIPT = Table(
    fields=(
        Field(
            "running",
            ("running",),
            boolean,
            "",
            flag("running", "Script", diagnostic=True, enabled=False),
        ),
    )
)


def _plain(name: str, title: str, text: str, form: Form = Form.SINGLE) -> Kind:
    """A component without readings: its members pass through."""
    table = Table(fields=(), numbered=form is not Form.SINGLE)
    return Kind(name, title, text, (Origin("Gen2", name, form, table),))


KINDS = (
    SYSTEM,
    WIFI,
    CLOUD,
    _plain("eth", "Ethernet", "The wired network."),
    _plain("mqtt", "MQTT", "The device's own connection to a broker."),
    _plain("ws", "WebSocket", "The device's own connection to a server."),
    _plain("ble", "Bluetooth", "The device's Bluetooth."),
    _plain("bthome", "BTHome", "The gateway for BLE devices."),
    _plain("blugw", "BLU gateway", "The gateway for BLU devices."),
    _plain("matter", "Matter", "The Matter network."),
    _plain("zigbee", "Zigbee", "The Zigbee network."),
    _plain("modbus", "Modbus", "The Modbus server."),
    _plain("knx", "KNX", "The KNX connection."),
    _plain("dali", "DALI", "The bus to the lamps."),
    _plain("media", "Media", "The player of a Wall Display."),
    _plain("service", "Service", "The program that makes the device what it is.", Form.COMPONENT),
    Kind(
        "script",
        "Script",
        "A script of the user's.",
        (Origin("Gen2", "script", Form.COMPONENT, _SCRIPT),),
    ),
)
