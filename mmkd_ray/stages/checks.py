"""What can be found wrong before anything slow begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Run
    from mmkd_ray.config import Config


def questions(config: Config, run: Run) -> str:
    """The questions of the run, as far as they are known yet."""
    from mmkd_ray.aspects.questions import is_selected, load_aspects
    from mmkd_ray.extract.wording import check_wording

    if is_selected(config):
        candidates(config, run)
        return f"questions by {config.aspects.select}"
    aspects = load_aspects(config, run)
    check_wording(config.teacher, [aspect.question for aspect in aspects])
    return f"{len(aspects)} questions"


def candidates(config: Config, _run: Run) -> str:
    """All questions of the source; an LLM's are not known yet."""
    from mmkd_ray.aspects.questions import source_aspects
    from mmkd_ray.config import LlmAspects

    if isinstance(config.aspects, LlmAspects):
        return f"questions of {config.aspects.llm.model}"
    return f"{len(source_aspects(config.aspects))} questions"


def task(config: Config, _run: Run) -> str:
    """There are students for what the images are labelled with."""
    from mmkd_ray.tasks import task_of

    task_of(config)
    return ""


def labels(config: Config, run: Run) -> str:
    """What the teacher is asked about has a class: an image, or an object in a box."""
    return task(config, run) if config.aspects.subject == "image" else ""


def class_answers(config: Config, run: Run) -> str:
    """The images have classes, if the teacher is to be asked about them."""
    from mmkd_ray.config import ARMS, of_variants

    arms = {arm for variant in of_variants(config).values() for arm in variant.study.arms}
    return task(config, run) if any(ARMS[arm].classes.asks_classes for arm in arms) else ""


def evidence(config: Config, run: Run) -> str:
    """There are classes, if questions are chosen by what they tell about these."""
    from mmkd_ray.aspects.questions import is_selected

    return labels(config, run) if is_selected(config) and config.aspects.select != "llm" else ""


def teacher(config: Config, _run: Run) -> str:
    """The teacher, without loading it."""
    from mmkd_ray.answers.hub import check_in_reach
    from mmkd_ray.answers.teacher import check_teacher, describe_teacher
    from mmkd_ray.cluster.address import is_named

    check_teacher(config.teacher)
    if not is_named(config.cluster):  # the nodes of another cluster may reach what this machine does not
        check_in_reach(config.teacher)
    return f"teacher {describe_teacher(config.teacher)}"


def students(config: Config, _run: Run) -> str:
    """Every student of the study takes a step, without its pretrained weights."""
    from mmkd_ray.students.check import check_students

    check_students(config)
    return f"student {config.student.model}"


def trials(config: Config, _run: Run) -> str:
    """Every student that a search may try takes its smallest step, without its pretrained weights."""
    from mmkd_ray.students.model import check_student
    from mmkd_ray.tune.check import check_trials

    check_student(config.student)
    check_trials(config)
    return f"student {config.student.model}"


def trackers(config: Config, _run: Run) -> str:
    """Where curves are sent besides TensorBoard's files: the packages are installed."""
    from mmkd_ray.tracking.trackers import check_trackers

    check_trackers(config)
    return f"curves to {', '.join(config.tracking.trackers)}" if config.tracking.trackers else ""
