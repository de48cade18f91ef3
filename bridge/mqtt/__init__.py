"""MQTT: what waits for the broker, and the connection that brings it there."""

from bridge.mqtt.client import MqttAdapter
from bridge.mqtt.connection import ConnectionSettings
from bridge.mqtt.outbox import Outbox

__all__ = ["ConnectionSettings", "MqttAdapter", "Outbox"]
