"""Arguments that many commands take."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Argument, Option
from typer.core import TyperCommand

ConfigFile = Annotated[str, Argument(metavar="CONFIG", help="YAML file, e.g. configs/quickstart.yaml")]
Overrides = Annotated[
    list[str] | None,
    Argument(
        metavar="key.path=value|FILE.yaml",
        help="e.g. train.epochs=10; the values of a YAML file replace those of CONFIG",
        show_default=False,
    ),
]
Replace = Annotated[bool, Option("--replace", help="exchange the run's images for those of another source")]
RunFolder = Annotated[
    str, Argument(metavar="RUN|CONFIG", help="folder or URI of a run, e.g. runs/quickstart, or its YAML file")
]


def folder_of(place: str) -> str:
    """Of a run, given by its folder or by its configuration."""
    if not place.endswith((".yaml", ".yml")):
        return place
    from mmkd_ray.config import load
    from mmkd_ray.stages.opening import run_of

    return run_of(load(place)).folder.uri


class ManyValues(TyperCommand):
    """A command whose `--splits` takes several values: `--splits train val`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option for each of its values, as the parser wants it."""
        spelled: list[str] = []
        inside = False
        for place, word in enumerate(args):
            if word.startswith("-"):
                inside = word == "--splits"
            elif inside and args[place - 1] != "--splits":
                spelled.append("--splits")
            spelled.append(word)
        return super().parse_args(ctx, spelled)
