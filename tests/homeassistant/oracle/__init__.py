"""Judges MQTT messages with Home Assistant's own code; runs inside Home Assistant's Python.

Knows nothing of the bridge: JSON lines in, findings out (see `__main__`). It is copied next to an
installed `homeassistant` package, so it may import that, the standard library, and itself.
"""
