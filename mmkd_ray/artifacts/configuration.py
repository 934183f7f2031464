"""The configuration that a finished run keeps, every default filled in."""

from __future__ import annotations

from mmkd_ray.artifacts.run import Run
from mmkd_ray.config import Config, parse_yaml, to_yaml, validate
from mmkd_ray.errors import ArtifactError

CONFIG = "config.yaml"


def write_config(config: Config, run: Run) -> None:
    """Keep it: `mmkd report` does, at a run's end."""
    run.folder.write_bytes(CONFIG, to_yaml(config).encode())


def read_config(run: Run) -> Config:
    """The configuration that was kept.

    Raises:
        ArtifactError: none was.
        ConfigError: it is invalid: another version of this package made it, or somebody has changed it.
    """
    if not run.folder.exists(CONFIG):
        raise ArtifactError(f"{run.folder.uri} has no {CONFIG}: {_advice(run)}")
    return validate(parse_yaml(run.folder.read_bytes(CONFIG), run.folder.place(CONFIG)))


def _advice(run: Run) -> str:
    there = run.folder.names()
    if not there:
        return "nothing is there; give the folder of a finished run"
    if "student.json" in there:
        return "it is a student; give the folder of its run"
    return "run `mmkd report CONFIG` first"
