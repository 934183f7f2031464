"""What came out of a search: a row for each trial, the best of them as a configuration, a table for the terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from mmkd_ray import schema
from mmkd_ray.config import Config, to_yaml, with_values
from mmkd_ray.errors import StudentError
from mmkd_ray.render.text import aligned

FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"
_STATUS = {FINISHED: "finished", STOPPED: "stopped early", FAILED: "failed"}
SHOWN = 30
"""Trials that the terminal shows."""


def trial_table(config: Config, results: Iterable[Any]) -> pa.Table:
    """The trials of a search in the order in which they began: columns of `schema.TRIALS`, and one for each key.

    Args:
        config: of the search.
        results: Ray Tune's result of each trial.
    """
    reported = sorted(results, key=lambda result: result.metrics.get("started", float("inf")))
    rows = [{"trial": number, **_row(config, result)} for number, result in enumerate(reported, start=1)]
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in schema.TRIALS.items()}
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
        "val_top1": metrics.get("val_top1", 0.0),
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


def best_row(table: pa.Table) -> dict[str, Any]:
    """The trial with the highest validation accuracy; of several, the first.

    Raises:
        StudentError: every trial failed.
    """
    rows = table.to_pylist()
    sound = [row for row in rows if row["status"] != FAILED]
    if not sound:
        raise StudentError(f"all {len(rows)} trials of the search failed; the first: {rows[0]['reason']}")
    return max(sound, key=lambda row: (row["val_top1"], -row["trial"]))


def best_yaml(config: Config, table: pa.Table) -> str:
    """The configuration with the best trial's values in place, as a file that `mmkd train` accepts as it is.

    The arm of the search is among its arms; it has no variants, which would bring other values.
    """
    row = best_row(table)
    arms = list(dict.fromkeys([*config.study.arms, config.tune.arm]))
    best = with_values(config, {**values_of(config, row), "study.arms": arms}, where="the best trial")
    return (
        f"# The best of {table.num_rows} trials of `mmkd tune`: trial {row['trial']}, "
        f"{100 * row['val_top1']:.1f} % of the validation images ({_seeds(config)}).\n{to_yaml(best)}"
    )


def facts(config: Config, table: pa.Table) -> dict[str, Any]:
    """The search in numbers, for its record.

    `trials` by status; `epochs` trained, and those of all trials in full (`full_epochs`), a seed's each; `seconds` of
    training and validation; `best`.
    """
    row, counts = best_row(table), Counter(table["status"].to_pylist())
    whole = [trial.get("train.epochs") or config.train.epochs for trial in table.to_pylist()]
    return {
        "trials": {status: counts[status] for status in (FINISHED, STOPPED, FAILED)},
        "epochs": sum(table["epochs"].to_pylist()),
        "full_epochs": sum(whole),
        "seconds": round(sum(table["seconds"].to_pylist()), 2),
        "best": {"trial": row["trial"], "val_top1": row["val_top1"], "values": values_of(config, row)},
    }


def one_line(record: dict[str, Any]) -> str:
    """The search in one line: `3 finished, 9 stopped early; 396 of 972 epochs`."""
    counts = [f"{count} {_STATUS[status]}" for status, count in record["trials"].items() if count]
    return f"{', '.join(counts)}; {record['epochs']:,} of {record['full_epochs']:,} epochs"


def text_table(config: Config, table: pa.Table) -> str:
    """The trials, best first, and a sentence about the best."""
    rows = sorted(table.to_pylist(), key=lambda row: (-row["val_top1"], row["trial"]))
    header = ("trial", *config.tune.space, "val top-1", "epochs", "seconds", "")
    lines = aligned([header, *(_text_row(config, row) for row in rows[:SHOWN])])
    if len(rows) > SHOWN:
        lines.append(f"... and {len(rows) - SHOWN} more")
    best = best_row(table)
    values = ", ".join(f"{key}={_text(value)}" for key, value in values_of(config, best).items())
    return "\n".join(
        [*lines, "", f"best: trial {best['trial']}, {100 * best['val_top1']:.1f} % ({_seeds(config)}) with {values}"]
    )


def _text_row(config: Config, row: dict[str, Any]) -> tuple[str, ...]:
    what = "" if row["status"] == FINISHED else _STATUS[row["status"]]
    return (
        str(row["trial"]),
        *(_text(value) for value in values_of(config, row).values()),
        f"{100 * row['val_top1']:.1f} %",
        str(row["epochs"]),
        f"{row['seconds']:.0f}",
        f"{what}: {row['reason']}" if row["reason"] else what,
    )


def _text(value: Any) -> str:
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _seeds(config: Config) -> str:
    seeds = config.tune.seeds
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"mean of {len(seeds)} seeds"
