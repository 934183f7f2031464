"""The embedded data set: drawn images, free of any licence, and a small vision-language teacher for them."""

from pathlib import Path

from mmkd_ray.fieldguide.dataset import SPLITS, FieldGuideImage, attributes_of, draw, group_of, images, listed
from mmkd_ray.fieldguide.questions import QUESTIONS, Question, answers
from mmkd_ray.fieldguide.scenes import SCENE_SPLITS, STRANGERS, draw_scenes, listed_scenes, scene_of
from mmkd_ray.fieldguide.sheet import write_sheet
from mmkd_ray.fieldguide.species import Species, make_species

__all__ = [
    "QUESTIONS",
    "SCENE_SPLITS",
    "SPLITS",
    "STRANGERS",
    "FieldGuideImage",
    "Question",
    "Species",
    "answers",
    "attributes_of",
    "checkpoint_path",
    "draw",
    "draw_scenes",
    "group_of",
    "images",
    "listed",
    "listed_scenes",
    "make_species",
    "scene_of",
    "write_sheet",
]


def checkpoint_path() -> Path:
    """The folder of the shipped teacher: a Hugging Face checkpoint that vLLM loads as it is."""
    return Path(__file__).parent / "checkpoint"
