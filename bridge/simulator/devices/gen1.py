"""What a Gen1 device tells besides its channels, and which of it an event carries.

(Shelly docs, Gen1 `/status`, `/settings`; the cloud passes them on.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bridge.simulator.devices import private
from bridge.simulator.devices.base import (
    Channel,
    Device,
    Identity,
    Json,
    Status,
    Surroundings,
)
from bridge.simulator.devices.things import Actuator

_FIRMWARE = "20230913-112234/v1.14.0-gcb84623"

# The keys of a status that an event carries; the others only come with the whole status.
_MEASURING = frozenset(
    {
        *("relays", "rollers", "lights", "meters", "emeters", "emeter_n", "total_power", "inputs"),
        *("temperature", "overtemperature", "tmp", "hum", "bat", "lux", "sensor", "accel"),
        *("voltage", "mode", "input", "temperature_status", "smoke", "flood", "rain_sensor"),
        *("gas_sensor", "concentration", "valves", "thermostats", "charger", "calibrated"),
    }
)


class Gen1Device(Device):
    """A device of the first generation."""

    generation = "G1"
    source = "cloud"

    def __init__(
        self,
        identity: Identity,
        channels: Sequence[Channel],
        world: Surroundings,
        *,
        scalars: Mapping[str, Json],
        mode: str | None = None,
        sleeps: bool = False,
    ) -> None:
        """`scalars` are members of the status of its own; `mode` is told in the settings."""
        self._scalars = dict(scalars)
        self._mode = mode
        self._serial = 1
        super().__init__(identity, channels, world, sleeps=sleeps)

    def changes(self, *, whole: bool = False) -> Status:
        """All measuring keys, or nothing if none of them changed."""
        now = self._components()
        if not whole and now == self.told:
            return {}
        self._serial += 1
        return self.status() if whole else self._measuring(now)

    def excerpt(self, _channel: Channel) -> Status:
        """All measuring keys, as in every event."""
        return self._measuring(self._components())

    def _measuring(self, components: Status) -> Status:
        measured = {key: value for key, value in components.items() if key in _MEASURING}
        return measured | {"serial": self._serial}

    def _components(self) -> Status:
        return super()._components() | self._scalars

    def _surroundings(self) -> Status:
        now = self.world.now()
        mac = self.identity.extra["mac"].upper()
        return {
            "wifi_sta": {
                "connected": True,
                "ssid": "Simulated",
                "ip": "192.0.2.17",
                "rssi": -57,
            },
            "cloud": {"enabled": True, "connected": True},
            "mqtt": {"connected": False},
            "time": datetime.fromtimestamp(now, UTC).strftime("%H:%M"),
            "unixtime": int(now),
            "serial": self._serial,
            "has_update": False,
            "mac": mac,
            "cfg_changed_cnt": 0,
            "actions_stats": {"skipped": 0},
            "update": {
                "status": "idle",
                "has_update": False,
                "new_version": _FIRMWARE,
                "old_version": _FIRMWARE,
            },
            "getinfo": {
                "fw_info": {"device": f"{self.identity.prefix}-{mac}", "fw": _FIRMWARE},
            },
            "ram_total": 50720,
            "ram_free": 37112,
            "fs_size": 233681,
            "fs_free": 146333,
            "uptime": int(now - self.born) + 600,
        }

    def settings(self) -> Status:
        """As `/settings` has them."""
        mac = self.identity.extra["mac"].upper()
        name = self.identity.names[0] if self.identity.names else None
        return {
            "device": {
                "type": self.code,
                "mac": mac,
                "hostname": f"{self.identity.prefix}-{mac}",
                "num_outputs": sum(
                    isinstance(channel.thing, Actuator) for channel in self.channels
                ),
            },
            "wifi_ap": {
                "enabled": False,
                "ssid": f"{self.identity.prefix}-{mac}",
                "key": private.ACCESS_POINT_KEY,
            },
            "wifi_sta": {"enabled": True, "ssid": private.WIFI_NAME, "key": private.WIFI_KEY},
            "mqtt": {
                "enable": False,
                "server": private.MQTT_SERVER,
                "user": private.MQTT_USER,
                "pass": private.MQTT_WORD,
            },
            "login": {"enabled": True, "unprotected": False, "username": private.LOGIN},
            "pin_code": private.PIN,
            "name": name,
            "fw": _FIRMWARE,
            "cloud": {"enabled": True, "connected": True},
            "timezone": "Europe/Vienna",
            "lat": private.LATITUDE,
            "lng": private.LONGITUDE,
            **({"sleep_mode": {"period": 12, "unit": "h"}} if self.sleeps else {}),
            **({} if self._mode is None else {"mode": self._mode}),
            **self._configured(),
        }
