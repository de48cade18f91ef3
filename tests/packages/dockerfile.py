"""Reads a Dockerfile and judges it by the rules that its linters have; no engine is needed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

KNOWN = {
    *("FROM", "RUN", "CMD", "LABEL", "EXPOSE", "ENV", "COPY", "ENTRYPOINT", "VOLUME", "USER"),
    *("WORKDIR", "ARG", "STOPSIGNAL", "HEALTHCHECK", "SHELL"),
}
"""Without `ADD`, which downloads and unpacks, and what is out of date."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, and all that follows, on one line."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """What follows without options such as `--from=…`: words, or the list in brackets."""
        rest = re.sub(r"^(--[a-z-]+=\S+\s+)+", "", self.text)
        return list(json.loads(rest)) if rest.startswith("[") else rest.split()

    def option(self, name: str) -> str | None:
        """The value of an option."""
        found = re.search(rf"(?:^|\s)--{name}=(\S+)", self.text)
        return found[1] if found else None


def read(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, in order."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    pairs = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [Instruction(name, rest.strip()) for name, _, rest in pairs]


def stages(instructions: list[Instruction]) -> list[list[Instruction]]:
    """The instructions of each stage, beginning with its `FROM`."""
    found: list[list[Instruction]] = []
    for each in instructions:
        if each.name == "FROM":
            found.append([])
        if found:
            found[-1].append(each)
    return found


def context_files(instructions: list[Instruction]) -> list[str]:
    """What is copied out of the project."""
    copies = [each for each in instructions if each.name == "COPY" and not each.option("from")]
    return [source for each in copies for source in each.words[:-1]]


def ignored(name: str, patterns: str) -> bool:
    """Whether a file at the top of the project is kept back by a `.dockerignore`."""
    back = False
    for line in patterns.splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#") and fnmatch(name, pattern.removeprefix("!")):
            back = not pattern.startswith("!")
    return back


def problems(text: str, patterns: str, root: Path) -> list[str]:
    """What is wrong with a Dockerfile and a `.dockerignore` of a project."""
    instructions = read(text)
    if not instructions or instructions[0].name != "FROM":
        return ["it does not begin with FROM"]
    wrong = [f"{each.name} is not wanted" for each in instructions if each.name not in KNOWN]
    for source in context_files(instructions):
        if not (root / source).exists():
            wrong.append(f"{source} does not exist")
        if ignored(source.rstrip("/").split("/")[0], patterns):
            wrong.append(f"{source} is kept back by .dockerignore")
    return wrong + _images(stages(instructions)) + _last(stages(instructions)[-1]) + _runs(text)


def _images(found: list[list[Instruction]]) -> list[str]:
    wrong, names = [], set()
    for stage in found:
        image, *named = stage[0].words
        if image not in names and not re.fullmatch(r"[a-z/-]+:\d+\.\d+(-[a-z0-9]+)+", image):
            wrong.append(f"{image} names no version")
        names |= set(named[1:])
        for each in stage:
            source = each.option("from") if each.name == "COPY" else None
            if source is not None and source not in names:
                wrong.append(f"there is no stage {source}")
    return wrong


def _last(stage: list[Instruction]) -> list[str]:
    """The stage that is the image."""
    names = [each.name for each in stage]
    once = ("USER", "HEALTHCHECK", "ENTRYPOINT", "VOLUME")
    wrong = [f"{name} is not there once" for name in once if names.count(name) != 1]
    users = [each.text for each in stage if each.name == "USER"]
    if users and not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", users[-1]):
        wrong.append("the user is root, or only a name, which no engine can judge")
    if users and "RUN" in names[names.index("USER") :]:
        wrong.append("something runs after USER")
    return wrong + [
        f"{each.name} is run by a shell, which keeps signals back"
        for each in stage
        if each.name in ("ENTRYPOINT", "CMD") and not each.text.startswith("[")
    ]


def _runs(text: str) -> list[str]:
    wrong = []
    for each in read(text):
        if each.name == "RUN" and "pip" in each.text and "--no-cache-dir" not in each.text:
            wrong.append("pip leaves its cache in the image")
        if each.name == "RUN" and re.search(r"\b(sudo|curl|wget)\b|apt-get upgrade", each.text):
            wrong.append(f"RUN {each.text} is not repeatable or not safe")
        if each.name == "ENV" and re.search(r"(?i)token|password|secret", each.text):
            wrong.append("a secret is in the environment of the image")
        if each.name == "WORKDIR" and not each.text.startswith("/"):
            wrong.append("WORKDIR is not absolute")
    return wrong
