"""The whole configuration: strict, frozen, one docstring per key.

`data`, `aspects`, `teacher`, `student`, `train`, `study` and `evaluate` change results: they enter the fingerprints
that decide what can be reused. So does `pilot`, if questions are chosen by evidence. `extract`, `cluster` and `storage`
only decide where a run executes and how fast, `tune` only how values of other keys are searched for, and `serve` only
how a finished student is served: they enter none.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from mmkd_ray.config.arms import ARMS
from mmkd_ray.config.aspects import Aspects, PilotConfig
from mmkd_ray.config.base import Section
from mmkd_ray.config.data import Data
from mmkd_ray.config.evaluate import EvaluateConfig
from mmkd_ray.config.places import ClusterConfig, ExtractConfig, StorageConfig
from mmkd_ray.config.serve import ServeConfig
from mmkd_ray.config.student import StudentConfig, StudyConfig, TrainConfig
from mmkd_ray.config.teacher import Teacher, VllmTeacher
from mmkd_ray.config.tracking import TrackingConfig
from mmkd_ray.config.tune import TuneConfig


class Config(Section):
    """The configuration of a run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    """Name of the run and of its folder."""
    data: Data
    aspects: Aspects
    pilot: PilotConfig = PilotConfig()
    teacher: Teacher = VllmTeacher()
    student: StudentConfig = StudentConfig()
    train: TrainConfig = TrainConfig()
    study: StudyConfig = StudyConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    tune: TuneConfig = TuneConfig()
    tracking: TrackingConfig = TrackingConfig()
    extract: ExtractConfig = ExtractConfig()
    cluster: ClusterConfig = ClusterConfig()
    storage: StorageConfig = StorageConfig()
    serve: ServeConfig = ServeConfig()

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name.casefold() == "shared":  # there are file systems for which `Shared` is the same folder
            raise ValueError("STORAGE/shared holds the images and answers that all runs share: choose another name")
        return name

    @model_validator(mode="after")
    def _combinations_are_possible(self) -> Config:
        if self.cluster.gpus_per_train_worker not in (0, 1):
            raise ValueError(
                f"cluster.gpus_per_train_worker: got {self.cluster.gpus_per_train_worker:g}; a DDP worker takes 0 or "
                "1 GPU"
            )
        if self.train.batch_size < self.cluster.most_train_workers:
            raise ValueError(
                f"train.batch_size ({self.train.batch_size}) is less than cluster.train_workers "
                f"({self.cluster.most_train_workers}): every worker needs at least one image per step"
            )
        if self.aspects.subject != "image" and self.data.labelled != "detect":
            raise ValueError(
                f"aspects.subject: '{self.aspects.subject}' needs images with boxes (data.source: coco, voc, scenes), "
                f"and those of '{self.data.source}' have none: set it to image"
            )
        if self.train.decode_size == "full" and self.data.fit != "crop":
            raise ValueError(
                f"train.decode_size: full needs data.fit: crop, got '{self.data.fit}': set a number of pixels"
            )
        arms = (*self.study.arms, self.tune.arm)
        if (self.train.mixup or self.train.cutmix) and (torn := [arm for arm in arms if ARMS[arm].classes.one_class]):
            raise ValueError(
                f"train.mixup and train.cutmix: a mixed image has two classes, and the arm '{torn[0]}' needs one: set "
                "both to 0, or leave the arm out"
            )
        if ARMS[self.tune.arm].classes.larger_student and self.tune.arm not in self.study.arms:
            raise ValueError(
                f"tune.arm: '{self.tune.arm}' learns from a larger student, which `mmkd train` trains: add "
                f"'{self.tune.arm}' to study.arms and train first"
            )
        return self
