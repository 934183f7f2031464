"""The shell commands that README.md, CONTRIBUTING.md and docs/*.md show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = {
    "$EDITOR", "curl", "docker", "export", "git", "kubectl", "make", "mmkd", "pip", "pytest", "python", "prek", "ray",
    "serve", "source", "tensorboard", "uv",
}  # fmt: skip
"""What a command begins with; other lines of blocks are output, configuration or code."""
_SHELL = {"bash", "sh", "shell", "console"}
_ENVIRONMENT = re.compile(r"^(\w+=\S*\s+)+")
_INLINE = re.compile(r"`((?:\.venv/bin/)?(?:mmkd|make|python jobs/\w+\.py)(?: [^`]+)?)`")


@dataclass(frozen=True)
class Shown:
    """A command, without comments, environment variables and `.venv/bin/`."""

    place: str
    """File and line."""
    text: str

    @property
    def words(self) -> list[str]:
        """As a shell splits them."""
        return shlex.split(self.text)


def pages(repository: Path) -> list[Path]:
    """The documents whose commands count."""
    return [repository / "README.md", repository / "CONTRIBUTING.md", *sorted((repository / "docs").glob("*.md"))]


def commands(page: Path) -> list[Shown]:
    """The commands in the fenced and indented blocks of a page; what `&&` joins are several."""
    found = []
    for number, line in _lines_of_blocks(page.read_text(encoding="utf-8")):
        for part in _without_comment(line).split(" && "):
            text = _ENVIRONMENT.sub("", part.strip().removeprefix("$ ")).removeprefix(".venv/bin/")
            if text.split(" ")[0] in _PROGRAMS:
                found.append(Shown(f"{page.name}:{number}", text))
    return found


def inline_commands(page: Path) -> list[Shown]:
    """Commands of ours in the text of a page: `mmkd gc runs`."""
    found, fenced = [], False
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        fenced = fenced != line.startswith("```")
        if not fenced and not line.startswith("    "):
            found += [
                Shown(f"{page.name}:{number}", match.group(1).removeprefix(".venv/bin/"))
                for match in _INLINE.finditer(line)
            ]
    return found


def _lines_of_blocks(text: str) -> Iterator[tuple[int, str]]:
    """Lines of blocks that may hold commands, continued ones joined, with the number of their first."""
    language: str | None = None
    joined, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            language = line[3:].strip() if language is None else None
        elif language in {"", "text", *_SHELL} or (language is None and line.startswith("    ")):
            first = first if joined else number
            joined += line.strip()
            if joined.endswith("\\"):
                joined = joined[:-1].rstrip() + " "
                continue
            yield first, joined
            joined = ""


def _without_comment(line: str) -> str:
    """A comment is set off by two spaces."""
    return re.split(r"\s#\s|\s{2,}#", line)[0].rstrip()
