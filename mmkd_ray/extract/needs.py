"""Whether anything is left to ask, so that a cluster is needed; found out without one."""

from __future__ import annotations

from mmkd_ray.answers.identity import table_identity, what_is_asked
from mmkd_ray.answers.reading import overview
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.table import finished_table
from mmkd_ray.answers.wanted import Wanted, wanted_cells
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config, ImportedTeacher
from mmkd_ray.data.subjects import Subjects
from mmkd_ray.data.table import require_images
from mmkd_ray.identity import Identity


def needs_asking(config: Config, run: Run) -> bool:
    """Whether `ask_teacher` has anything to ask; where it has not, it makes the teacher table without a cluster.

    Raises:
        ArtifactError: the image table is not finished, or the questions are still to be selected.
    """
    if isinstance(config.teacher, ImportedTeacher):
        return False
    asked = what_is_asked(config, run, require_images(config, run))
    if finished_table(run, table_identity(config, asked).key):
        return False
    return lacks_answers(
        run, Identity.from_dict(asked["teacher"]), wanted_cells(run, asked["questions"], Subjects.of(config))
    )


def lacks_answers(run: Run, teacher: Identity, wanted: Wanted) -> bool:
    """Whether any of the cells is not answered yet."""
    return not overview(AnswerStore(run, teacher), wanted).present_NQ.all()
