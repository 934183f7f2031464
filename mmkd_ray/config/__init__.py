"""One YAML file describes a run: `load` it, `to_yaml` it back; a file here for each group of sections."""

from mmkd_ray.config.data import FieldGuideAspects, FieldGuideData, FileAspects, FolderData
from mmkd_ray.config.loading import load, load_yaml, of_variants, to_yaml, validate
from mmkd_ray.config.places import ClusterConfig, ExtractConfig
from mmkd_ray.config.root import Config
from mmkd_ray.config.student import ArmName, EvaluateConfig, StudentConfig, StudyConfig, TrainConfig
from mmkd_ray.config.teacher import Asking, ImportedTeacher, NoInferenceTeacher, OpenAiTeacher, Teacher, VllmTeacher

__all__ = [
    "ArmName",
    "Asking",
    "ClusterConfig",
    "Config",
    "EvaluateConfig",
    "ExtractConfig",
    "FieldGuideAspects",
    "FieldGuideData",
    "FileAspects",
    "FolderData",
    "ImportedTeacher",
    "NoInferenceTeacher",
    "OpenAiTeacher",
    "StudentConfig",
    "StudyConfig",
    "Teacher",
    "TrainConfig",
    "VllmTeacher",
    "load",
    "load_yaml",
    "of_variants",
    "to_yaml",
    "validate",
]
