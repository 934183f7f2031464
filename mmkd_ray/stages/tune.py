"""A search for alpha, Q and other keys of the recipe on stored answers; the teacher is not asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmkd_ray.stages import checks
from mmkd_ray.stages.stage import Stage

if TYPE_CHECKING:
    from mmkd_ray.artifacts import Folder, Run
    from mmkd_ray.config import Config
    from mmkd_ray.console import Table


@dataclass(frozen=True)
class Tune(Stage):
    """Beside the story: what it finds is a configuration."""

    resume: bool = field(default=False, metadata={"help": "continue a search that was interrupted"})

    name = command = "tune"
    help = "search alpha, Q and other keys on the stored answers"
    again = "`mmkd tune CONFIG --resume` (without --resume if no trial had begun)"
    unit = "trials"
    checks = (checks.task, checks.trials, checks.trackers)

    def needs_cluster(self, config: Config, run: Run) -> bool:
        from mmkd_ray.tune.opening import open_search

        return open_search(config, run, resume=self.resume).finished is None

    def artifact(self, run: Run) -> Folder:
        return run.tune

    def run(self, config: Config, run: Run, progress: Any) -> dict[str, Any]:
        from mmkd_ray.tune.opening import open_search
        from mmkd_ray.tune.stage import run_search

        return run_search(open_search(config, run, resume=self.resume), progress)

    def remark(self, config: Config, run: Run, record: Any) -> str:
        from mmkd_ray.tune.outcome import one_line

        return one_line(record)

    def closing(self, config: Config, run: Run, record: Any) -> Sequence[str | Table]:
        from mmkd_ray.tune.outcome import shown_trials
        from mmkd_ray.tune.stage import BEST, TRIALS

        shown = shown_trials(config, run.tune.read_table(TRIALS))
        return ["", *shown, f"\nto train it: mmkd train {run.tune.uri}/{BEST}"]
