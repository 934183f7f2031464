"""What came out of a search: a row for each trial, the best of them as a configuration, a table for the terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.config import Config, to_yaml, with_values
from mmkd_ray.console import Table
from mmkd_ray.errors import StudentError
from mmkd_ray.tasks import Metric, task_of
from mmkd_ray.tune.space import OBJECTIVE

FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"
_STATUS = {FINISHED: "finished", STOPPED: "stopped early", FAILED: "failed"}
SHOWN = 30
"""Trials that the terminal shows."""


def trial_table(config: Config, results: Iterable[Any]) -> pa.Table:
    """The trials of a search in the order in which they began: columns of `schema.TRIALS`, the value, one for each key.

    Args:
        config: of the search.
        results: Ray Tune's result of each trial.
    """
    reported = sorted(results, key=lambda result: result.metrics.get("started", float("inf")))
    rows = [{"trial": number, **_row(config, result)} for number, result in enumerate(reported, start=1)]
    kinds = {**schema.TRIALS, task_of(config).primary.val_key: pa.float64()}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()}
    return pa.table({"trial": columns.pop("trial"), **_key_columns(config, rows), **columns})


def _row(config: Config, result: Any) -> dict[str, Any]:
    metrics = result.metrics
    values = metrics.get("config", {})  # there is none of a trial whose process ended before its first epoch
    epochs = len(metrics.get("curve", ()))
    reason = metrics.get("failure") or (str(result.error).strip().splitlines()[-1] if result.error else None)
    whole = epochs >= values.get("train.epochs", config.train.epochs)
    return {
        **{key: values.get(key) for key in config.tune.space},
        "status": FAILED if reason else FINISHED if whole else STOPPED,
        task_of(config).primary.val_key: metrics[OBJECTIVE] if epochs else None,
        "epochs": epochs,
        "seconds": metrics.get("seconds", 0.0),
        "reason": reason,
        "id": metrics["trial_id"],
    }


def _key_columns(config: Config, rows: Sequence[dict[str, Any]]) -> dict[str, pa.Array]:
    columns = {}
    for key in config.tune.space:
        values = [row[key] for row in rows]
        known = [value for value in values if value is not None]
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
        columns[key] = pa.array(
            values if numbers else [None if value is None else json.dumps(value) for value in values]
        )
    return columns


def values_of(config: Config, row: dict[str, Any]) -> dict[str, Any]:
    """The values of the searched keys in a row of the table."""
    return {key: json.loads(row[key]) if isinstance(row[key], str) else row[key] for key in config.tune.space}


def best_row(config: Config, table: pa.Table) -> dict[str, Any]:
    """The trial with the best validation value; of several, the first.

    Raises:
        StudentError: every trial failed.
    """
    rows = best_first(config, table)
    sound = [row for row in rows if row["status"] != FAILED]
    if not sound:
        reason = min(rows, key=lambda row: row["trial"])["reason"]
        raise StudentError(f"all {len(rows)} trials of the search failed; the first: {reason}")
    return sound[0]


def best_first(config: Config, table: pa.Table) -> list[dict[str, Any]]:
    """The rows of the trials, best first; those that came to no value last."""
    metric = task_of(config).primary
    sign = -1 if metric.higher_is_better else 1

    def place(row: dict[str, Any]) -> tuple[float, int]:
        value = row[metric.val_key]
        return (float("inf") if value is None else sign * value, row["trial"])

    return sorted(table.to_pylist(), key=place)


def goodness(metric: Metric, values: Iterable[float]) -> Callable[[float], float]:
    """How good a value is among some, from 0 (the worst) to 1 (the best); 1 where all are the same."""
    known = list(values)
    low, high = min(known, default=0.0), max(known, default=0.0)

    def share(value: float) -> float:
        if high == low:
            return 1.0
        return (value - low) / (high - low) if metric.higher_is_better else (high - value) / (high - low)

    return share


def best_yaml(config: Config, table: pa.Table) -> str:
    """The configuration with the best trial's values in place, as a file that `mmkd train` accepts as it is.

    The arm of the search is among its arms; it has no variants, which would bring other values.
    """
    row, metric = best_row(config, table), task_of(config).primary
    arms = list(dict.fromkeys([*config.study.arms, config.tune.arm]))
    best = with_values(config, {**values_of(config, row), "study.arms": arms}, where="the best trial")
    return (
        f"# The best of {table.num_rows} trials of `mmkd tune`: trial {row['trial']}, "
        f"validation {metric.title} {metric.unit.text_with_sign(row[metric.val_key])} ({_seeds(config)}).\n"
        f"{to_yaml(best)}"
    )


def facts(config: Config, table: pa.Table) -> dict[str, Any]:
    """The search in numbers, for its record.

    `trials` by status; `epochs` trained, and those of all trials in full (`full_epochs`), a seed's each; `seconds` of
    training and validation; `best`.
    """
    row, counts = best_row(config, table), Counter(table["status"].to_pylist())
    key = task_of(config).primary.val_key
    whole = [trial.get("train.epochs") or config.train.epochs for trial in table.to_pylist()]
    return {
        "trials": {status: counts[status] for status in (FINISHED, STOPPED, FAILED)},
        "epochs": sum(table["epochs"].to_pylist()),
        "full_epochs": sum(whole),
        "seconds": round(sum(table["seconds"].to_pylist()), 2),
        "best": {"trial": row["trial"], key: row[key], "values": values_of(config, row)},
    }


def one_line(record: dict[str, Any]) -> str:
    """The search in one line: `3 finished, 9 stopped early; 396 of 972 epochs`."""
    counts = [f"{count} {_STATUS[status]}" for status, count in record["trials"].items() if count]
    return f"{', '.join(counts)}; {record['epochs']:,} of {record['full_epochs']:,} epochs"


def shown_trials(config: Config, table: pa.Table) -> list[str | Table]:
    """The trials, best first, and a sentence about the best, for a person."""
    rows, metric = best_first(config, table), task_of(config).primary
    header = ("trial", *config.tune.space, f"val {metric.title}", "epochs", "")
    more = [f"... and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    best = best_row(config, table)
    reached = metric.unit.text_with_sign(best[metric.val_key])
    values = ", ".join(f"{key}={_text(value)}" for key, value in values_of(config, best).items())
    sentence = f"best: trial {best['trial']}, {reached} ({_seeds(config)}) with {values}"
    return [Table(header, [_text_row(config, row) for row in rows[:SHOWN]]), *more, "", sentence]


def _text_row(config: Config, row: dict[str, Any]) -> tuple[str, ...]:
    metric = task_of(config).primary
    what = "" if row["status"] == FINISHED else _STATUS[row["status"]]
    return (
        str(row["trial"]),
        *(_text(value) for value in values_of(config, row).values()),
        metric.unit.text_with_sign(row[metric.val_key]),
        str(row["epochs"]),
        f"{what}: {row['reason']}" if row["reason"] else what,
    )


def _text(value: Any) -> str:
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _seeds(config: Config) -> str:
    seeds = config.tune.seeds
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"mean of {len(seeds)} seeds"
