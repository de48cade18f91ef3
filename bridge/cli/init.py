"""`shelly-bridge init`: a few questions, and a configuration file with the answers."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge import config, log
from bridge.cli import trials
from bridge.cli.init_dialogue import Answers, ask_all
from bridge.cli.init_files import free_name, write_private
from bridge.cli.questions import Questions, at_a_terminal
from bridge.config import Config, environment, values
from bridge.config.example import render
from bridge.config.keys import SecretKey
from bridge.config.schema import leaves
from bridge.config.tree import label
from bridge.config.values import Wrong
from bridge.errors import ConfigError, StartError

WRONG_USAGE = 2
INTERRUPTED = 130

_NEEDED = {
    "mqtt.host": "where the broker is: --set mqtt.host=localhost",
    "integrator.tag": "what Shelly sent with the licence: --set integrator.tag=TAG",
    "integrator.token_file": "a file with the token: --set integrator.token_file=FILE",
    "": "where devices come from: --set accounts.home.email=NAME@EXAMPLE.ORG and "
    "--set accounts.home.password_file=FILE, or --set outbound.enabled=true, or "
    "--set integrator.tag=TAG and --set integrator.token_file=FILE",
}


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("init", help="ask a few questions and write a configuration")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="what to write; default: $SHELLY_BRIDGE_CONFIG, ./config.yaml",
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=_pair,
        dest="given",
        help="a value, such as mqtt.host=localhost; lists with commas; secrets as KEY_file=FILE; "
        "nothing is asked if the given ones are enough",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="overwrite what is there, also the files of the secrets",
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Write the file; 2 if what is given is wrong or not enough, and nobody can be asked."""
    log.configure("error", "text")
    ask = Questions()
    path = options.output or Path(os.environ.get(environment.CONFIG) or "config.yaml")
    _check_place(path, overwrite=options.force)
    given: dict[str, str] = dict(options.given)
    missing = _missing(given)
    wrong = [*_wrong(given, path.absolute().parent, enough=not missing)]
    if missing and not at_a_terminal():
        wrong += [f"missing: {_NEEDED[key]}" for key in missing]
        wrong.append("nobody can be asked, since this is no terminal")
    for line in wrong:
        print(f"shelly-bridge: {line}", file=sys.stderr)  # noqa: T201 - the command's output
    if wrong:
        return WRONG_USAGE
    answers = Answers(given)
    if missing:
        ask.say(f"This writes {path}. Enter takes what stands in brackets; Ctrl-C ends it, and")
        ask.say("nothing is written.")
        try:
            answers = ask_all(ask, given, path.absolute().parent)
        except (KeyboardInterrupt, EOFError) as end:
            ask.say()
            ask.say("Nothing was written.")
            return INTERRUPTED if isinstance(end, KeyboardInterrupt) else 1
    _write(ask, path, answers, overwrite=options.force)
    return 0


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        # The text is not repeated: it may be a secret.
        raise argparse.ArgumentTypeError("must be KEY=VALUE, such as mqtt.host=localhost")
    return key.strip(), value.strip()


def _check_place(path: Path, *, overwrite: bool) -> None:
    """Raise `StartError` before anything is asked for nothing."""
    directory = path.absolute().parent
    if path.is_dir():
        raise StartError(f"{path} is a directory; name a file")
    if not overwrite and (path.exists() or path.is_symlink()):
        text = "is there already; name another file with -o, or overwrite it with --force"
        raise StartError(f"{path} {text}")
    if not directory.is_dir():
        raise StartError(f"there is no directory {directory}; make it first")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StartError(f"in {directory} nothing can be written; name another file with -o")


def _missing(given: dict[str, str]) -> list[str]:
    """The keys of `_NEEDED` that are not given."""
    missing = [] if given.get("mqtt.host") else ["mqtt.host"]
    licence = any(key.startswith("integrator.") for key in given)
    if licence:
        missing += [key for key in ("integrator.tag", "integrator.token_file") if key not in given]
    others = any(key.startswith("accounts.") for key in given)
    local = given.get("outbound.enabled", "").lower() in ("true", "yes", "on")
    return missing if licence or others or local else [*missing, ""]


def _wrong(given: dict[str, str], directory: Path, *, enough: bool) -> Iterator[str]:
    """What is wrong with what is given."""
    known = dict(leaves())
    inline = [key for key in given if isinstance(known.get(key), SecretKey)]
    for key in inline:
        yield (
            f"--set {key}: every user of this machine sees what stands on a command line; write "
            f"the secret to a file, and give {key}_file"
        )
    for name in {key.split(".")[1] for key in given if key.startswith("accounts.")}:
        try:
            values.account(name)
        except Wrong as wrong:
            yield f"--set accounts.{label(name)}: the name {wrong}"
            return
    rest = {key: text for key, text in given.items() if key not in inline}
    try:
        render(rest)
        trials.loaded(rest if enough and not inline else trials.completed(rest), directory)
    except ConfigError as error:
        for problem in error.problems:
            # Of an unknown key the place is its name.
            yield f"--set {problem.key or problem.source}: {problem.text}"


def _write(ask: Questions, path: Path, answers: Answers, *, overwrite: bool) -> None:
    """Write everything, and say what comes next."""
    files: dict[Path, str] = {}
    written = dict(answers.values)
    for key, secret in answers.secrets.items():
        place = path.with_name(secret.file)
        if not overwrite or place in files:
            place = free_name(path.parent, secret.file, files)
        files[place] = f"{secret.text}\n"
        written[key] = place.name
    files[path] = render(written)
    write_private(files, overwrite=overwrite)
    loaded = config.load(path, os.environ)
    names = ", ".join(str(each) for each in files)
    ask.say()
    ask.say(f"Written, readable only for you: {names}")
    if os.geteuid() == 0:
        ask.say("A service that runs as another user must be allowed to read that as well.")
    ask.say()
    ask.say("What is next")
    steps = list(_steps(loaded, path))
    width = max(len(step) for step, _ in steps)
    for step, meaning in steps:
        ask.say(f"  {step:<{width}}  {meaning}")


def _steps(written: Config, path: Path) -> Iterator[tuple[str, str]]:
    """What to do then."""
    named = "" if _is_found(path) else f" -c {shlex.quote(str(path))}"
    yield f"shelly-bridge check{named}", "looks whether all is well"
    yield f"shelly-bridge run{named}", "runs the bridge"
    page = written.web.admin
    if page.enabled and page.listen.port:
        yield f"http://{page.listen}/", "its page, while it runs"
    for name, account in written.accounts.items():
        if account.email is None:
            yield f"shelly-bridge login {name}{named}", "logs in to the account by browser"
    if written.integrator is not None and written.web.public.url is not None:
        yield f"shelly-bridge consent-url{named}", "the address that owners of devices open"
    elif written.integrator is not None:
        yield f"web.public.url in {path}", "set it, and shelly-bridge consent-url has an address"
    if written.outbound.enabled:
        yield f"shelly-bridge enroll ADDRESS{named}", "has a device connect to the bridge"


def _is_found(path: Path) -> bool:
    """Whether the other commands find the file by themselves."""
    try:
        return config.find(None, os.environ).samefile(path)
    except (ConfigError, OSError):
        return False
