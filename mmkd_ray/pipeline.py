"""The whole story: images, questions, the teacher's answers, students, what they are worth, a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mmkd_ray.answers.ledger import Ledger
from mmkd_ray.answers.teacher import check_teacher, describe_teacher
from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.aspects.questions import FILE, is_selected, load_aspects, source_aspects
from mmkd_ray.cluster.connection import check_reachable, connect
from mmkd_ray.config import Config, LlmAspects, to_yaml
from mmkd_ray.console import Console
from mmkd_ray.data.table import build_image_table
from mmkd_ray.evaluate.stage import evaluate_study, read_evaluation
from mmkd_ray.evidence.stage import audit_teacher, is_answered, needs_cluster, score_aspects, select_aspects
from mmkd_ray.evidence.tables import SCORES, audit_table, caution, score_table, summary_line
from mmkd_ray.extract.cost import describe_cost
from mmkd_ray.extract.stage import ask_teacher, mean_answer_mass
from mmkd_ray.extract.wording import check_wording
from mmkd_ray.report.evidence import write_page
from mmkd_ray.report.stage import write_report
from mmkd_ray.report.summary import SUMMARY, result_table, write_summary
from mmkd_ray.students.check import check_students
from mmkd_ray.students.model import check_student
from mmkd_ray.study.cost import describe_study
from mmkd_ray.train.stage import run_study
from mmkd_ray.tune.opening import open_search
from mmkd_ray.tune.outcome import one_line, text_table
from mmkd_ray.tune.stage import BEST, TRIALS, run_search

SECONDS = "seconds.json"


def run_all(config: Config, run: Run, console: Console) -> None:
    """Every stage in turn. What an earlier call has finished is not done again."""
    check(config, run, console)
    make_images(config, run, console)
    with connect(config.cluster) as cluster:
        console.say(f"cluster   {cluster}")
        if is_selected(config):
            select_questions(config, run, console)
        extract(config, run, console)
        train(config, run, console)
    evaluate(config, run, console)
    report(config, run, console)


def check(config: Config, run: Run, console: Console) -> None:
    """Find what would stop a later stage now, before anything slow begins."""
    with _stage("check", "", None, run, console) as (_, remark):
        questions = f"questions by {config.aspects.select}"
        check_teacher(config.teacher)
        if not is_selected(config):
            aspects = load_aspects(config, run)
            questions = f"{len(aspects)} questions"
            check_wording(config.teacher, [aspect.question for aspect in aspects])
        check_students(config)
        check_reachable(config.cluster)
        remark.append(f"{questions}, teacher {describe_teacher(config.teacher)}, student {config.student.model}")


def make_images(config: Config, run: Run, console: Console) -> None:
    """Stage 1: the image source becomes one image table."""
    with _stage("images", "images", lambda: run.images, run, console) as (progress, remark):
        record = build_image_table(config, run, progress)
        splits = ", ".join(f"{split} {count:,}" for split, count in record["images"].items())
        remark.append(f"{len(record['class_names'])} classes; {splits}")
        if record["quarantined"]:
            remark.append(f"{record['quarantined']} unreadable, listed in {run.images.uri}/quarantine.parquet")
    for line in record["told"]:
        console.say(f"          {line}")


def select_questions(config: Config, run: Run, console: Console) -> None:
    """Between the two: an LLM, or the evidence of a pilot, selects the questions; needs a cluster for some of that."""
    with _stage("aspects", "images", lambda: run.aspects, run, console, rated="answers") as (progress, remark):
        record = select_aspects(config, run, progress)
        remark.append(f"{record['selected']} of {record['proposed']} questions, {record['rejected']} rejected")
        remark.append(f"{run.aspects.uri}/{FILE}")
    if run.evidence.exists(SCORES):
        console.say(f"page      {write_page(config, run)}")


def aspects(config: Config, run: Run, console: Console) -> None:
    """Propose and select questions, as a command of its own."""
    _check_questions(config)
    make_images(config, run, console)
    with _cluster_if(needs_cluster(config), config, console):
        select_questions(config, run, console)
    chosen = load_aspects(config, run)
    console.say("\n" + "\n".join(f"{rank:>4}  {one.question}" for rank, one in enumerate(chosen, start=1)))


def score(config: Config, run: Run, console: Console, *, stored: bool = False) -> None:
    """What the candidate questions are worth, by the teacher's answers on a pilot sample."""
    _check_questions(config)
    make_images(config, run, console)
    with (
        _cluster_if(not is_answered(config, stored=stored), config, console),
        _stage("score", "images", None, run, console, rated="answers") as (progress, remark),
    ):
        scores = score_aspects(config, run, progress, stored=stored)
        remark.append(summary_line(scores))
    console.say(f"\n{score_table(scores)}\n")
    if remark := caution(run):
        console.say(remark)
    console.say(f"page: {write_page(config, run)}")


def audit(config: Config, run: Run, console: Console, *, stored: bool = False, mapping: str | None = None) -> None:
    """How often the teacher is right, where the data set says what is truly to be seen."""
    _check_questions(config)
    make_images(config, run, console)
    with (
        _cluster_if(not is_answered(config, stored=stored), config, console),
        _stage("audit", "images", None, run, console, rated="answers") as (progress, remark),
    ):
        table = audit_teacher(config, run, progress, mapping=mapping, stored=stored)
        remark.append(f"{table.num_rows} questions with a known truth")
    console.say(f"\n{audit_table(table.to_pylist())}")
    if run.evidence.exists(SCORES):
        console.say(f"\npage: {write_page(config, run)}")


def extract(config: Config, run: Run, console: Console) -> None:
    """Stage 2: the teacher answers every question about every image; needs a cluster."""
    with _stage("extract", "images", lambda: run.teacher, run, console, rated="answers") as (progress, remark):
        record = ask_teacher(config, run, progress)
        remark.append(Ledger(**record["ledger"]).line())
        lowest = record["lowest_answer_mass"]
        remark.append(f"mean answer mass at least {lowest['answer_mass']:.3f} ('{lowest['question']}')")


def plan(config: Config, run: Run, console: Console, *, answers_per_second: float | None = None) -> None:
    """What extraction will take: asks nothing, but makes the image table if it is not there."""
    make_images(config, run, console)
    for line in describe_cost(config, run, answers_per_second=answers_per_second):
        console.say(line)


def dry_run(config: Config, run: Run, console: Console, *, seconds_per_epoch: float | None = None) -> None:
    """What a study will take: makes nothing and asks nothing."""
    for line in describe_study(config, run, seconds_per_epoch=seconds_per_epoch):
        console.say(line)


def train(config: Config, run: Run, console: Console) -> None:
    """Stage 3: arms x seeds students learn; needs a cluster."""
    with _stage("train", "epochs", lambda: run.study, run, console) as (progress, remark):
        specs = run_study(config, run, progress)
        arms = ", ".join(dict.fromkeys(spec.arm for spec in specs))
        students = len({spec.identity for spec in specs})
        variants = f"; {len(config.study.variants)} variants" if config.study.variants else ""
        remark.append(f"{students} students: arms {arms}; {len(config.study.seeds)} seeds{variants}")


def evaluate(config: Config, run: Run, console: Console) -> None:
    """Stage 4: the students are measured on the test split and the shift sets, and compared."""
    with _stage("evaluate", "", None, run, console) as (_, remark):
        evaluation = evaluate_study(config, run)
        remark.append(
            ", ".join(f"{split} {count:,}" for split, count in evaluation["images"].items() if split != "train")
        )


def report(config: Config, run: Run, console: Console) -> None:
    """Stage 5: summary.json, the report, and the table on the terminal."""
    with _stage("report", "", None, run, console) as (_, remark):
        evaluation = read_evaluation(config, run)
        summary = write_summary(config, run, evaluation, answer_mass=mean_answer_mass(run), seconds=_seconds(run))
        run.folder.write_bytes("config.yaml", to_yaml(config).encode())
        place = write_report(config, run, summary, evaluation)
        remark.append(f"{run.folder.uri}/{SUMMARY}")
    console.say(f"\n{result_table(summary)}\n\nreport: {place}")


def tune(config: Config, run: Run, console: Console, *, resume: bool = False) -> None:
    """Search alpha, Q and other keys of the recipe on stored answers; the teacher is not asked."""
    check_student(config.student)
    search = open_search(config, run, resume=resume)
    with _stage("tune", "trials", lambda: run.tune, run, console) as (progress, remark):
        record = search.finished
        if record is None:
            with connect(config.cluster) as cluster:
                console.say(f"cluster   {cluster}")
                record = run_search(search, progress)
        remark.append(one_line(record))
    console.say(f"\n{text_table(config, run.tune.read_table(TRIALS))}\n\nto train it: mmkd train {run.tune.uri}/{BEST}")


@contextmanager
def _stage(
    name: str, unit: str, artifact: Callable[[], Folder] | None, run: Run, console: Console, *, rated: str = ""
) -> Iterator[tuple[Any, list[str]]]:
    """Show a stage's progress, and note its wall time unless it only found its artifact finished."""
    progress, remark = console.progress(name, unit, rated), []
    started, before = time.monotonic(), artifact and artifact().record()
    try:
        yield progress, remark
    except BaseException:
        progress.break_off()
        raise
    reused = artifact is not None and before is not None and artifact().record() == before
    if not reused:
        run.folder.write_json(SECONDS, _seconds(run) | {name: round(time.monotonic() - started, 2)})
    progress.close("; ".join(["already done: reused", *remark] if reused else remark))


def _connected(stage: Callable[[Config, Run, Console], None]) -> Callable[[Config, Run, Console], None]:
    """The stage with a cluster around it."""

    def with_cluster(config: Config, run: Run, console: Console) -> None:
        check(config, run, console)
        with connect(config.cluster) as cluster:
            console.say(f"cluster   {cluster}")
            stage(config, run, console)

    return with_cluster


def _check_questions(config: Config) -> None:
    """Find what is wrong with a file of questions, or with the teacher, before a cluster is started."""
    check_teacher(config.teacher)
    if not isinstance(config.aspects, LlmAspects):
        source_aspects(config.aspects)


@contextmanager
def _cluster_if(needed: bool, config: Config, console: Console) -> Iterator[None]:
    if not needed:
        yield
        return
    with connect(config.cluster) as cluster:
        console.say(f"cluster   {cluster}")
        yield


def _seconds(run: Run) -> dict[str, float]:
    return run.folder.read_json(SECONDS) if run.folder.exists(SECONDS) else {}


STAGES: dict[str, Callable[[Config, Run, Console], None]] = {
    "run": run_all,
    "images": make_images,
    "aspects": aspects,
    "extract": _connected(extract),
    "train": _connected(train),
    "evaluate": evaluate,
    "report": report,
}
"""Each stage as a command of its own."""
