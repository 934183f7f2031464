"""`mmkd aspects CONFIG`, a command of its own, and `mmkd aspects score | audit CONFIG` below it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from typer import Typer
from typer.core import TyperGroup

from mmkd_ray.cli.stage_commands import command_of
from mmkd_ray.stages import STAGES

_SELECT = "select"
"""Inner name of the command that has none."""


class QuestionsGroup(TyperGroup):
    """A group whose first word may be a sub-command; else it is the CONFIG of `aspects` itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command itself in front, where no other is named."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            near = difflib.get_close_matches(args[0], ["score", "audit"], n=1)
            if near and args[0].isalpha() and not Path(args[0]).exists():
                ctx.fail(f"No such command or file: '{args[0]}'; did you mean '{near[0]}'?")
            args = [_SELECT, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The sub-command; nobody shall read the inner name of the command itself in a usage line."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == _SELECT else name, command, rest


def questions_app() -> Typer:
    """The group."""
    select = STAGES["aspects"]
    app = Typer(
        cls=QuestionsGroup,
        subcommand_metavar="(CONFIG [key.path=value|FILE.yaml]... | score ... | audit ...)",
        help=f"{select.help[0].upper()}{select.help[1:]}: `mmkd aspects CONFIG`; and two commands that look at them.",
    )
    app.command(_SELECT, hidden=True)(command_of(select))
    for command in ("aspects score", "aspects audit"):
        app.command(STAGES[command].name)(command_of(STAGES[command]))
    return app
