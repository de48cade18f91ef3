"""Puts Shelly's clouds and devices on MQTT, and takes commands back."""

__version__ = "0.1.0"
