"""A command for each stage, made from the stage itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from typer import Option

from mmkd_ray.cli.arguments import ConfigFile, Overrides
from mmkd_ray.cli.request import Request
from mmkd_ray.cli.running import run_work
from mmkd_ray.stages import Stage

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Run
    from mmkd_ray.config import Config
    from mmkd_ray.console import Console


def command_of(stage: Stage) -> Callable[..., Request]:
    """A function with a signature that the parser reads: CONFIG, overrides, and the stage's options."""
    hints = get_type_hints(type(stage))
    parameters = [
        _parameter("config", ConfigFile),
        _parameter("overrides", Overrides, None),
        *(_parameter(one.name, _option(one, hints[one.name]), one.default) for one in fields(stage)),
    ]

    def command(config: str, overrides: list[str] | None = None, **options: Any) -> Request:
        work = partial(_run, replace(stage, **options))
        call = partial(run_work, work, stage.command, config, overrides or ())
        return Request(call, stage.again)

    command.__doc__ = f"{stage.help[0].upper()}{stage.help[1:]}."
    command.__signature__ = inspect.Signature(parameters)  # pyrefly: ignore[missing-attribute]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _run(stage: Stage, config: Config, run: Run, console: Console) -> None:
    from mmkd_ray import pipeline

    pipeline.run_stage(stage, config, run, console)


def _option(field: Any, kind: Any) -> Any:
    return Annotated[kind, Option(f"--{field.name}", show_default=False, **field.metadata)]


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
