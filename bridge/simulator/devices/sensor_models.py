"""The Gen2+ models that measure, warn, gather or heat, by Shelly's published codes."""

from __future__ import annotations

from collections.abc import Callable

from bridge.simulator.devices import gen2_sensors
from bridge.simulator.devices.base import Channel
from bridge.simulator.devices.model import Model


def _model(
    code: str,
    title: str,
    kind: str,
    prefix: str,
    app: str,
    make: Callable[[], list[Channel]],
    *,
    sleeps: bool = False,
) -> Model:
    """A model in one profile, to which no option matters."""
    return Model(code, "", title, kind, prefix, lambda _options: make(), app=app, sleeps=sleeps)


MODELS = (
    _model(
        *("SNSN-0031Z", "Shelly Plus Smoke", "sensor", "shellyplussmoke", "PlusSmoke"),
        gen2_sensors.smoke,
        sleeps=True,
    ),
    _model(
        *("S4SN-0071A", "Shelly Flood Gen4", "sensor", "shellyfloodg4", "FloodSensorG4"),
        gen2_sensors.flood,
        sleeps=True,
    ),
    _model(
        *("S4SN-0U61X", "Shelly Presence Gen4", "sensor", "shellypresence", "PresenceG4"),
        gen2_sensors.presence,
    ),
    _model(
        *("S3PM-001PCEU16", "Shelly PM Mini Gen3", "emeter", "shellypmminig3", "MiniPMG3"),
        gen2_sensors.power_meter,
    ),
    _model(
        *("S3EM-002CXCEU", "Shelly EM Gen3", "emeter", "shellyemg3", "EMG3"),
        gen2_sensors.two_clamps,
    ),
    _model(
        *("SPCB-01VENEU", "Shelly Pro 1CB", "relay", "shellypro1cb", "ProCB"),
        gen2_sensors.breaker,
    ),
    _model(
        *("S4PB-00CU000002", "Shelly Cury", "sensor", "shellycury", "Cury"),
        gen2_sensors.scent,
    ),
    _model(
        *("SNSN-0043X", "Shelly Plus Uni", "relay", "shellyplusuni", "PlusUni"),
        gen2_sensors.universal,
    ),
    _model(
        *("SAWD-0A1XX10EU1", "Shelly Wall Display", "relay", "ShellyWallDisplay", "WallDisplay"),
        gen2_sensors.wall_panel,
    ),
    _model(
        *("S3SW-001P16EU", "Shelly 1PM Gen3", "relay", "shelly1pmg3", "S1PMG3"),
        gen2_sensors.with_virtual,
    ),
    _model(
        *("S3XT-0S", "Room thermostat", "sensor", "st1820", "XT1"),
        gen2_sensors.service_thermostat,
    ),
    _model(
        *("S3GW-1DBT001", "Shelly BLU Gateway Gen3", "sensor", "shellyblugwg3", "BluGwG3"),
        gen2_sensors.gateway,
    ),
)
