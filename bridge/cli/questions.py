"""Questions at a terminal: asked again until the answer is fit, secrets without echo."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping, Sequence

from bridge.config import files
from bridge.config.values import Wrong

_YES = frozenset({"y", "yes"})
_NO = frozenset({"n", "no"})

Read = Callable[[str], object]
"""Raises `Wrong` for an answer that cannot be meant."""


class Questions:
    """Asks whoever sits at the terminal.

    All raise `KeyboardInterrupt` for Ctrl-C and `EOFError` for Ctrl-D. An empty answer takes the
    default, which stands in brackets.
    """

    def say(self, text: str = "") -> None:
        """One line, without anything that a terminal would obey."""
        shown = "".join(char if char.isprintable() else " " for char in text)
        print(shown, flush=True)  # noqa: T201 - the command's output

    def text(self, prompt: str, read: Read, default: str = "", *, needed: bool = True) -> str:
        """An answer that `read` takes; empty only if it is not `needed`."""
        shown = f"{prompt} [{default}]: " if default else f"{prompt}: "
        while True:
            answer = self._line(shown) or default
            if not answer and not needed:
                return ""
            try:
                read(answer)
            except Wrong as wrong:
                self.say(f"  It {wrong}.")
            else:
                return answer

    def secret(self, prompt: str) -> str:
        """A secret; what is typed is not shown."""
        while True:
            try:
                answer = getpass.getpass(f"{prompt} (not shown): ")
                return files.secret(answer, "what was typed").reveal()
            except UnicodeDecodeError:
                self.say("  That is not UTF-8 text; set the terminal to UTF-8.")
            except Wrong as wrong:
                self.say(f"  Type it once more: {wrong}.")

    def yes(self, prompt: str, *, default: bool) -> bool:
        """Yes or no."""
        shown = f"{prompt} [{'Y/n' if default else 'y/N'}]: "
        while True:
            answer = self._line(shown).lower()
            if not answer:
                return default
            if answer in _YES | _NO:
                return answer in _YES
            self.say("  Please answer y (yes) or n (no).")

    def some(self, choices: Mapping[str, str], default: Sequence[str]) -> list[str]:
        """One or more of the choices, in their order, by number or name."""
        width = max(map(len, choices))
        for number, (name, meaning) in enumerate(choices.items(), 1):
            self.say(f"  {number}  {name:<{width}}  {meaning}")
        names = list(choices)
        known = {str(number): name for number, name in enumerate(names, 1)}
        known |= {name: name for name in names}
        shown = f"Which, if several with commas [{','.join(default)}]: "
        while True:
            words = self._line(shown).lower().replace(",", " ").split() or list(default)
            wrong = [word for word in words if word not in known]
            if not wrong:
                chosen = {known[word] for word in words}
                return [name for name in names if name in chosen]
            self.say(f"  Give numbers from 1 to {len(names)}, or names, such as 1,2.")

    def _line(self, shown: str) -> str:
        while True:
            try:
                return input(shown).strip()
            except UnicodeDecodeError:
                self.say("  That is not UTF-8 text; set the terminal to UTF-8.")


def at_a_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()
