"""Which student of a study is exported."""

from __future__ import annotations

from typing import Literal

from mmkd_ray.artifacts import Run
from mmkd_ray.config import BASELINE, Config, of_variants
from mmkd_ray.errors import ArtifactError, ConfigError, few
from mmkd_ray.students.bundle import read_card
from mmkd_ray.study.students import StudentSpec, list_students
from mmkd_ray.tasks import task_of

METHOD = "makd"


def choose_student(
    config: Config, run: Run, *, arm: str | None, seed: int | Literal["best"], variant: str | None
) -> StudentSpec:
    """A finished student of the study.

    Args:
        config: of the run.
        run: with its students.
        arm: unset: `makd`, or the first that is not the baseline.
        seed: of its training; `best`: the one that is best on the validation split, of those that are finished.
        variant: unset: the first.

    Raises:
        ConfigError: the study has no such arm or variant.
        ArtifactError: no such student is finished.
    """
    variants = of_variants(config)
    variant = next(iter(variants)) if variant is None else variant
    if variant not in variants:
        there = few(filter(None, variants), near=variant)
        raise ConfigError(
            f"--variant: got '{variant}'; " + (f"accepted are {there}" if there else "the study has none")
        )
    arms = variants[variant].study.arms
    if arm is None:
        arm = METHOD if METHOD in arms else next((name for name in arms if name != BASELINE), BASELINE)
    if arm not in arms:
        raise ConfigError(f"--arm: got '{arm}'; accepted are {', '.join(arms)}")
    finished = [spec for spec in list_students(config, run) if spec.folder(run).finished(spec.identity)]
    candidates = [
        spec for spec in finished if (spec.variant, spec.arm) == (variant, arm) and seed in ("best", spec.seed)
    ]
    if not candidates:
        raise ArtifactError(_none(run, f"{variant} {arm}".strip(), seed, finished))
    metric = task_of(config).primary
    worth = {spec.seed: read_card(spec.folder(run)).metrics[metric.val_key] for spec in candidates}
    best = metric.best(worth.values())
    return next(spec for spec in candidates if worth[spec.seed] == best)


def _none(run: Run, arm: str, seed: int | str, finished: list[StudentSpec]) -> str:
    wanted = arm if seed == "best" else f"{arm} seed {seed}"
    there = few(map(str, finished), near=wanted, most=8)
    advice = f"there are: {there}" if there else "none is: run `mmkd train CONFIG` first"
    return f"{run.folder.uri} has no finished student '{wanted}'; {advice}"
