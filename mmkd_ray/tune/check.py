"""Whether the students that a search may try can be trained, before it starts trials."""

from __future__ import annotations

from mmkd_ray.config import Config, StudentConfig
from mmkd_ray.errors import StudentError
from mmkd_ray.students.check import check_steps
from mmkd_ray.students.model import check_student
from mmkd_ray.tune.space import ends, smallest


def check_trials(config: Config, *, images: int | None = None) -> None:
    """Have every student of the space take the smallest training step that a trial may ask of it.

    A value with which no student can be built is not refused: its trials fail, and the others go on.

    Args:
        config: the run's configuration.
        images: number of training images, where it is known.

    Raises:
        StudentError: the configuration's own student cannot be built, or one cannot be trained on so few images.
    """
    batch, fraction = smallest(config, "train.batch_size"), smallest(config, "train.train_fraction")
    students = [config.student, *(trial.student for trial in ends(config) if _can_be_built(trial.student))]
    check_steps(((student, batch, fraction) for student in students), workers=1, images=images)


def _can_be_built(student: StudentConfig) -> bool:
    try:
        check_student(student)
    except StudentError:
        return False
    return True
