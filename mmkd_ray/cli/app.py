"""The commands: one for each stage, and those around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from typer import Exit, Option, Typer
from typer.core import TyperGroup

from mmkd_ray import __version__
from mmkd_ray.cli import answers, exporting, looking, maintaining, predicting, serving, whole
from mmkd_ray.cli.arguments import ManyValues
from mmkd_ray.cli.questions import questions_app
from mmkd_ray.cli.request import Request
from mmkd_ray.cli.stage_commands import command_of
from mmkd_ray.stages import STAGES

_GROUPS = {
    "Run": ("run", "images"),
    "Questions": ("aspects",),
    "Teacher": ("plan", "extract", "verify", "import-teacher", "export-teacher"),
    "Study": ("study", "train", "tune", "evaluate", "report", "compare"),
    "Use a student": ("export", "predict", "serve"),
    "Look and maintain": ("config", "doctor", "gc", "fieldguide"),
}
PANELS = {command: panel for panel, commands in _GROUPS.items() for command in commands}
"""The panel of the help that each command stands in, in order."""


class OrderedGroup(TyperGroup):
    """Commands in the order of the table below: the library would show groups after all single commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in order."""
        return sorted(super().list_commands(ctx), key=list(PANELS).index)


app = Typer(
    name="mmkd",
    cls=OrderedGroup,
    help="Distil a multimodal LLM into a small vision model.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mmkd_ray {__version__}")
        raise Exit


@app.callback()
def _options(
    version: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def _add(name: str, function: Callable[..., Request], **settings: Any) -> None:
    app.command(name, rich_help_panel=PANELS[name], **settings)(function)


for _name in ("images", "extract", "train", "tune", "evaluate", "report"):
    _add(_name, command_of(STAGES[_name]))
_add("run", whole.run)
_add("study", whole.study)
_add("plan", whole.plan)
_add("verify", answers.verify)
_add("import-teacher", answers.import_teacher)
_add("export-teacher", answers.export_teacher, cls=ManyValues)
_add("export", exporting.export)
_add("predict", predicting.predict)
_add("serve", serving.serve)
_add("config", looking.config)
_add("compare", looking.compare)
_add("doctor", looking.doctor)
_add("gc", maintaining.gc)
app.add_typer(questions_app(), name="aspects", rich_help_panel=PANELS["aspects"])
app.add_typer(looking.fieldguide, name="fieldguide", rich_help_panel=PANELS["fieldguide"])
