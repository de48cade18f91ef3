"""What a Gen2, Gen3 or Gen4 device tells besides its channels, and what an event carries.

(Shelly docs, Gen2 Sys, WiFi, Shelly.GetConfig; the cloud adds `id`, `code`, `ts`, `serial`.)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from bridge.simulator.devices import private, rpc
from bridge.simulator.devices.base import Channel, Detail, Device, Native, Status

FIRMWARE = "1.7.5"

_FIRMWARE_ID = "20260311-095847/1.7.5-g9979d16"
_WAKEUP_PERIOD = 7200


class Gen2Device(Device):
    """A device whose status is a set of components."""

    native: ClassVar[Native | None] = staticmethod(rpc.call)

    def changes(self, *, whole: bool = False) -> Status:
        """What changed, as much of it as the world's `detail` says, with the cloud's own keys."""
        detail = Detail.WHOLE if whole else self.world.detail
        part = _difference(self.told, self._components(), members=detail is Detail.MEMBERS)
        if not part and not whole:
            return {}
        return part | self._stamp() if detail is not Detail.WHOLE else self.status() | part

    def excerpt(self, channel: Channel) -> Status:
        """See `Device`."""
        return super().excerpt(channel) | self._stamp()

    def _stamp(self) -> Status:
        now = round(self.world.now(), 2)
        return {"id": self.hex_id, "code": self.code, "ts": now, "serial": now}

    def _surroundings(self) -> Status:
        now = self.world.now()
        system: Status = {
            "mac": self.hex_id.upper(),
            "restart_required": False,
            "time": datetime.fromtimestamp(now, UTC).strftime("%H:%M"),
            "unixtime": int(now),
            "last_sync_ts": int(self.born),
            "uptime": int(now - self.born) + 600,
            "ram_size": 250596,
            "ram_free": 127644,
            "ram_min_free": 102668,
            "fs_size": 393216,
            "fs_free": 126976,
            "cfg_rev": 27,
            "kvs_rev": 0,
            "schedule_rev": 1,
            "webhook_rev": 0,
            "btrelay_rev": 0,
            # The cloud's PHP makes an empty array of every empty object.
            "available_updates": [],
            "reset_reason": 3,
            "utc_offset": 7200,
        }
        if self.sleeps:
            system["wakeup_reason"] = {"boot": "deepsleep_wake", "cause": "status_update"}
            system["wakeup_period"] = _WAKEUP_PERIOD
        wifi = {
            "sta_ip": "192.0.2.18",
            "status": "got ip",
            "ssid": "Simulated",
            "bssid": "02:00:5e:10:00:01",
            "rssi": -49,
        }
        return {
            "ble": [],
            "cloud": {"connected": True},
            "mqtt": {"connected": False},
            "sys": system,
            "wifi": wifi,
            "ws": {"connected": False},
            **({"ht_ui": []} if self.sleeps else {}),
            **self._stamp(),
        }

    def settings(self) -> Status:
        """As `Shelly.GetConfig` has them, with the cloud's `DeviceInfo`."""
        name = self.identity.names[0] if self.identity.names else None
        own_id = f"{self.identity.prefix}-{self.hex_id}"
        station = {"ssid": private.WIFI_NAME, "pass": private.WIFI_KEY, "enable": True}
        return {
            "ble": {"enable": False, "rpc": {"enable": False}},
            "cloud": {"enable": True, "server": f"{self.host}:6022/jrpc"},
            "mqtt": {
                "enable": False,
                "server": private.MQTT_SERVER,
                "client_id": own_id,
                "user": private.MQTT_USER,
                "pass": private.MQTT_WORD,
            },
            "sys": {
                "device": {
                    "name": name,
                    "mac": self.hex_id.upper(),
                    "fw_id": _FIRMWARE_ID,
                    "profile": self.identity.extra.get("profile"),
                },
                "location": {"lat": private.LATITUDE, "lon": private.LONGITUDE},
                "cfg_rev": 27,
            },
            "wifi": {
                "ap": {"ssid": own_id, "pass": private.ACCESS_POINT_KEY, "enable": False},
                "sta": station,
            },
            "ws": {"enable": False, "server": None},
            **self._configured(),
            "DeviceInfo": {
                "name": name,
                "id": own_id,
                "mac": self.hex_id.upper(),
                "model": self.code,
                "gen": int(self.code[1]) if self.code[1].isdecimal() else 2,
                "fw_id": _FIRMWARE_ID,
                "ver": FIRMWARE,
                "app": self.identity.app,
                "auth_en": False,
            },
        }


def _difference(old: Status, new: Status, *, members: bool) -> Status:
    """The components of `new` that differ, or only their members that do; gone ones are null."""
    part: Status = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if value == before:
            continue
        if not isinstance(before, dict) or not isinstance(value, dict):
            part[key] = value
            continue
        gone = {member: None for member in before if member not in value}
        part[key] = gone | {
            member: item
            for member, item in value.items()
            if not members or member == "id" or item != before.get(member)
        }
    return part
