"""Whether a search can run: what it needs is there, and its folder holds no other search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmkd_ray.answers.identity import require_teacher
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import Aspect, load_aspects
from mmkd_ray.config import ARMS, Config, StudentConfig, StudyConfig, TrainConfig, TuneConfig
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError
from mmkd_ray.identity import Identity, changes, defaults, identify, settings
from mmkd_ray.study.inputs import Inputs
from mmkd_ray.study.students import StudentSpec, larger_student, picture_facts
from mmkd_ray.tracking.trackers import check_trackers
from mmkd_ray.tune.space import asking_most

BEGUN = "search.json"
"""What decides the search; written when it begins."""


@dataclass(frozen=True)
class Search:
    """A search that may run: everything that it needs is there."""

    config: Config
    run: Run
    aspects: tuple[Aspect, ...]
    """Of the largest Q."""
    inputs: Inputs
    """The images and answers that the trials are made from."""
    larger: StudentSpec | None
    """The larger student that the trials learn from: that of the configuration as it stands, the same for all."""
    decides: Identity
    """What decides the outcome, by key of the configuration."""
    resume: bool

    @property
    def identity(self) -> str:
        """Key of what decides it."""
        return self.decides.key

    @property
    def finished(self) -> dict[str, Any] | None:
        """Its record, if it has been done already."""
        return self.run.tune.finished(self.identity)


def open_search(config: Config, run: Run, *, resume: bool = False) -> Search:
    """Check that the search can run: no cluster is needed, and nothing is written.

    Args:
        config: the run's configuration.
        run: with its image table, and a teacher table that has the answers of the largest Q.
        resume: whether to continue a search that was interrupted.

    Raises:
        ArtifactError: the images or the answers are not there; or the folder holds another search, or an interrupted
            one that is not to be resumed, or none that could be.
        ConfigError: a tracker is not installed.
    """
    check_trackers(config)
    asked = asking_most(config)
    images, teacher = require_images(config, run), _answers(config, asked, run)
    aspects = load_aspects(asked, run)
    decides = _decides(config, images["digest"], teacher["asked"]["teacher"], aspects)
    larger = None
    if ARMS[config.tune.arm].classes.larger_student:
        larger = larger_student(config, run, images, teacher)
        run.require(larger.folder(run), "train", fingerprint=larger.identity)
    search = Search(config, run, aspects, Inputs.of(images, teacher), larger, decides, resume)
    _check_folder(search)
    return search


def _check_folder(search: Search) -> None:
    folder = search.run.tune
    before = folder.read_mapping(BEGUN) if folder.exists(BEGUN) else None
    if before is None:
        if search.resume:
            raise ArtifactError(f"{folder.uri} holds no search to resume: run `mmkd tune CONFIG` without --resume")
        return
    if differences := changes(Identity.from_dict(before), search.decides, standard=_standard()):
        raise ArtifactError(
            f"{folder.uri} holds another search: {'; '.join(differences)}; set it back, or move or delete that folder "
            "to search from the start"
        )
    if not search.resume and not search.finished:
        raise ArtifactError(
            f"{folder.uri} holds this search, interrupted: continue it by `mmkd tune CONFIG --resume`, or delete that "
            "folder to search from the start"
        )


def _answers(config: Config, asked: Config, run: Run) -> dict[str, Any]:
    try:
        return require_teacher(asked, run)
    except ArtifactError as error:
        if asked.aspects.count == config.aspects.count:
            raise
        count = "null" if asked.aspects.count is None else asked.aspects.count
        raise ArtifactError(
            f"{error}; a search needs the answers of its largest Q: add aspects.count={count} to that command"
        ) from error


_SECTIONS = {"student": StudentConfig, "train": TrainConfig, "tune": TuneConfig, "study": StudyConfig}
_OF_STUDY = {"label_smoothing", "class_question", "kd_teacher"}
_NOT_IDENTITY = {"concurrency"}
"""Keys of `tune` that decide how fast a search is."""


def _decides(config: Config, images: str, teacher: Any, aspects: tuple[Aspect, ...]) -> Identity:
    facts = {
        "student": settings(config.student),
        "train": settings(config.train),
        "tune": settings(config.tune, exclude=_NOT_IDENTITY),
        "study": settings(config.study, include=_OF_STUDY),
    }
    by_key = {f"{section}.{key}": value for section, keys in facts.items() for key, value in keys.items()}
    questions = [settings(aspect, exclude={"paraphrase", "origin"}) for aspect in aspects]
    pictures = picture_facts(config)
    return identify("search", **by_key, **pictures, images=images, teacher=teacher, questions=questions)


def _standard() -> dict[str, Any]:
    return {key: value for name, section in _SECTIONS.items() for key, value in defaults(section, f"{name}.").items()}
