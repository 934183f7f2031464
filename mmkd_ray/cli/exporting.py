"""The command that takes a student out of its run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import BadParameter, Option

from mmkd_ray.cli.arguments import Overrides, RunFolder
from mmkd_ray.cli.request import Request

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Run
    from mmkd_ray.config import Config
    from mmkd_ray.console import Console
    from mmkd_ray.students.card import Card


def _seed(text: str) -> str:
    if text != "best" and not text.isdecimal():
        raise BadParameter(f"got '{text}'; accepted are a number, or best")
    return text


def export(
    run: RunFolder,
    to: Annotated[
        str, Option(metavar="DIR", help="folder to write: new, empty, or an earlier export", show_default=False)
    ],
    overrides: Overrides = None,
    format_: Annotated[Literal["timm", "torch", "onnx"], Option("--format", help="what is to load it")] = "timm",
    precision: Annotated[
        Literal["float32", "float16", "int8"], Option(help="of the weights; int8 with --format onnx")
    ] = "float32",
    aspects: Annotated[bool, Option("--aspects", help="also the answers to the questions, after the classes")] = False,
    arm: Annotated[str | None, Option(help="of the study; makd if unset and there", show_default=False)] = None,
    seed: Annotated[
        str, Option(callback=_seed, metavar="best|N", help="best: the best on the validation split")
    ] = "best",
    variant: Annotated[str | None, Option(help="of the study; the first if unset", show_default=False)] = None,
) -> Request:
    """Write a finished student as others load it: a timm folder, a torch.export program, an ONNX model."""
    choice = {"format": format_, "precision": precision, "aspects": aspects, "arm": arm, "variant": variant}
    return Request(partial(_export, run, to, overrides or (), seed=seed, choice=choice))


def _export(place: str, to: str, overrides: Sequence[str], *, seed: str, choice: dict[str, Any]) -> int:
    from mmkd_ray.cli.running import run_logged
    from mmkd_ray.stages.opening import configured_run

    config, run = configured_run(place, overrides)
    choice["seed"] = "best" if seed == "best" else int(seed)
    work = partial(_write, config, run, to, choice)
    return run_logged(work, "export", place, run.folder.uri, folder=None)


def _write(config: Config, run: Run, to: str, choice: dict[str, Any], console: Console) -> None:
    from mmkd_ray.stages.opening import prepare_environment

    prepare_environment(config)
    from mmkd_ray.console import Table
    from mmkd_ray.exports.exporting import Wanted, export_student

    found = export_student(config, run, to, Wanted(**choice))
    console.say(f"student   {found.card.name}")
    console.say(f"export    {found.place}: {found.card.form}, {found.card.precision}, {_outputs(found.card)}")
    console.say(f"verified  {found.sentence}\n")
    console.say(Table(("", "export", "student"), found.rows, right=frozenset({1, 2})))
    console.say(f"\nmodel card: {found.place}/README.md")


def _outputs(card: Card) -> str:
    questions = f" and {len(card.questions)} questions" if card.questions else ""
    return f"{card.classes} classes{questions}"
