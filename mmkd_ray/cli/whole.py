"""The commands about a whole run: do it, or say what it would take."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from typer import Option

from mmkd_ray.cli.arguments import ConfigFile, Overrides, Replace
from mmkd_ray.cli.request import Request
from mmkd_ray.cli.running import run_work
from mmkd_ray.cli.what_next import what_next

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Run
    from mmkd_ray.config import Config
    from mmkd_ray.console import Console


def run(config: ConfigFile, overrides: Overrides = None, replace: Replace = False) -> Request:
    """Everything, from images to the report."""
    work = partial(_run_all, replace=replace)
    closing = partial(what_next, config, overrides or ())
    return Request(partial(run_work, work, "run", config, overrides or (), closing=closing))


def study(
    config: ConfigFile,
    overrides: Overrides = None,
    replace: Replace = False,
    dry_run: Annotated[bool, Option("--dry-run", help="train nothing, ask nothing")] = False,
    seconds_per_epoch: Annotated[
        float | None, Option(help="of one student; measured by finished ones if unset", show_default=False)
    ] = None,
) -> Request:
    """The same as run; --dry-run says what it would train, and the cost."""
    work = partial(_dry_run, seconds_per_epoch) if dry_run else partial(_run_all, replace=replace)
    return Request(partial(run_work, work, "study", config, overrides or ()))


def plan(
    config: ConfigFile,
    overrides: Overrides = None,
    answers_per_second: Annotated[
        float | None, Option(help="of one engine; measured by earlier runs if unset", show_default=False)
    ] = None,
) -> Request:
    """Say what extraction will take: cells, tokens, hours."""
    return Request(partial(run_work, partial(_plan, answers_per_second), "plan", config, overrides or ()))


def _run_all(config: Config, run: Run, console: Console, *, replace: bool) -> None:
    from mmkd_ray import pipeline

    pipeline.run_all(config, run, console, replace=replace)


def _plan(rate: float | None, config: Config, run: Run, console: Console) -> None:
    from mmkd_ray import pipeline

    pipeline.plan(config, run, console, answers_per_second=rate)


def _dry_run(seconds: float | None, config: Config, run: Run, console: Console) -> None:
    from mmkd_ray import pipeline

    pipeline.dry_run(config, run, console, seconds_per_epoch=seconds)
