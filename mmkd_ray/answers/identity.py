"""What decides a teacher's answers, and finding the table that a configuration asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmkd_ray.answers.needs import questions_to_ask
from mmkd_ray.answers.teacher import content_identity, is_in_reach
from mmkd_ray.artifacts import Run, fingerprint
from mmkd_ray.config import Config, ImportedTeacher, Teacher, VllmTeacher
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError

SPLITS = ("train", "val")
"""The teacher is asked about these: train to learn from, val to see how well the student's aspects follow."""

_WEIGHTS = "weights"
_NOT_IDENTITY = {
    "vllm": {"model", "revision", "max_model_len"},
    "openai": {"base_url", "api_key_env", "concurrency", "requests_per_minute", "timeout_s", "max_retries"},
}
"""Where the weights come from, how fast they are asked and what is refused; not what they answer."""


def teacher_facts(teacher: Teacher) -> dict[str, Any]:
    """All that decides a teacher's answer about an image and a question, by key of `teacher`; `weights` is a hash."""
    facts = settings(teacher)
    if isinstance(teacher, VllmTeacher):
        facts[_WEIGHTS] = content_identity(teacher)
    return facts


def settings(teacher: Teacher) -> dict[str, Any]:
    """`teacher_facts` without the weights, which a later stage need not have in reach."""
    return teacher.model_dump(mode="json", exclude=_NOT_IDENTITY.get(teacher.kind, set()))


def what_is_asked(config: Config, run: Run, images: Mapping[str, Any]) -> dict[str, Any]:
    """What a teacher table says about itself: `images` (the image table's digest), `teacher`, `questions`.

    Args:
        config: the run's configuration.
        run: for questions that were selected in it.
        images: record of the image table.
    """
    return {
        "images": images["digest"],
        "teacher": teacher_facts(config.teacher),
        "questions": questions_to_ask(config, run, images["class_names"]),
    }


def teacher_key(facts: Mapping[str, Any]) -> str:
    """Fingerprint of `teacher_facts`: answers of one key may stand in one table."""
    return fingerprint(**facts)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two `teacher_facts`, one sentence for each key."""
    return [
        f"teacher.{key} was {before.get(key)!r} and is {now.get(key)!r}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]


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
    now = settings(config.teacher)
    if isinstance(config.teacher, VllmTeacher) and is_in_reach(config.teacher):
        now = teacher_facts(config.teacher)
    before = {key: asked["teacher"].get(key) for key in now}
    if differences := changes(before, now):
        raise ArtifactError(
            f"the answers in {place} are of another teacher: {'; '.join(differences)}; run `mmkd {command} CONFIG` "
            "for a new table (the old answers are kept and found again), or set it back"
        )
    if asked["images"] != images["digest"]:
        raise ArtifactError(f"the images have changed since {place} was made: run `mmkd {command} CONFIG` first")
    wanted = questions_to_ask(config, run, images["class_names"])
    missing = [question for question in wanted if question not in asked["questions"]]
    if missing:
        raise ArtifactError(
            f"{place} has no answers to {len(missing)} of the questions, e.g. '{missing[0]}': "
            f"run `mmkd {command} CONFIG`, which asks these alone"
        )
    return record


def _command(teacher: Teacher) -> str:
    return "import-teacher" if isinstance(teacher, ImportedTeacher) else "extract"
