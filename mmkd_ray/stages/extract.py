"""The teacher answers every question about every image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmkd_ray.stages import checks
from mmkd_ray.stages.stage import Stage

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Folder, Run
    from mmkd_ray.config import Config


@dataclass(frozen=True)
class Extract(Stage):
    """Stage 2."""

    name = command = "extract"
    help = "ask the teacher every question about every image"
    unit, rated = "images", "answers"
    # The student, too: a mistake there should not show after days of asking.
    checks = (checks.questions, checks.teacher, checks.students, checks.class_answers)

    def needs_cluster(self, config: Config, run: Run) -> bool:
        from mmkd_ray.extract.needs import needs_asking

        return needs_asking(config, run)

    def artifact(self, run: Run) -> Folder:
        return run.teacher

    def run(self, config: Config, run: Run, progress: Any) -> dict[str, Any]:
        from mmkd_ray.extract.stage import ask_teacher

        return ask_teacher(config, run, progress)

    def remark(self, config: Config, run: Run, record: Any) -> str:
        from mmkd_ray.answers.ledger import Ledger

        lowest = record["lowest_answer_mass"]
        return (
            f"{Ledger(**record['ledger']).line()}; "
            f"mean answer mass at least {lowest['answer_mass']:.3f} ('{lowest['question']}')"
        )
