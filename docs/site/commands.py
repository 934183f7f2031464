"""The reference of all commands, from the command line's own help: one Markdown page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from mmkd_ray.cli.app import PANELS, app

_INTRODUCTION = """# Commands

What `mmkd --help` and `mmkd COMMAND --help` say. Each stage is also a script for `ray job submit`:
`python jobs/COMMAND.py`, with the same arguments.
"""


def commands() -> str:
    """The page."""
    root: Any = get_command(app)
    lines, panel = [_INTRODUCTION], ""
    for name, of_panel in PANELS.items():
        lines += [] if of_panel == panel else [f"## {of_panel}\n"]
        panel = of_panel
        lines += _shown(f"mmkd {name}", root.commands[name])
    return "\n".join(lines)


def _shown(name: str, command: Any) -> Iterator[str]:
    yield f"### `{name}`\n\n{command.help}\n"
    parameters = [one for one in command.params if not one.hidden]
    if parameters:
        yield "| | |\n|---|---|"
        yield from (f"| {_name(one)} | {_cell(one.help)} |" for one in parameters)
        yield ""
    for inner, found in getattr(command, "commands", {}).items():
        if not found.hidden:
            yield from _shown(f"{name} {inner}", found)


def _name(parameter: Any) -> str:
    metavar = _cell(parameter.metavar)
    if parameter.param_type_name == "argument":
        return f"`{metavar or parameter.name.upper()}`"
    default = "" if parameter.default in (None, False) else f" (default `{parameter.default}`)"
    return f"`{', '.join(parameter.opts)}{f' {metavar}' if metavar else ''}`{default}"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")
