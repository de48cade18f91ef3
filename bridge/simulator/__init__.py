"""Simulated peers of the bridge, for the demo, for tests and for people without devices."""
