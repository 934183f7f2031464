"""Compare runs, and show what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from mmkd_ray.artifacts import Run
from mmkd_ray.config.messages import show
from mmkd_ray.console import Table
from mmkd_ray.errors import ArtifactError, ConfigError
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN
from mmkd_ray.report.comparison.inputs import InputDifferences, input_differences
from mmkd_ray.report.comparison.measures import MeasureRow, measure_rows
from mmkd_ray.report.comparison.settings import KeyDifference, key_differences
from mmkd_ray.report.comparison.stored import StoredRun, read_run
from mmkd_ray.report.summary import shown_difference, shown_value

_MOST = len(ascii_uppercase)


@dataclass(frozen=True)
class RunComparison:
    """Two runs or more; the first is what the others are compared with. `print` shows it all."""

    runs: tuple[StoredRun, ...]
    settings: tuple[KeyDifference, ...]
    """The keys of the configuration that differ."""
    inputs: tuple[InputDifferences, ...]
    """Of each run but the first, compared with the first: images, questions, teacher, versions."""
    results: tuple[MeasureRow, ...]
    """A row for each arm and metric."""

    @property
    def remarks(self) -> list[str]:
        """Why results were not compared, a sentence each; empty where all were."""
        found = []
        for other, inputs in zip(self.runs[1:], self.inputs, strict=True):
            reasons = {split: inputs.why_not(split) for split in ("test", SHIFT_MEAN)}
            found += [
                f"no difference {other.letter} - A on {_named(split)}: {reason}"
                for split, reason in reasons.items()
                if reason
            ]
            if not _seeds(self.runs[0]) & _seeds(other):
                found.append(f"no difference {other.letter} - A: they have no seed in common")
        return found

    def shown(self) -> list[str | Table]:
        """All of it for a terminal, part by part."""
        parts: list[str | Table] = [*(f"{run.letter:<10}{run.run.folder.uri}" for run in self.runs), ""]
        parts += self._shown_settings()
        parts += ["", *self._shown_inputs(), "", self._shown_results()]
        return [*parts, *(["", *self.remarks] if self.remarks else [])]

    def __str__(self) -> str:
        """As plain text."""
        return "\n".join(map(str, self.shown()))

    def _shown_settings(self) -> list[str | Table]:
        if not self.settings:
            return ["the configurations are the same"]
        rows = [
            (found.key, *("-" if value is None else show(value) for value in found.values), found.decides)
            for found in self.settings
        ]
        return [Table(("key that differs", *self._letters, "decides numbers"), rows)]

    def _shown_inputs(self) -> list[str]:
        lines = []
        for other, inputs in zip(self.runs[1:], self.inputs, strict=True):
            at = "" if len(self.runs) == 2 else f"{other.letter}: "
            images = {split: how for split, how in inputs.images.items() if how}
            same = [split for split in inputs.images if split not in images]
            parts = [f"{split}: {how}" for split, how in images.items()]
            parts += [f"{', '.join(same)} the same"] if same else []
            lines += [
                f"images    {at}{'; '.join(parts) if images else 'the same'}",
                f"questions {at}{inputs.questions or 'the same'}",
                f"teacher   {at}{f'differs in {inputs.teacher}' if inputs.teacher else 'the same'}",
                f"versions  {at}{inputs.versions or 'the same'}",
            ]
        return lines

    def _shown_results(self) -> Table:
        has_variants = any(row.variant for row in self.results)
        level = f"{100 * self.runs[0].evaluation.confidence:g} %"
        differences = [f"{letter} - A [{level} over seeds]" for letter in self._letters[1:]]
        header = (*(["variant"] if has_variants else []), "arm", "measure", *self._letters, *differences)
        return Table(header, [_cells(row, has_variants=has_variants) for row in self.results])

    @property
    def _letters(self) -> list[str]:
        return [run.letter for run in self.runs]


def compare_runs(runs: Sequence[Run]) -> RunComparison:
    """Compare runs by what is on storage.

    Args:
        runs: two or more, each with its report; the first is what the others are compared with.

    Raises:
        ConfigError: fewer than two runs, or more than there are letters.
        ArtifactError: a run has no report yet, or they are of different tasks.
        DamagedError: a file is not as it was written.
    """
    if not 2 <= len(runs) <= _MOST:
        raise ConfigError(f"compare: got {len(runs)} run(s); 2 to {_MOST} are accepted: mmkd compare RUN RUN")
    stored = [read_run(letter, run) for letter, run in zip(ascii_uppercase, runs, strict=False)]
    tasks = {run.evaluation.task: run.run.folder.uri for run in stored}
    if len(tasks) > 1:
        of = ", ".join(f"{place} is of '{task}'" for task, place in tasks.items())
        raise ArtifactError(f"runs of different tasks have no measure in common: {of}; compare runs of one task")
    first, *others = stored
    inputs = [input_differences(first, other) for other in others]
    return RunComparison(
        tuple(stored),
        tuple(key_differences([run.config for run in stored])),
        tuple(inputs),
        tuple(measure_rows(stored, inputs)),
    )


def _seeds(run: StoredRun) -> set[int]:
    return {seed for _, _, seed in run.students}


def _named(split: str) -> str:
    return "the shift sets" if split == SHIFT_MEAN else split


def _cells(row: MeasureRow, *, has_variants: bool) -> tuple[str, ...]:
    split = "unseen" if row.split == SHIFT_MEAN else row.split
    differences = [
        "the same students" if same else _difference(row, place) for place, same in enumerate(row.same_students)
    ]
    values = [shown_value(measure, row.metric) for measure in row.measures]
    return (*([row.variant] if has_variants else []), row.arm, f"{split} {row.metric.title}", *values, *differences)


def _difference(row: MeasureRow, place: int) -> str:
    difference = row.differences[place]
    text = shown_difference(difference, row.metric)
    seeds = [len(measure.defined) for measure in (row.measures[0], row.measures[place + 1]) if measure]
    both = len(difference.per_seed) if difference else 0
    return f"{text} ({both} in both)" if difference and seeds != [both, both] else text
