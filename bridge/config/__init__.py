"""The configuration: one strict YAML file, environment variables, and secrets in files.

`find` says which file, `load` makes a `Config` of it or raises `ConfigError` with every problem
at once. The keys are listed in `schema.py`. Knows nothing of what the rest does with the values.
"""

from bridge.config.loading import find, load
from bridge.config.model import Config, Listen
from bridge.config.secret import Secret

__all__ = ["Config", "Listen", "Secret", "find", "load"]
