"""The commands that look at something."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from typer import Argument, Option, Typer

from mmkd_ray.cli.arguments import ConfigFile, Overrides, folder_of
from mmkd_ray.cli.request import Request

fieldguide = Typer(no_args_is_help=True, help="Look at the embedded data set.")


def config(config: ConfigFile, overrides: Overrides = None) -> Request:
    """Print a configuration with every default filled in."""
    return Request(partial(_print_config, config, overrides or ()))


def doctor(
    config: Annotated[
        str | None, Argument(metavar="CONFIG", help="YAML file of a run that is wanted", show_default=False)
    ] = None,
    overrides: Overrides = None,
) -> Request:
    """Say what a run would find on this machine, and what to do; status 2 if a run is impossible."""
    return Request(partial(_examine, config, overrides or ()))


def compare(
    runs: Annotated[
        list[str], Argument(metavar="RUN RUN", help="folders or URIs of two runs or more, or their YAML files")
    ],
) -> Request:
    """Say what differs between runs: configuration, images, questions, teacher, results."""
    return Request(partial(_compare, runs))


@fieldguide.command()
def sheet(
    path: Annotated[str, Argument(help="file to write")],
    species_seed: Annotated[int, Option(help="decides the species")] = 0,
    seed: Annotated[int, Option(help="decides the pictures")] = 0,
) -> Request:
    """Write a contact sheet of its pictures (PNG)."""
    return Request(partial(_write_sheet, path, species_seed=species_seed, seed=seed))


@fieldguide.callback()
def _only_sub_commands() -> None:
    pass


def _print_config(config_file: str, overrides: Sequence[str]) -> int:
    from mmkd_ray.config import load, to_yaml

    print(to_yaml(load(config_file, overrides)), end="")
    return 0


def _compare(places: Sequence[str]) -> int:
    from mmkd_ray.api import compare
    from mmkd_ray.console import Console

    console = Console(sys.stdout)
    for part in compare(*map(folder_of, places)).shown():
        console.say(part)
    return 0


def _write_sheet(path: str, *, species_seed: int, seed: int) -> int:
    from mmkd_ray.fieldguide import write_sheet

    write_sheet(path, species_seed=species_seed, seed=seed)
    print(path)
    return 0


def _examine(config_file: str | None, overrides: Sequence[str]) -> int:
    from mmkd_ray.answers.teacher import needs_hub
    from mmkd_ray.config import ClusterConfig, load
    from mmkd_ray.config.places import StorageConfig
    from mmkd_ray.doctor import examine
    from mmkd_ray.stages.opening import storage_of

    if config_file is None:
        findings = examine(ClusterConfig(), StorageConfig().path)
    else:
        config = load(config_file, overrides)
        findings = examine(config.cluster, storage_of(config), needs_hub=needs_hub(config.teacher))
    for finding in findings:
        print(finding)
    return 2 if any(finding.status == "fail" for finding in findings) else 0
