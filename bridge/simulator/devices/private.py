"""Made-up secrets and private data in the settings of simulated devices.

Real settings hold them too. A test may search everything that the bridge lets out for
`CANARIES`; none of them may appear.
"""

from __future__ import annotations

WIFI_NAME = "canary-wifi-name"
WIFI_KEY = "canary-wifi-key"
ACCESS_POINT_KEY = "canary-access-point-key"
MQTT_SERVER = "canary-broker.example:1883"
MQTT_USER = "canary-mqtt-user"
MQTT_WORD = "canary-mqtt-word"
LOGIN = "canary-login"
PIN = "canary-pin"
BLE_KEY = "canary-ble-key"
LATITUDE = 48.208471
LONGITUDE = 16.372719

CANARIES = (
    *(WIFI_NAME, WIFI_KEY, ACCESS_POINT_KEY, MQTT_SERVER, MQTT_USER, MQTT_WORD),
    *(LOGIN, PIN, BLE_KEY, str(LATITUDE), str(LONGITUDE)),
)
"""As text; any of them outside of the simulated world is a leak."""
