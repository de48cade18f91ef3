"""How fast the bridge is, beside a bare loop of the same libraries: `python -m benchmarks`.

No part of the program; nothing in `bridge/` knows of it.
"""
