"""Studies whose students are written as training leaves them, without training: their weights are the first ones."""

from __future__ import annotations

from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.students.model import student_input
from mmkd_ray.study.students import StudentSpec, list_students
from mmkd_ray.tasks import task_of
from mmkd_ray.train.loop import StudentTrainer
from mmkd_ray.train.outcome import write_outcome
from mmkd_ray.train.study_data import StudyData


def write_students(config: Config, run: Run, *, epochs: int = 1) -> list[StudentSpec]:
    """Every student of a study, trained for some epochs in this process."""
    study_data, specs = StudyData(run), list_students(config, run)
    for spec in specs:
        student = study_data.new_student(spec)
        trainer = StudentTrainer(
            student, student, study_data.training_set(spec), spec.config.train,
            task=task_of(config), image_size=student_input(spec.config.student).size, seed=spec.seed,
        )  # fmt: skip
        for _ in range(epochs):
            trainer.run_epoch()
        write_outcome(spec, spec.folder(run), trainer, study_data.class_names, study_data.class_answers(spec))
    return specs
