"""What decides a teacher's answers, and finding the table that a configuration asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mmkd_ray.answers.needs import queries_to_ask
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.teacher import content_identity, is_in_reach
from mmkd_ray.artifacts import Run
from mmkd_ray.config import (
    Config,
    ImportedTeacher,
    NoInferenceTeacher,
    OpenAiTeacher,
    Teacher,
    VllmTeacher,
)
from mmkd_ray.config.base import Section
from mmkd_ray.data.subjects import SUBJECTS, Subjects
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError
from mmkd_ray.identity import Identity, changes, defaults, identify, settings

SPLITS = ("train", "val")
"""The teacher is asked about these: train to learn from, val to see how well the student's aspects follow."""

_WEIGHTS = "weights"
NOT_IDENTITY: dict[str, Collection[str]] = {
    "vllm": {"model", "revision", "max_model_len"},
    "openai": {"base_url", "api_key_env", "concurrency", "requests_per_minute", "timeout_s", "max_retries"},
}
"""Where the weights come from, how fast they are asked and what is refused; not what they answer."""
_SECTIONS: dict[str, type[Section]] = {
    "vllm": VllmTeacher,
    "openai": OpenAiTeacher,
    "imported": ImportedTeacher,
    "no_inference": NoInferenceTeacher,
}


def teacher_identity(teacher: Teacher) -> Identity:
    """All that decides a teacher's answer about an image and a question, by key of `teacher`; `weights` is a hash."""
    identity = _of_the_settings(teacher)
    if isinstance(teacher, VllmTeacher):
        return identity.with_facts(**{_WEIGHTS: content_identity(teacher)})
    return identity


def _of_the_settings(teacher: Teacher) -> Identity:
    """`teacher_identity` without the weights, which a later stage need not have in reach."""
    return identify("teacher", **settings(teacher, exclude=NOT_IDENTITY.get(teacher.kind, ())))


def what_is_asked(config: Config, run: Run, images: Mapping[str, Any]) -> dict[str, Any]:
    """What a teacher table says about itself: `images` (the image table's digest), `teacher`, `questions`, `subjects`.

    Args:
        config: the run's configuration.
        run: for questions that were selected in it.
        images: record of the image table.
    """
    return {
        "images": images["digest"],
        "teacher": teacher_identity(config.teacher).as_dict(),
        "questions": [query.as_json() for query in queries_to_ask(config, run, images["class_names"])],
        **({SUBJECTS: facts} if (facts := Subjects.of(config).facts()) else {}),
    }


def table_identity(config: Config, asked: Mapping[str, Any]) -> Identity:
    """What decides a teacher table: what is asked, and the limits by which the answers are accepted or refused."""
    limits = {
        **settings(config.extract, include={"max_bad_fraction", "min_answer_mass"}),
        **settings(config.teacher, include={"max_model_len"}),
    }
    return identify("teacher table", asked=asked, limits=limits)


def teacher_changes(before: Identity, now: Identity) -> list[str]:
    """What differs between two teachers, one sentence for each key."""
    section = _SECTIONS[now.facts["kind"]]
    return changes(before, now, at="teacher.", standard=defaults(section))


def require_teacher(config: Config, run: Run) -> dict[str, Any]:
    """The record of the teacher table, if it has the answers to this configuration's questions.

    It may have more questions, and in another order: readers find theirs by text.

    Raises:
        ArtifactError: there is none, or it is of other images, another teacher, or lacks a question; the message
            names what differs.
    """
    images, command = require_images(config, run), _command(config.teacher)
    record = run.require(run.teacher, command)
    asked, place = record["asked"], run.teacher.uri
    if differences := _differences(config.teacher, Identity.from_dict(asked["teacher"])):
        raise ArtifactError(
            f"the answers in {place} are of another teacher: {'; '.join(differences)}; run `mmkd {command} CONFIG` "
            "for a new table (the old answers are kept and found again), or set it back"
        )
    if asked["images"] != images["digest"]:
        raise ArtifactError(f"the images have changed since {place} was made: run `mmkd {command} CONFIG` first")
    before, now = Subjects.of_asked(asked), Subjects.of(config)
    if before != now:
        raise ArtifactError(
            f"the answers in {place} are about other subjects ({before.describe()}) than those of the configuration "
            f"({now.describe()}): run `mmkd {command} CONFIG`, or set aspects.subject back"
        )
    there = {Query.of(value) for value in asked["questions"]}
    missing = [query for query in queries_to_ask(config, run, images["class_names"]) if query not in there]
    if missing:
        raise ArtifactError(
            f"{place} has no answers to {len(missing)} of the questions, e.g. '{missing[0]}': "
            f"run `mmkd {command} CONFIG`, which asks these alone"
        )
    return record


def _differences(teacher: Teacher, before: Identity) -> list[str]:
    """What differs between a teacher that was asked and that of a configuration, as far as it can be known here."""
    if not isinstance(teacher, VllmTeacher) or is_in_reach(teacher):
        now = teacher_identity(teacher)
    else:
        now, before = _of_the_settings(teacher), before.without(_WEIGHTS)
    # An imported table also knows from which file it is, which no configuration says.
    unknown = set(before.facts) - set(now.facts) - set(type(teacher).model_fields)
    return teacher_changes(before.without(*unknown), now)


def _command(teacher: Teacher) -> str:
    return "import-teacher" if isinstance(teacher, ImportedTeacher) else "extract"
