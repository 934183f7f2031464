"""The stages about questions: select them, score them, audit the teacher's answers to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmkd_ray.stages import checks
from mmkd_ray.stages.images import Images
from mmkd_ray.stages.stage import Stage

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Folder, Run
    from mmkd_ray.config import Config
    from mmkd_ray.console import Table

_STORED: Any = {"help": "from the stored teacher table: ask nothing"}


@dataclass(frozen=True)
class Aspects(Stage):
    """Between the images and the teacher: an LLM, or the evidence of a pilot, selects the questions."""

    name = command = "aspects"
    help = "propose and select the questions, by an LLM or by evidence"
    unit, rated = "images", "answers"
    first = (Images,)
    checks = (checks.evidence, checks.candidates, checks.teacher)

    def is_wanted(self, config: Config) -> bool:
        from mmkd_ray.aspects.questions import is_selected

        return is_selected(config)

    def needs_cluster(self, config: Config, run: Run) -> bool:
        from mmkd_ray.evidence.stage import needs_cluster

        return needs_cluster(config, run)

    def artifact(self, run: Run) -> Folder:
        return run.aspects

    def run(self, config: Config, run: Run, progress: Any) -> dict[str, Any]:
        from mmkd_ray.evidence.stage import select_aspects

        record = select_aspects(config, run, progress)
        return record | {"page": _page(config, run)}

    def remark(self, config: Config, run: Run, record: Any) -> str:
        from mmkd_ray.aspects.questions import FILE

        counts = f"{record['selected']} of {record['proposed']} questions, {record['rejected']} rejected"
        return "; ".join(part for part in (counts, f"{run.aspects.uri}/{FILE}", record["page"]) if part)

    def closing(self, config: Config, run: Run, record: Any) -> Sequence[str | Table]:
        from mmkd_ray.aspects.questions import load_aspects

        chosen = load_aspects(config, run)
        return ["", *(f"{rank:>4}  {one.question}" for rank, one in enumerate(chosen, start=1))]


@dataclass(frozen=True)
class _OnPilot(Stage):
    """What `score` and `audit` share: both look at the teacher's answers about a pilot sample."""

    stored: bool = field(default=False, metadata=_STORED)

    unit, rated = "images", "answers"
    first = (Images,)
    checks = (checks.labels, checks.candidates, checks.teacher)

    def needs_cluster(self, config: Config, run: Run) -> bool:
        from mmkd_ray.evidence.stage import scoring_needs_cluster

        return scoring_needs_cluster(config, run, stored=self.stored)


@dataclass(frozen=True)
class Score(_OnPilot):
    """What the candidate questions are worth, by the teacher's answers on a pilot sample."""

    name, command = "score", "aspects score"
    help = "what each question is worth, from the teacher's answers about a small sample of the images"

    def run(self, config: Config, run: Run, progress: Any) -> Any:
        from mmkd_ray.evidence.stage import score_aspects

        return score_aspects(config, run, progress, stored=self.stored)

    def remark(self, config: Config, run: Run, record: Any) -> str:
        from mmkd_ray.evidence.tables import summary_line

        return summary_line(record)

    def closing(self, config: Config, run: Run, record: Any) -> Sequence[str | Table]:
        from mmkd_ray.evidence.tables import caution, score_table

        parts = ["", score_table(record), "", caution(run), f"page: {_page(config, run)}"]
        return [part for part in parts if part is not None]


@dataclass(frozen=True)
class Audit(_OnPilot):
    """How often the teacher is right, where the data set says what is truly to be seen."""

    mapping: str | None = field(
        default=None, metadata={"help": "for CUB-200: YAML of {question: attribute}", "metavar": "FILE"}
    )

    name, command = "audit", "aspects audit"
    help = "how often the teacher is right, where true attributes of the images are known"

    def run(self, config: Config, run: Run, progress: Any) -> Any:
        from mmkd_ray.evidence.stage import audit_teacher

        return audit_teacher(config, run, progress, mapping=self.mapping, stored=self.stored)

    def remark(self, config: Config, run: Run, record: Any) -> str:
        return f"{record.num_rows} questions with a known truth"

    def closing(self, config: Config, run: Run, record: Any) -> Sequence[str | Table]:
        from mmkd_ray.evidence.tables import audit_table, mean_accuracy_line

        rows, page = record.to_pylist(), _page(config, run)
        return ["", audit_table(rows), mean_accuracy_line(rows), *([f"\npage: {page}"] if page else [])]


def _page(config: Config, run: Run) -> str | None:
    """Draw the page of the evidence anew, if there is evidence; gives its place."""
    from mmkd_ray.evidence.tables import SCORES
    from mmkd_ray.report.evidence import write_page

    return write_page(config, run) if run.evidence.exists(SCORES) else None
