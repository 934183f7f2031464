"""The commands that look at something."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from typer import Argument, Option, Typer

from mmkd_ray.cli.arguments import ConfigFile, Overrides
from mmkd_ray.cli.request import Request

fieldguide = Typer(no_args_is_help=True, help="Look at the embedded data set.")


def config(config: ConfigFile, overrides: Overrides = None) -> Request:
    """Print a configuration with every default filled in."""
    return Request(partial(_print_config, config, overrides or ()))


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


def _write_sheet(path: str, *, species_seed: int, seed: int) -> int:
    from mmkd_ray.fieldguide import write_sheet

    write_sheet(path, species_seed=species_seed, seed=seed)
    print(path)
    return 0
