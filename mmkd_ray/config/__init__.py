"""One YAML file describes a run: `load` it, `to_yaml` it back; sections and their keys are in `sections`."""

from mmkd_ray.config.loading import load, load_yaml, to_yaml, validate
from mmkd_ray.config.sections import (
    ArmName,
    ClusterConfig,
    Config,
    EvaluateConfig,
    ExtractConfig,
    FieldGuideAspects,
    FieldGuideData,
    FileAspects,
    FolderData,
    StudentConfig,
    StudyConfig,
    TeacherConfig,
    TrainConfig,
)

__all__ = [
    "ArmName",
    "ClusterConfig",
    "Config",
    "EvaluateConfig",
    "ExtractConfig",
    "FieldGuideAspects",
    "FieldGuideData",
    "FileAspects",
    "FolderData",
    "StudentConfig",
    "StudyConfig",
    "TeacherConfig",
    "TrainConfig",
    "load",
    "load_yaml",
    "to_yaml",
    "validate",
]
