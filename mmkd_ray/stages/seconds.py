"""The wall time of each stage of a run, for its summary."""

from __future__ import annotations

from mmkd_ray.artifacts import Run

SECONDS = "seconds.json"


def read_seconds(run: Run) -> dict[str, float]:
    """Seconds that each stage took when it was last done, by name."""
    return run.folder.find_json(SECONDS)


def note_seconds(run: Run, stage: str, seconds: float) -> None:
    """Note the seconds of a stage."""
    run.folder.write_json(SECONDS, read_seconds(run) | {stage: round(seconds, 2)})
