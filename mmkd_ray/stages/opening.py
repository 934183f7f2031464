"""Before the first stage: the environment is set, and the run is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmkd_ray.errors import ConfigError

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Run
    from mmkd_ray.config import Config


def prepare_environment(config: Config) -> None:
    """Set the environment, before anything heavy is imported."""
    from mmkd_ray.answers.teacher import needs_hub
    from mmkd_ray.cluster.environment import prepare_process
    from mmkd_ray.config import HuggingFaceData
    from mmkd_ray.data.sources.huggingface import is_local

    proposing = getattr(config.aspects, "llm", None)
    models = needs_hub(config.teacher) or (proposing is not None and needs_hub(proposing))
    images = isinstance(config.data, HuggingFaceData) and not is_local(config.data)
    prepare_process(offline=not models and not images and not config.student.pretrained)


def run_of(config: Config) -> Run:
    """The run of a configuration."""
    from mmkd_ray.artifacts import open_run

    return open_run(storage_of(config), config.name)


def configured_run(place: str, overrides: Sequence[str] = ()) -> tuple[Config, Run]:
    """A run with its configuration.

    Args:
        place: a configuration, or the folder of a finished run, which holds one.
        overrides: of a configuration.

    Raises:
        ConfigError: the configuration is invalid; or overrides are given for a folder.
        ArtifactError: the folder holds no configuration.
    """
    from mmkd_ray.artifacts import Folder, Run
    from mmkd_ray.artifacts.configuration import read_config
    from mmkd_ray.config import load

    if place.endswith((".yaml", ".yml")):
        config = load(place, overrides)
        return config, run_of(config)
    if overrides:
        raise ConfigError(f"{place} is a run's folder, whose configuration is as it is: got '{overrides[0]}'")
    run = Run(Folder.at(place.rstrip("/")))
    return read_config(run), run


def storage_of(config: Config) -> str:
    """A job's own folder is Ray's, and temporary: there a relative storage.path is taken from the home folder."""
    from mmkd_ray.cluster.environment import in_ray_job

    path = config.storage.path
    if in_ray_job() and "://" not in path and not path.startswith(("/", "~")):
        return f"~/{path}"
    return path
