"""The stages: one table that the pipeline, the command line and the jobs are made from."""

from mmkd_ray.stages.extract import Extract
from mmkd_ray.stages.images import Images
from mmkd_ray.stages.questions import Aspects, Audit, Score
from mmkd_ray.stages.stage import Stage
from mmkd_ray.stages.study import Evaluate, Report, Train
from mmkd_ray.stages.tune import Tune

STORY: tuple[Stage, ...] = (Images(), Aspects(), Extract(), Train(), Evaluate(), Report())
"""A whole run, in order."""
BESIDE: tuple[Stage, ...] = (Score(), Audit(), Tune())
"""What is done beside it."""
STAGES: dict[str, Stage] = {stage.command: stage for stage in (*STORY, *BESIDE)}
"""All of them, by what follows `mmkd`."""

__all__ = ["BESIDE", "STAGES", "STORY", "Stage"]
