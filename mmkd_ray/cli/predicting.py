"""The command that uses a finished student."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from mmkd_ray.cli.request import Request

if TYPE_CHECKING:
    from mmkd_ray.console import Console

Bundle = Annotated[
    str,
    Argument(
        metavar="BUNDLE", help="folder or URI of a student: runs/NAME/study/ARM-seedSEED-..., or what was exported"
    ),
]


def predict(
    bundle: Bundle,
    images: Annotated[
        list[str],
        Argument(metavar="IMAGES...", help="files, folders, patterns, Parquet files with images; paths or URIs"),
    ],
    output: Annotated[
        str, Option(metavar="FILE", help="write all rows: FILE.jsonl or FILE.parquet", show_default=False)
    ] = "",
    explain: Annotated[
        bool, Option("--explain", help="say which aspects speak for a class and which against it")
    ] = False,
    column: Annotated[
        str, Option(metavar="NAME", help="of Parquet files: the column of images", show_default=False)
    ] = "",
) -> Request:
    """Predict classes and aspects by a finished student; status 1 if no image could be read."""
    return Request(partial(_predict, bundle, images, output=output, explains=explain, column=column))


def _predict(place: str, words: Sequence[str], *, output: str, explains: bool, column: str) -> int:
    from mmkd_ray.cluster.environment import prepare_process

    prepare_process(offline=True)  # a bundle brings its weights
    from mmkd_ray.prediction.finding import find_images
    from mmkd_ray.prediction.output import check_output, writing
    from mmkd_ray.prediction.predicting import HERE, PredictionJob
    from mmkd_ray.prediction.showing import Shown

    check_output(output)
    job = PredictionJob.by(place, explains=explains)
    pictures = find_images(words, column=column)
    shown = Shown(job.card)
    with _console(quiet=len(pictures) > HERE) as console:
        progress, started = console.progress("predict", "images"), time.monotonic()
        with writing(output, job.columns, job.card) as write:
            for rows in job.of(pictures, console.say):
                write(rows)
                shown.add(rows)
                progress(shown.good + shown.bad, len(pictures))
        progress.close(f"{len(pictures) / (time.monotonic() - started):,.1f} images/s")
        for line in shown.lines(output):
            console.say(line)
    return 0 if shown.good else 1


@contextmanager
def _console(*, quiet: bool) -> Iterator[Console]:
    """The terminal; `quiet` sends what Ray says, which comes with a cluster, to a log file."""
    from mmkd_ray.cli.failures import leave_at_once
    from mmkd_ray.console import Console, quiet_output

    if not quiet:
        yield Console(sys.stdout)
        return
    from mmkd_ray.cli.running import log_file
    from mmkd_ray.cluster.lost import leaving_when_lost

    with ExitStack() as stack:
        console = stack.enter_context(quiet_output(log_file(None, "predict")))
        stack.enter_context(leaving_when_lost(lambda error: leave_at_once(error, console)))
        yield console
