"""Simulated devices: how they behave (`things`), and how each generation tells of it."""
