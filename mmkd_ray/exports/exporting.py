"""A finished student -> a folder in another form, verified and described before it gets its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmkd_ray.artifacts import Folder, Run
from mmkd_ray.config import ARMS, Config
from mmkd_ray.data.feed.pixels import load_pixels
from mmkd_ray.data.table import spread_images
from mmkd_ray.errors import ArtifactError, ConfigError, MmkdError, StudentError, one_line
from mmkd_ray.exports import onnx, program, timm_folder
from mmkd_ray.exports.choose import choose_student
from mmkd_ray.exports.exported import Exported
from mmkd_ray.exports.measured import measure_cost
from mmkd_ray.exports.model_card import describe
from mmkd_ray.exports.narrow import without_aspects
from mmkd_ray.exports.place import check_place, written_whole
from mmkd_ray.exports.quantise import CALIBRATED_ON, quantise
from mmkd_ray.exports.verify import verify
from mmkd_ray.students.bundle import Bundle, load_bundle, write_card
from mmkd_ray.students.card import Card, Precision
from mmkd_ray.students.forms import FORMS
from mmkd_ray.students.model import Student
from mmkd_ray.students.outputs import BATCH

Format = Literal["timm", "torch", "onnx"]
PRECISIONS: dict[Format, tuple[Precision, ...]] = {
    "timm": ("float32", "float16"),
    "torch": ("float32", "float16"),
    "onnx": ("float32", "float16", "int8"),
}
"""What each format can be written in."""
_WRITERS: dict[Format, Callable[[Card, Student, Path], None]] = {
    "timm": timm_folder.write,
    "torch": program.write,
    "onnx": onnx.write,
}
_PREPARED = 256
"""Test images that are prepared by timm's own transform."""


@dataclass(frozen=True)
class Wanted:
    """What is to be exported, and how."""

    format: Format = "timm"
    precision: Precision = "float32"
    aspects: bool = False
    """Whether the aspect outputs are exported beside the classes."""
    arm: str | None = None
    seed: int | Literal["best"] = "best"
    variant: str | None = None


def export_student(config: Config, run: Run, to: str, wanted: Wanted) -> Exported:
    """Export a finished student of a run.

    Args:
        config: of the run.
        run: with its images and students; it need not be evaluated.
        to: the folder to write, new, empty, or another export, which is then replaced.
        wanted: which student, and how.

    Raises:
        ConfigError: there is no such format, arm or variant; or the format has no such precision, or needs a package
            that is not installed.
        ArtifactError: there is no such finished student; or `to` holds something else or more, or cannot be
            written.
        StudentError: the format cannot hold the model; or what was written differs from the student.
    """
    place = check_place(to)
    _check(wanted)
    spec = choose_student(config, run, arm=wanted.arm, seed=wanted.seed, variant=wanted.variant)
    if wanted.aspects and ARMS[spec.arm].aspects is None:
        raise ConfigError(
            f"--aspects: a student of the arm '{spec.arm}' has learnt none; leave it out, or choose an arm with them, "
            "e.g. --arm makd"
        )
    student = load_bundle(spec.folder(run))
    test = load_pixels(run, ["test"], student.card.picture_fit)
    if not len(test):
        raise ArtifactError(f"{run.folder.uri} has no test images, on which an export is verified")
    with written_whole(place) as new:
        folder = Folder(str(new))
        card = _write(wanted, run, student, new)
        export = load_bundle(folder)
        found = Exported(
            place,
            card,
            verify(student, export, test),
            measure_cost(export, folder),
            measure_cost(student, spec.folder(run)),
            _prepared_alike(run, student, new) if wanted.format == "timm" else None,
        )
        (new / "README.md").write_text(describe(config, run, spec, found), encoding="utf-8")
    return found


def _check(wanted: Wanted) -> None:
    if wanted.format not in PRECISIONS:
        raise ConfigError(f"--format: got {wanted.format}; accepted are {', '.join(PRECISIONS)}")
    if wanted.seed != "best" and not isinstance(wanted.seed, int):
        raise ConfigError(f"--seed: got {wanted.seed!r}; accepted are a number, or best")
    if wanted.precision not in PRECISIONS[wanted.format]:
        raise ConfigError(
            f"--precision: got {wanted.precision}; with --format {wanted.format} accepted are "
            f"{', '.join(PRECISIONS[wanted.format])}"
        )
    if wanted.format == "onnx":
        onnx.onnx_package()


def _write(wanted: Wanted, run: Run, original: Bundle, new: Path) -> Card:
    card, student = (
        original.card.model_copy(update={"form": wanted.format, "precision": wanted.precision}),
        original.student,
    )
    if not wanted.aspects:
        card, student = without_aspects(card, student)
    weights = new / FORMS[card.form].weights
    try:
        _WRITERS[wanted.format](card, student, new)
        if card.precision == "int8":
            quantise(weights, original.pixels(spread_images(run, "train", CALIBRATED_ON)[1]))
    except MmkdError:
        raise
    except Exception as error:  # the formats' own code raises any error for a model that they cannot hold
        raise StudentError(
            f"'{card.model}' cannot be exported as {wanted.format} in {wanted.precision}: {one_line(error)}; choose "
            "another --format or --precision"
        ) from error
    write_card(Folder(str(new)), card, weights.read_bytes())
    return card


def _prepared_alike(run: Run, student: Bundle, new: Path) -> tuple[int, int]:
    _, images = spread_images(run, "test", _PREPARED)
    classes_NC, _ = student.outputs(student.pixels(images).split(BATCH))
    by_timm_N = timm_folder.classes_by_transform(new, images, classes=student.card.classes)
    return len(images), int((classes_NC.argmax(1) == by_timm_N).sum())
