"""The true answers about images, for data sets with attribute labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmkd_ray import fieldguide
from mmkd_ray.config import CubData, FieldGuideData, ScenesData, load_yaml
from mmkd_ray.config.data import Data
from mmkd_ray.data.sources.base import CORNERS, subject_id
from mmkd_ray.data.sources.cub import read_attributes
from mmkd_ray.errors import ConfigError, DataError

Truth = Mapping[str, Mapping[str, bool]]
"""{question: {image id: whether Yes is correct}}."""


def true_answers(data: Data, questions: Sequence[str], image_ids: Sequence[str], mapping: str | None) -> Truth:
    """The true answers about some images, for the questions for which they are known.

    Args:
        data: `data` of the configuration.
        questions: in any wording that the data set knows.
        image_ids: of the image table.
        mapping: for CUB-200: a YAML file of {question: attribute, or a list of attributes of which one must be true}.

    Raises:
        ConfigError: this data set has no attribute labels, or the file is not of this form.
        DataError: the labels are missing, or the file names an unknown attribute.
    """
    if mapping is not None and not isinstance(data, CubData):
        raise ConfigError(f"--mapping is for data.source 'cub'; this run's is '{data.source}'")
    if isinstance(data, FieldGuideData):
        attributes = fieldguide.attributes_of(
            image_ids, species_seed=data.species_seed, seed=data.image_seed, home_share=data.home_share
        )
        return _of_field_guide(questions, attributes)
    if isinstance(data, ScenesData):
        return _of_field_guide(questions, _birds(data, image_ids))
    if isinstance(data, CubData):
        if mapping is None:
            raise ConfigError(
                "CUB-200 has attributes, not questions: give --mapping FILE.yaml with {question: attribute}, e.g. "
                "'Does the bird have a red crown?: has_crown_color::red'"
            )
        return _of_cub(data, questions, image_ids, _read_mapping(mapping))
    raise ConfigError(
        f"data.source '{data.source}' has no attribute labels to audit the teacher with; accepted are 'fieldguide', "
        "'scenes', and 'cub' with a mapping file"
    )


def _birds(data: ScenesData, subject_ids: Sequence[str]) -> dict[str, dict[str, bool]]:
    """The true answers about birds of scenes, by the subject that each is."""
    scenes = dict.fromkeys(subject_id.partition("#")[0] for subject_id in subject_ids)
    birds = {}
    for image_id in scenes:
        scene = fieldguide.scene_of(
            image_id, species_seed=data.species_seed, seed=data.image_seed, classes=data.species
        )
        for bird in scene.birds:
            birds[subject_id(image_id, dict(zip(CORNERS, bird.box, strict=True)))] = fieldguide.answers(bird.picture)
    return {one: birds[one] for one in subject_ids if one in birds}


def _of_field_guide(questions: Sequence[str], attributes: Mapping[str, Mapping[str, bool]]) -> Truth:
    wordings = {
        text: question.id
        for question in fieldguide.QUESTIONS
        for text in (question.text, *question.paraphrases, question.held_out)
    }
    known = {question: wordings[question] for question in questions if question in wordings}
    return {
        question: {image_id: answers[question_id] for image_id, answers in attributes.items()}
        for question, question_id in known.items()
    }


def _of_cub(
    data: CubData, questions: Sequence[str], image_ids: Sequence[str], mapping: Mapping[str, Sequence[str]]
) -> Truth:
    labels = read_attributes(data.path)
    named = {name for names in mapping.values() for name in names}
    if unknown := sorted(named - labels.keys()):
        near = [name for name in labels if name.split("::")[0] == unknown[0].split("::")[0]]
        hint = f"; there are {', '.join(near[:5])}" if near else ", see attributes.txt"
        raise DataError(f"the mapping file names '{unknown[0]}', for which CUB-200 has no labels{hint}")
    truth: dict[str, dict[str, bool]] = {}
    for question in questions:
        if question in mapping:
            each = [labels[name] for name in mapping[question]]
            truth[question] = {
                image_id: any(known[image_id] for known in each)
                for image_id in image_ids
                if all(image_id in known for known in each)
            }
    return truth


def _read_mapping(path: str) -> dict[str, list[str]]:
    expected = f"{path}: expected {{question: attribute}} or {{question: [attribute, ...]}}"
    entries = load_yaml(path)
    if not isinstance(entries, dict):
        raise ConfigError(f"{expected}, got {entries!r}")
    mapping = {}
    for question, value in entries.items():
        names = [value] if isinstance(value, str) else value
        is_list_of_names = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
        if not isinstance(question, str) or not is_list_of_names:
            raise ConfigError(f"{expected}, got {question!r}: {value!r}")
        mapping[question] = names
    return mapping
