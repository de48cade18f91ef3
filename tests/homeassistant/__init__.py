"""The discovery and state messages as Home Assistant itself judges them: see `ha_check`."""
