"""What can be tried after a run: it depends on what was run, and names only files that are there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmkd_ray.config import Config

REPOSITORY = Path(__file__).resolve().parents[2]
"""Where configurations, jobs and documents lie beside the package; an installed package has none."""
_OWN_IMAGES, _LARGE_TEACHER, _JOB = "configs/own_images.yaml", "configs/teachers/internvl3.yaml", "jobs/run.py"


def what_next(config_file: str, overrides: Sequence[str], config: Config) -> str:
    """What to try after `mmkd run`, a line each; empty if there is nothing.

    Args:
        config_file: of the run, as given.
        overrides: as given.
        config: what they say.
    """
    arguments = shlex.join([config_file, *overrides])
    hints = {
        "own images": _own_images(config),
        "best questions": _best_questions(config, arguments),
        "a large MLLM": _large_teacher(config, arguments),
        "a cluster": _cluster(config, arguments),
    }
    lines = [f"  {what:<15} {command}" for what, command in hints.items() if command]
    if not lines:
        return ""
    more = f"\n{_there('README.md')} and {_there('docs')} say more." if _there("docs") else ""
    return "\nWhat to try next:\n" + "\n".join(lines) + more


def _own_images(config: Config) -> str:
    """Of those who have seen the embedded data set only."""
    if config.data.source != "fieldguide" or not (there := _there(_OWN_IMAGES)):
        return ""
    return f"mmkd run {there} data.path=FOLDER aspects.path=QUESTIONS.yaml   (FOLDER/CLASS/IMAGE)"


def _best_questions(config: Config, arguments: str) -> str:
    if config.aspects.select != "file" or config.teacher.kind == "imported":
        return ""
    return f"mmkd run {arguments} name={shlex.quote(f'{config.name}-chosen')} aspects.select=mrmr aspects.count=NUMBER"


def _large_teacher(config: Config, arguments: str) -> str:
    """Of those whose teacher is one for a CPU."""
    if config.teacher.kind != "vllm" or config.extract.gpus_per_actor or not (there := _there(_LARGE_TEACHER)):
        return ""
    return f"mmkd run {arguments} {there} extract.gpus_per_actor=1"


def _cluster(config: Config, arguments: str) -> str:
    """Of those who run on this machine, in a folder that can be handed to a cluster."""
    if config.cluster.address or "RAY_ADDRESS" in os.environ or _there(_JOB) != _JOB:
        return ""
    return f"ray job submit --working-dir . -- python {_JOB} {arguments}"


def _there(path: str) -> str:
    """A path of the repository as it is reached from the current folder; empty if it, or that folder, is not there."""
    if not (REPOSITORY / path).exists():
        return ""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # a job's folder may be gone by its end
        return ""
    return path if here == REPOSITORY else shlex.quote(str(REPOSITORY / path))
