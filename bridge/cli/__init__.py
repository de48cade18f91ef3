"""The command `shelly-bridge`: its subcommands, its exit codes, and how errors are told.

0 done, 1 failed at run time, 2 wrong usage, 78 the configuration is wrong.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

import bridge
from bridge import log
from bridge.cli import check, consent_url, demo, devices, enroll, init, login, run, simulate, store
from bridge.cli.options import CommandParser
from bridge.errors import BridgeError, ConfigError
from bridge.store import DataDirError

WRONG_CONFIGURATION = 78
"""`EX_CONFIG` of sysexits: systemd must not start us again."""

_log = logging.getLogger(__name__)

_COMMANDS = (run, check, init, demo, simulate, consent_url, login, enroll, devices, store)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; known problems give one clear line each and no traceback."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code = int(options.execute(options))
        sys.stdout.flush()
    except ConfigError as error:
        for problem in error.problems:
            _complain(problem)
        if hint := getattr(options, "when_wrong", None):
            _complain(hint)
        return WRONG_CONFIGURATION
    except DataDirError as error:
        _complain(error)
        return WRONG_CONFIGURATION
    except BridgeError as error:
        _complain(error)
        return 1
    except BrokenPipeError:
        # Whoever read our output has left; at its exit Python would try to write once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _complain(text: object) -> None:
    """A line on standard error, in the form that the log has there."""
    if log.in_json():
        _log.critical("%s", text)
    else:
        print(f"shelly-bridge: {text}", file=sys.stderr)  # noqa: T201 - the command's output


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
