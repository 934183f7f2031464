"""The Markdown pages of the site: those of the repository, one source each, and those that are made of code."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from docs.site.commands import commands
from docs.site.examples import as_markdown
from docs.site.links import rewritten, targets
from docs.site.reference import reference

REPOSITORY = Path(__file__).parents[2]
_OF_THE_TOP = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
_ASSETS = {".png", ".svg", ".json", ".yaml"}
_FILES = "files"
"""Folder of the pages that show single files of the repository, which other pages link to."""
_API = """# Python

::: mmkd_ray.api
    options:
      heading_level: 2

## A trained student

::: mmkd_ray.students.bundle
    options:
      heading_level: 3
      members: [load_bundle, Bundle, Prediction]
"""


def write_pages(folder: Path) -> None:
    """Write all pages and what they show into an empty folder."""
    for path, content in _pages():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())


def site_path(path: str) -> str:
    """Where a file or folder of the repository is on the site."""
    if path in _OF_THE_TOP:
        return _OF_THE_TOP[path]
    if path == "docs/benchmarks":
        return "benchmarks/index.md"
    if path.startswith("docs/examples/") and path.endswith(".py"):
        return f"{path.removeprefix('docs/').removesuffix('.py')}.md"
    if path.startswith("docs/") and not path.endswith(".py"):
        return path.removeprefix("docs/")
    return f"{_FILES}/{path}.md"


def _pages() -> Iterator[tuple[str, str | bytes]]:
    sources = [*_OF_THE_TOP, *_found(".md")]
    texts = {source: (REPOSITORY / source).read_text(encoding="utf-8") for source in sources}
    examples = sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs/examples").glob("*.py"))
    texts |= {source: as_markdown((REPOSITORY / source).read_text(encoding="utf-8")) for source in examples}
    for source, text in texts.items():
        at = site_path(source)
        yield at, rewritten(text, source, at=at, site_path=site_path)
    yield from ((site_path(path), (REPOSITORY / path).read_bytes()) for suffix in _ASSETS for path in _found(suffix))
    yield "keys.md", reference()
    yield "commands.md", commands()
    yield "api.md", _API
    yield "benchmarks/index.md", _benchmarks()
    linked = {path for source, text in texts.items() for path in targets(text, source)}
    yield from _linked_files(sorted(linked))


def _found(suffix: str) -> list[str]:
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs").rglob(f"*{suffix}"))


def _benchmarks() -> str:
    lines = ["# Benchmarks", "", "What was measured, on which machine, by which command; the newest first.", ""]
    for path in reversed(_found(".md")):
        if path.startswith("docs/benchmarks/"):
            title = (REPOSITORY / path).read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")
            day = posixpath.basename(path)[:10]
            lines.append(f"- [{title}]({posixpath.basename(path)}){'' if day in title else f' ({day})'}")
    return "\n".join([*lines, ""])


def _linked_files(paths: list[str]) -> Iterator[tuple[str, str]]:
    """Pages of files and folders that are no pages of their own; one that is not there is left to the strict build."""
    for path in paths:
        at, place = site_path(path), REPOSITORY / path
        if not at.startswith(f"{_FILES}/"):
            continue
        if place.is_file() and place.suffix == ".md":
            text = place.read_text(encoding="utf-8")
            yield at, rewritten(text, path, at=at, site_path=site_path)
        elif place.is_file():
            yield at, _shown(path, place)
        elif place.is_dir():
            files = sorted(file for file in place.iterdir() if file.suffix in {".py", ".yaml"})
            links = [f"- [{file.name}]({place.name}/{file.name}.md)" for file in files]
            yield at, "\n".join([f"# {path}", "", *links, ""])
            yield from ((f"{_FILES}/{path}/{file.name}.md", _shown(f"{path}/{file.name}", file)) for file in files)


def _shown(path: str, place: Path) -> str:
    language = {".py": "python", ".yaml": "yaml"}.get(place.suffix, "text")
    return f"# {path}\n\n````{language}\n{place.read_text(encoding='utf-8').rstrip()}\n````\n"
