"""What a notebook needs: load a configuration, run stages, read results, and predict by a student.

import mmkd_ray as mm
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pyarrow as pa

from mmkd_ray import artifacts
from mmkd_ray.artifacts import Run
from mmkd_ray.config import Config
from mmkd_ray.config import load as load_config
from mmkd_ray.console import Console
from mmkd_ray.errors import ArtifactError, ConfigError, DataError
from mmkd_ray.stages import STAGES
from mmkd_ray.stages.opening import configured_run, prepare_environment, run_of

if TYPE_CHECKING:
    from mmkd_ray.exports.exported import Exported
    from mmkd_ray.report.comparison import RunComparison
    from mmkd_ray.students.bundle import Bundle
    from mmkd_ray.students.card import Precision

ConfigLike: TypeAlias = Config | str | Path | Mapping[str, Any]
"""A configuration, its file, or what the file would say."""
RunLike: TypeAlias = Run | Config | str | Path
"""A run, its configuration, or its folder."""


def load(config: ConfigLike, overrides: Sequence[str] | str = ()) -> Config:
    """Load and check a configuration.

    Args:
        config: a YAML file, or plain values: `{"name": ..., "data": {...}, ...}`.
        overrides: `key.path=value` or `FILE.yaml`, as on the command line; one, or several.

    Raises:
        ConfigError: one line that names the key, what was got and what is accepted.
    """
    overrides = [overrides] if isinstance(overrides, str) else overrides
    if not isinstance(config, Config):
        return load_config(config, overrides)
    return load_config(config.model_dump(mode="json"), overrides) if overrides else config


def run(
    config: ConfigLike, stages: Sequence[str] | str | None = None, *, replace: bool = False, quiet: bool = False
) -> Run:
    """Do a whole run, or some of its stages; what is finished is not done again.

    A Ray cluster is started, or the one that the configuration names is used, if something is left to do that takes
    one. A process that is connected to a cluster already stays on that one.

    Args:
        config: what to do.
        stages: names in the order in which they are done, e.g. `["images", "extract"]`; the whole story if unset.
        replace: whether the run's images may be exchanged for those of another source.
        quiet: whether to print no progress.

    Returns:
        The run, for `results` and `summary`.

    Raises:
        MmkdError: what the user can mend; the message says how.
    """
    config = load(config)
    prepare_environment(config)
    from mmkd_ray import pipeline  # noqa: PLC0415 (imports ray: only after the environment is set)

    console, opened = Console(io.StringIO() if quiet else sys.stdout), run_of(config)
    if stages is None:
        pipeline.run_all(config, opened, console, replace=replace)
        return opened
    names = [stages] if isinstance(stages, str) else list(stages)
    if unknown := [name for name in names if name not in STAGES]:
        raise ConfigError(f"stages: got {', '.join(map(repr, unknown))}; accepted are {', '.join(STAGES)}")
    chosen = [STAGES[name] for name in names]
    pipeline.run_stages(pipeline.replacing_images(chosen) if replace else chosen, config, opened, console)
    return opened


def open_run(run: RunLike) -> Run:
    """The run of a configuration, or in a folder: a local path or a URI, e.g. `runs/quickstart`."""
    if isinstance(run, Run):
        return run
    return run_of(run) if isinstance(run, Config) else artifacts.open_run(*_split(str(run)))


def results(run: RunLike) -> pa.Table:
    """The results of a run, a row each; `.to_pandas()` gives a data frame.

    Raises:
        ArtifactError: the run has not been evaluated.
    """
    opened = open_run(run)
    _require(opened, "results.parquet", "evaluate")
    return opened.folder.read_table("results.parquet")


def summary(run: RunLike) -> dict[str, Any]:
    """What `summary.json` of a run holds; docs/summary.md describes its keys.

    Raises:
        ArtifactError: the run has no report yet.
    """
    opened = open_run(run)
    _require(opened, "summary.json", "report")
    return opened.folder.read_json("summary.json")


def compare(*runs: RunLike) -> RunComparison:
    """Compare two finished runs or more: `print` shows what differs in configuration, inputs and results.

    Args:
        runs: each a run, its configuration or its folder; the first is what the others are compared with.

    Raises:
        ArtifactError: a run has no report yet, or they are of different tasks.
    """
    from mmkd_ray.report.comparison import compare_runs  # noqa: PLC0415 (imports what reports need)

    return compare_runs([open_run(run) for run in runs])


def export(
    run: RunLike,
    to: str | Path,
    *,
    format: Literal["timm", "torch", "onnx"] = "timm",  # noqa: A002 (as on the command line)
    precision: Precision = "float32",
    aspects: bool = False,
    arm: str | None = None,
    seed: int | Literal["best"] = "best",
    variant: str | None = None,
) -> Exported:
    """Write a finished student as other tools load it; `load_student(to)` opens it, too.

    Args:
        run: a finished run, its folder, or the configuration of one whose students are trained.
        to: folder to write: new, empty, or an earlier export, which is replaced.
        format: a folder for timm and transformers, a program of `torch.export`, or an ONNX model.
        precision: of the weights; int8 for ONNX alone.
        aspects: whether the aspect outputs are exported beside the class outputs.
        arm: of the study; unset: `makd`, or the first that is not the baseline.
        seed: `best` is the best on the validation split.
        variant: of the study; unset: the first.

    Returns:
        What was written, and how near it is to the student: `.verification`, `.cost`.

    Raises:
        MmkdError: there is no such student, the format cannot hold it, or what was written is not the student.
    """
    config, opened = (run, run_of(run)) if isinstance(run, Config) else configured_run(_place(run))
    prepare_environment(config)
    from mmkd_ray.exports.exporting import Wanted, export_student  # noqa: PLC0415 (imports torch)

    wanted = Wanted(format, precision, aspects, arm, seed, variant)
    return export_student(config, opened, str(to), wanted)


def load_student(folder: str | Path) -> Bundle:
    """A trained student, ready to predict; neither its configuration nor its run is needed.

    Args:
        folder: of the student, a local path or a URI: `runs/NAME/study/ARM-seedSEED-...`, a copy of it, or an export.

    Returns:
        `.predict(images)` takes paths, PIL images, encoded bytes or arrays.

    Raises:
        ArtifactError: it is not the folder of a student, or it is damaged.
    """
    from mmkd_ray.students.bundle import load_bundle  # noqa: PLC0415 (imports torch)

    return load_bundle(str(folder))


def predict(
    student: str | Path, images: str | Path | Sequence[str | Path], *, explain: bool = False, quiet: bool = False
) -> pa.Table:
    """What a finished student says of images, as `mmkd predict` has it: a row for each, broken ones included.

    Args:
        student: its folder, as for `load_student`.
        images: paths or URIs of files, folders, patterns or Parquet files with images; one, or several.
        explain: whether rows say which aspects speak for the class and which against it.
        quiet: whether to say nothing; a Ray cluster is named that is used for many images.

    Returns:
        Columns `image`, `error` (why it cannot be read; then the others are null), `class`, `confidence`,
        `probabilities` by class, `aspects` (P(yes) by question), and `explanation`; the table's metadata names classes
        and questions in their order.

    Raises:
        ArtifactError: it is not the folder of a student, or the student cannot explain.
        DataError: a folder or pattern holds nothing, or something is neither a path nor a URI.
    """
    words = [images] if isinstance(images, (str, Path)) else list(images)
    for given in (student, *words):
        if not isinstance(given, (str, Path)):
            raise DataError(
                f"got {type(given).__name__}; accepted are paths and URIs; pictures in memory are predicted by "
                "load_student(FOLDER).predict(images)"
            )
    from mmkd_ray.cluster.environment import prepare_process  # noqa: PLC0415 (before ray is imported)

    prepare_process(offline=True)
    from mmkd_ray.prediction.finding import find_images  # noqa: PLC0415 (imports torch)
    from mmkd_ray.prediction.predicting import PredictionJob  # noqa: PLC0415

    console = Console(io.StringIO() if quiet else sys.stdout)
    job = PredictionJob.by(str(student), explains=explain)
    rows = list(job.of(find_images(map(str, words)), console.say))
    return pa.concat_tables(rows).cast(job.columns) if rows else job.columns.empty_table()


def _place(run: Run | str | Path) -> str:
    return run.folder.address if isinstance(run, Run) else str(run)


def _require(opened: Run, file: str, command: str) -> None:
    if not opened.folder.exists(file):
        raise ArtifactError(f"{opened.folder.uri}/{file} is not there: run `mmkd {command} CONFIG` first")


def _split(folder: str) -> tuple[str, str]:
    parent, _, name = folder.rstrip("/").rpartition("/")
    return parent or ".", name
