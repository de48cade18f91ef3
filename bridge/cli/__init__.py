"""The command `shelly-bridge`: its subcommands, its exit codes, and how errors are told.

0 done, 1 failed at run time, 2 wrong usage, 78 the configuration is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import bridge
from bridge.cli import check, consent_url, demo, devices, enroll, login, run, simulate
from bridge.cli.options import CommandParser
from bridge.errors import BridgeError, ConfigError
from bridge.store import DataDirError

WRONG_CONFIGURATION = 78
"""`EX_CONFIG` of sysexits: systemd must not start us again."""

_COMMANDS = (run, check, demo, simulate, consent_url, login, enroll, devices)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; known problems give one clear line each and no traceback."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code = int(options.execute(options))
        sys.stdout.flush()
    except ConfigError as error:
        for problem in error.problems:
            print(f"shelly-bridge: {problem}", file=sys.stderr)  # noqa: T201 - the command's output
        return WRONG_CONFIGURATION
    except DataDirError as error:
        print(f"shelly-bridge: {error}", file=sys.stderr)  # noqa: T201 - as above
        return WRONG_CONFIGURATION
    except BridgeError as error:
        print(f"shelly-bridge: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    except BrokenPipeError:
        # Whoever read our output has left; at its exit Python would try to write once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shelly-bridge",
        description="Puts Shelly's clouds and devices on MQTT, and takes commands back.",
    )
    parser.add_argument(
        "--version", action="version", version=f"shelly-bridge {bridge.__version__}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=CommandParser)
    for module in _COMMANDS:
        module.register(commands)
    return parser
