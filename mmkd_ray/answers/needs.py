"""What a study's students need the teacher to be asked: its aspects, and more for some of the arms."""

from __future__ import annotations

from collections.abc import Sequence

from mmkd_ray.answers.query import Query, mirrored
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import load_aspects
from mmkd_ray.config import ARMS, Config, of_variants


def queries_to_ask(config: Config, run: Run, class_names: Sequence[str]) -> list[Query]:
    """The columns of the teacher table, those of all variants of the study together.

    Args:
        config: the run's configuration.
        run: for questions that were selected in it.
        class_names: for the arm that asks about each class.

    Raises:
        AspectError, ArtifactError: as for `load_aspects`.
    """
    wanted: dict[Query, None] = {}
    for variant in of_variants(config).values():
        arms = [ARMS[arm] for arm in variant.study.arms]
        aspects = load_aspects(variant, run)
        wanted |= dict.fromkeys(Query(aspect.question) for aspect in aspects)
        if variant.train.flip_targets == "view" and any(arm.uses_answers for arm in arms):
            wanted |= dict.fromkeys(mirrored(aspect.question) for aspect in aspects if aspect.orientation_sensitive)
        if any(arm.classes.asks_classes for arm in arms):
            wanted |= dict.fromkeys(map(Query, class_questions(variant, class_names)))
    return list(wanted)


def class_questions(config: Config, class_names: Sequence[str]) -> list[str]:
    """The question about each class, in the order of the classes."""
    return [config.study.class_question.replace("{class_name}", name.replace("_", " ")) for name in class_names]
