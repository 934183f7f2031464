"""Students learn, are measured and compared, and a report says what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmkd_ray.stages import checks
from mmkd_ray.stages.stage import Stage

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Folder, Run
    from mmkd_ray.config import Config
    from mmkd_ray.console import Table
    from mmkd_ray.evaluate.evaluation import Evaluation


@dataclass(frozen=True)
class Train(Stage):
    """Stage 3: arms x seeds students learn."""

    name = command = "train"
    help = "train the students of the study"
    unit = "epochs"
    checks = (checks.task, checks.questions, checks.teacher, checks.students, checks.trackers)

    def needs_cluster(self, config: Config, run: Run) -> bool:
        from mmkd_ray.train.stage import needs_training

        return needs_training(config, run)

    def artifact(self, run: Run) -> Folder:
        return run.study

    def run(self, config: Config, run: Run, progress: Any) -> Any:
        from mmkd_ray.train.stage import run_study

        return run_study(config, run, progress)

    def remark(self, config: Config, run: Run, record: Any) -> str:
        arms = ", ".join(dict.fromkeys(spec.arm for spec in record))
        students = len({spec.identity for spec in record})
        variants = f"; {len(config.study.variants)} variants" if config.study.variants else ""
        return f"{students} students: arms {arms}; {len(config.study.seeds)} seeds{variants}"


@dataclass(frozen=True)
class Evaluate(Stage):
    """Stage 4: the students are measured on the test split and the shift sets, and compared."""

    name = command = "evaluate"
    help = "measure and compare the students"
    unit = "predictions"

    def needs_cluster(self, config: Config, run: Run) -> bool:
        from mmkd_ray.evaluate.pieces import needs_predictions

        return needs_predictions(config, run)

    def run(self, config: Config, run: Run, progress: Any) -> Evaluation:
        from mmkd_ray.evaluate.predict import predict_study
        from mmkd_ray.evaluate.stage import evaluate_study

        predict_study(config, run, progress)
        return evaluate_study(config, run)

    def remark(self, config: Config, run: Run, record: Any) -> str:
        return ", ".join(f"{split} {count:,}" for split, count in record.images.items() if split != "train")


@dataclass(frozen=True)
class Report(Stage):
    """Stage 5: `summary.json`, the report, and the table on the terminal."""

    name = command = "report"
    help = "write summary.json and the HTML report"

    def run(self, config: Config, run: Run, progress: Any) -> dict[str, Any]:
        from mmkd_ray.artifacts.configuration import write_config
        from mmkd_ray.evaluate.evaluation import read_evaluation
        from mmkd_ray.extract.stage import mean_answer_mass
        from mmkd_ray.report import robustness
        from mmkd_ray.report.looks import sheets_of
        from mmkd_ray.report.stage import write_report
        from mmkd_ray.report.summary import write_summary
        from mmkd_ray.stages.seconds import read_seconds

        evaluation = read_evaluation(config, run)
        mass, seconds = mean_answer_mass(run), read_seconds(run)
        summary = write_summary(config, run, evaluation, answer_mass=mass, seconds=seconds)
        write_config(config, run)
        pages = {
            "robustness": robustness.write_page(config, run, evaluation, sheets_of(config, run, evaluation)),
            "report": write_report(config, run, summary, evaluation),
        }
        return {"evaluation": evaluation, **pages}

    def remark(self, config: Config, run: Run, record: Any) -> str:
        from mmkd_ray.report.summary import SUMMARY

        return f"{run.folder.uri}/{SUMMARY}"

    def closing(self, config: Config, run: Run, record: Any) -> Sequence[str | Table]:
        from mmkd_ray.report.summary import shown_results

        pages = f"\nreport: {record['report']}", f"robustness: {record['robustness']}"
        return ["", *shown_results(record["evaluation"]), *pages]
