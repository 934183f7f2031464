"""Whether a search can run: what it needs is there, and its folder holds no other search."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mmkd_ray.answers.identity import require_teacher
from mmkd_ray.artifacts import Run, fingerprint
from mmkd_ray.aspects.questions import Aspect, load_aspects
from mmkd_ray.config import Config
from mmkd_ray.config.messages import show
from mmkd_ray.data.table import require_images
from mmkd_ray.errors import ArtifactError
from mmkd_ray.students.targets.arms import ARMS
from mmkd_ray.study.students import StudentSpec, larger_student
from mmkd_ray.tune.space import asking_most
from mmkd_ray.tune.trackers import check_trackers

BEGUN = "search.json"
"""What decides the search; written when it begins."""


@dataclass(frozen=True)
class Search:
    """A search that may run: everything that it needs is there."""

    config: Config
    run: Run
    aspects: tuple[Aspect, ...]
    """Of the largest Q."""
    larger: StudentSpec | None
    """The larger student that the trials learn from: that of the configuration as it stands, the same for all."""
    decides: dict[str, Any]
    """What decides the outcome, by key."""
    resume: bool

    @property
    def identity(self) -> str:
        """Fingerprint of `decides`."""
        return fingerprint(**self.decides)

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
    if ARMS[config.tune.arm].uses_larger_student:
        larger = larger_student(config, run, images, teacher)
        run.require(larger.folder(run), "train", fingerprint=larger.identity)
    search = Search(config, run, aspects, larger, decides, resume)
    _check_folder(search)
    return search


def _check_folder(search: Search) -> None:
    folder = search.run.tune
    before = folder.read_json(BEGUN) if folder.exists(BEGUN) else None
    if before is None:
        if search.resume:
            raise ArtifactError(f"{folder.uri} holds no search to resume: run `mmkd tune CONFIG` without --resume")
        return
    now = search.decides
    if differences := [
        f"{key} was {show(before.get(key))} and is {show(now.get(key))}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]:
        raise ArtifactError(
            f"{folder.uri} holds another search: {'; '.join(differences)}; set it back, or move or delete that folder "
            "to search anew"
        )
    if not search.resume and not search.finished:
        raise ArtifactError(
            f"{folder.uri} holds this search, interrupted: continue it by `mmkd tune CONFIG --resume`, or delete that "
            "folder to search anew"
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


def _taught(aspect: Aspect) -> dict[str, Any]:
    """What of a question decides a student."""
    return {key: value for key, value in asdict(aspect).items() if key not in ("paraphrase", "origin")}


def _decides(config: Config, images: str, teacher: Any, aspects: tuple[Aspect, ...]) -> dict[str, Any]:
    sections = config.model_dump(mode="json", include={"student": True, "train": True, "tune": True})
    study = config.model_dump(mode="json", include={"study": {"label_smoothing", "class_question", "kd_teacher"}})
    keys = {f"{name}.{key}": value for name, keys in {**sections, **study}.items() for key, value in keys.items()}
    for key in ("tune.concurrency", "tune.trackers"):
        del keys[key]
    return {**keys, "images": images, "teacher": teacher, "questions": [_taught(aspect) for aspect in aspects]}
