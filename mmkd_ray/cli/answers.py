"""The commands about a teacher table that is there, or made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from typer import Argument, Option

from mmkd_ray.cli.arguments import Overrides, RunFolder, folder_of
from mmkd_ray.cli.request import Request


def verify(run: RunFolder) -> Request:
    """Read all that a run has: is each artifact as it was written, is each cell in the teacher table once?"""
    return Request(partial(_verify, run))


def import_teacher(
    config: Annotated[str, Argument(metavar="CONFIG", help="YAML file with teacher: {kind: imported, name: ...}")],
    file: Annotated[str, Argument(metavar="FILE", help="{image name: (P(yes), ...)} as one JSON object or one a line")],
    overrides: Overrides = None,
    merge_duplicates: Annotated[
        bool, Option("--merge-duplicates", help="drop repeats, take the mean of what differs")
    ] = False,
    epsilon: Annotated[float, Option(help="P(yes) is clipped to (EPSILON, 1 - EPSILON)")] = 1e-6,
) -> Request:
    """Make the teacher table from answers made elsewhere."""
    return Request(partial(_import, config, file, overrides or (), merge_duplicates=merge_duplicates, epsilon=epsilon))


def export_teacher(
    run: RunFolder,
    file: Annotated[str, Argument(metavar="FILE", help="file to write")],
    format_: Annotated[Literal["makd-json"], Option("--format", help="of the file")] = "makd-json",  # noqa: ARG001
    splits: Annotated[
        list[str] | None, Option(help="MaKD's own training wants train alone; train val if unset", metavar="SPLIT...")
    ] = None,
) -> Request:
    """Write a run's teacher table as a file of another tool."""
    return Request(partial(_export, run, file, splits or ["train", "val"]))


def _verify(place: str) -> int:
    from mmkd_ray.artifacts import open_run
    from mmkd_ray.integrity import examine

    place, whole, bad = folder_of(place), 0, 0
    for finding in examine(open_run(place, "")):
        whole, bad = whole + finding.is_whole, bad + (not finding.is_whole)
        print(f"{'ok' if finding.is_whole else 'not ok':<8}  {finding.name}: {finding.text}", flush=True)
    print(f"verified  {place}: {whole} of {whole + bad} artifacts are as they were written")
    return 2 if bad else 0


def _import(config_file: str, file: str, overrides: Sequence[str], *, merge_duplicates: bool, epsilon: float) -> int:
    from mmkd_ray.answers.interop.importing import import_teacher as import_table
    from mmkd_ray.answers.ledger import Ledger
    from mmkd_ray.config import load
    from mmkd_ray.lease import writing
    from mmkd_ray.stages.opening import run_of

    config = load(config_file, overrides)
    run = run_of(config)
    with writing(run, "import-teacher"):
        record = import_table(config, run, file, merge_duplicates=merge_duplicates, epsilon=epsilon)
    print("\n".join([*record["remarks"], Ledger(**record["ledger"]).line()]))
    return 0


def _export(place: str, file: str, splits: list[str]) -> int:
    from mmkd_ray.answers.interop.exporting import export_teacher as export_table
    from mmkd_ray.answers.interop.exporting import open_finished_run

    place = folder_of(place)
    written = export_table(open_finished_run(place), file, splits=splits)
    print(f"{file}: {len(written):,} images; questions in order: {place}/teacher/questions.json")
    return 0
