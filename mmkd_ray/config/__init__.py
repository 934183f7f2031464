"""One YAML file describes a run: `load` it, `to_yaml` it back; a file here for each group of sections."""

from mmkd_ray.config.arms import ARMS, BASELINE, Arm, ArmName
from mmkd_ray.config.aspects import (
    Aspects,
    FieldGuideAspects,
    FileAspects,
    LlmAspects,
    OpenAiLlm,
    PilotConfig,
    QuestionRules,
    VllmLlm,
)
from mmkd_ray.config.data import (
    CubData,
    FieldGuideData,
    FolderData,
    HuggingFaceData,
    ImageColumns,
    ListedData,
    MiniImageNetData,
    ParquetData,
    TableColumns,
    TableData,
    TorchvisionData,
    WebDatasetData,
)
from mmkd_ray.config.loading import load, load_yaml, of_variants, parse_yaml, to_yaml, validate, with_values
from mmkd_ray.config.places import ClusterConfig, ExtractConfig
from mmkd_ray.config.root import Config
from mmkd_ray.config.student import EvaluateConfig, FlipTargets, StudentConfig, StudyConfig, TrainConfig
from mmkd_ray.config.teacher import Asking, ImportedTeacher, NoInferenceTeacher, OpenAiTeacher, Teacher, VllmTeacher
from mmkd_ray.config.tune import Domain, TuneConfig

__all__ = [
    "ARMS",
    "BASELINE",
    "Arm",
    "ArmName",
    "Asking",
    "Aspects",
    "ClusterConfig",
    "Config",
    "CubData",
    "Domain",
    "EvaluateConfig",
    "ExtractConfig",
    "FieldGuideAspects",
    "FieldGuideData",
    "FileAspects",
    "FlipTargets",
    "FolderData",
    "HuggingFaceData",
    "ImageColumns",
    "ImportedTeacher",
    "ListedData",
    "LlmAspects",
    "MiniImageNetData",
    "NoInferenceTeacher",
    "OpenAiLlm",
    "OpenAiTeacher",
    "ParquetData",
    "PilotConfig",
    "QuestionRules",
    "StudentConfig",
    "StudyConfig",
    "TableColumns",
    "TableData",
    "Teacher",
    "TorchvisionData",
    "TrainConfig",
    "TuneConfig",
    "VllmLlm",
    "VllmTeacher",
    "WebDatasetData",
    "load",
    "load_yaml",
    "of_variants",
    "parse_yaml",
    "to_yaml",
    "validate",
    "with_values",
]
