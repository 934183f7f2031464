"""A notebook-style script as a page: its cells of text as Markdown, its cells of code in fences."""

from __future__ import annotations

import re

_CELL = re.compile(r"^# %%(.*)$", re.MULTILINE)


def as_markdown(script: str) -> str:
    """The page of a script with `# %%` cells; `# %% [markdown]` begins a cell of text, in comments."""
    _, *parts = _CELL.split(script)
    pages = [_cell(kind.strip(), body.strip("\n")) for kind, body in zip(parts[::2], parts[1::2], strict=True)]
    return "\n\n".join(pages) + "\n"


def _cell(kind: str, body: str) -> str:
    if kind == "[markdown]":
        return "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.split("\n"))
    title = f"## {kind}\n\n" if kind else ""
    return f"{title}```python\n{body}\n```"
