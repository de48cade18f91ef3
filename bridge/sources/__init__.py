"""The ways devices reach us: each a source behind the same small interface.

Sources know neither each other nor MQTT.
"""
