"""Links of Markdown pages: from where files are in the repository to where they are on the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

_LINK = re.compile(r"(\]\()([^)\s]+)(\))")


def rewritten(text: str, page: str, *, at: str, site_path: Callable[[str], str]) -> str:
    """A page with its links to files of the repository turned into links to pages.

    Args:
        text: Markdown; what is in fences stays.
        page: its path in the repository.
        at: its path on the site.
        site_path: gives the path on the site of a path in the repository.
    """

    def turned(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        path, anchor = _parts(target, page)
        if not path:
            return match.group()
        return f"{before}{posixpath.relpath(site_path(path), posixpath.dirname(at) or '.')}{anchor}{after}"

    return "\n".join(line if fenced else _LINK.sub(turned, line) for line, fenced in _lines(text))


def targets(text: str, page: str) -> list[str]:
    """The paths in the repository that a page links to."""
    found = (match.group(2) for line, fenced in _lines(text) if not fenced for match in _LINK.finditer(line))
    return [path for path, _ in (_parts(target, page) for target in found) if path]


def _parts(target: str, page: str) -> tuple[str, str]:
    """Path in the repository, and anchor; no path for a link to elsewhere or within the page."""
    if target.startswith("#") or "://" in target:
        return "", ""
    path, hash_, anchor = target.partition("#")
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), path)), f"{hash_}{anchor}"


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Lines, and whether each is code in a fence."""
    fenced = False
    for line in text.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
            yield line, True
        else:
            yield line, fenced
