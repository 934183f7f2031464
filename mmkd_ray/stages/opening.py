"""Before the first stage: the environment is set, and the run is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def storage_of(config: Config) -> str:
    """A job's own folder is Ray's, and temporary: there a relative storage.path is taken from the home folder."""
    from mmkd_ray.cluster.environment import in_ray_job

    path = config.storage.path
    if in_ray_job() and "://" not in path and not path.startswith(("/", "~")):
        return f"~/{path}"
    return path
