"""Answers from other tools -> the teacher table of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from mmkd_ray.answers.identity import what_is_asked
from mmkd_ray.answers.interop import makd_json
from mmkd_ray.answers.interop.names import Matches, match_names
from mmkd_ray.answers.interop.places import locate
from mmkd_ray.answers.interop.repeats import Merged, merge, refuse_repeats
from mmkd_ray.answers.interop.wording import count, examples
from mmkd_ray.answers.reading import Answered
from mmkd_ray.answers.table import finished_table, write_teacher_table
from mmkd_ray.answers.wanted import ROWS_A_PART, Wanted, wanted_cells
from mmkd_ray.artifacts import Run
from mmkd_ray.aspects.questions import in_own_order
from mmkd_ray.config import Config, ImportedTeacher
from mmkd_ray.config.locations import looked_at
from mmkd_ray.data.subjects import Subjects
from mmkd_ray.data.table import read_splits, require_images
from mmkd_ray.errors import AspectError, ConfigError, DataError, LedgerError
from mmkd_ray.identity import Identity, fingerprint, identify

EPSILON = 1e-6
UNMATCHED = "unmatched.json"
"""File in the teacher table's folder: the imported names that match no image of the run."""


def import_teacher(
    config: Config, run: Run, path: str, *, merge_duplicates: bool = False, epsilon: float = EPSILON
) -> dict[str, Any]:
    """Make the teacher table from the MaKD authors' JSON, or its variant with one object per line.

    Such a file has P(yes) relative to the two answers. Their share of the whole vocabulary is unknown: the table has
    log_p_yes = ln p and log_p_no = ln(1 - p), so its answer mass is always 1 and has no meaning.

    Args:
        config: with `teacher: {kind: imported}` and the questions, in the order of the file's values: the order of the
            questions' source, even if `aspects.select` ranks them later.
        run: with its image table finished.
        path: the file, local or by URI.
        merge_duplicates: if an image has several entries, drop exact duplicates and take the mean of P(yes) over the
            others, instead of refusing the file.
        epsilon: P(yes) is clipped to [epsilon, 1 - epsilon], for its logarithms to be finite.

    Returns:
        The record of the teacher table (`fingerprint`, `asked`, `ledger`), and `remarks`: lines for the user.

    Raises:
        ConfigError: the teacher is not an imported one, or `epsilon` is not between 0 and 0.5.
        ArtifactError: the image table is not finished.
        DataError: the file cannot be read, is not of this form, repeats an image, or its names are ambiguous.
        AspectError: its number of values per image is not the number of questions.
        LedgerError: it lacks training or validation images.
    """
    _check_arguments(config, epsilon)
    images = require_images(config, run)
    asked = what_is_asked(in_own_order(config), run, images)
    content = _read(path)
    entries = makd_json.parse(content, path)
    _check_questions(entries, asked["questions"], path)
    wanted = wanted_cells(run, asked["questions"], Subjects.of(config))
    matches = match_names(entries.names, wanted.image_ids, _other_images(run, wanted), path)
    merged = merge([matches.image_of.get(name, name) for name in entries.names], entries.p_yes_NQ)
    if not merge_duplicates:
        refuse_repeats(merged, path)
    _check_complete(wanted, merged, matches, path)
    p_yes_NQ = np.array([merged.p_yes[image_id] for image_id in wanted.image_ids])

    teacher = Identity.from_dict(asked["teacher"]).with_facts(**_source(content, asked["questions"], epsilon))
    asked["teacher"] = teacher.as_dict()
    identity = identify("teacher table", asked=asked).key
    record = finished_table(run, identity)
    if record is None:
        # Not by way of the stored answers: what an earlier import matched to an image is not to be mixed in.
        parts = partial(_parts, p_yes_NQ, epsilon)
        unreadable = images["quarantined"]
        record = write_teacher_table(run, parts, {}, wanted, identity, asked, unreadable, config.extract)
    run.teacher.write_json(UNMATCHED, matches.unmatched)
    clipped = int(((p_yes_NQ < epsilon) | (p_yes_NQ > 1 - epsilon)).sum())
    return {**record, "remarks": [*_remarks(merged, matches, run), _clipping(clipped, p_yes_NQ.size, epsilon)]}


def _check_arguments(config: Config, epsilon: float) -> None:
    if not isinstance(config.teacher, ImportedTeacher):
        raise ConfigError(
            f"teacher.kind: got '{config.teacher.kind}'; to import answers, say whose they are: "
            "teacher={kind: imported, name: internvl2-8b}"
        )
    if not 0 < epsilon < 0.5:
        raise ConfigError(f"epsilon: got {epsilon:g}; a number between 0 and 0.5 is accepted, e.g. {EPSILON:g}")


def _read(path: str) -> bytes:
    folder, name = locate(path)
    try:
        return folder.read_bytes(name)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file{looked_at(path)}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def _check_questions(entries: makd_json.Entries, questions: list[str], path: str) -> None:
    values = entries.p_yes_NQ.shape[1]
    if values != len(questions):
        raise AspectError(
            f"{path} has {values} values per image, but aspects has {len(questions)} questions: give in aspects the "
            f"{values} questions that were asked, in the order of the values (a study may use the first few of them, "
            "aspects.count, once all are imported)"
        )


def _other_images(run: Run, wanted: Wanted) -> list[str]:
    ids = read_splits(run, columns=["image_id"])["image_id"].to_pylist()
    known = set(wanted.image_ids)
    return [image_id for image_id in ids if image_id not in known]


def _check_complete(wanted: Wanted, merged: Merged, matches: Matches, path: str) -> None:
    missing = [image_id for image_id in wanted.image_ids if image_id not in merged.p_yes]
    if missing:
        names = count(len(matches.unmatched), "name")
        unused = f"; {names} in it match no image, {examples(matches.unmatched)}" if matches.unmatched else ""
        raise LedgerError(
            f"{path} has no answers about {len(missing):,} of {len(wanted):,} training and validation images, "
            f"{examples(missing)}{unused}; students cannot be trained on these: add their answers, or remove the "
            "images from the data"
        )


def _source(content: bytes, questions: list[str], epsilon: float) -> dict[str, Any]:
    """What identifies the answers, besides the teacher's name; `columns`: the question of each value."""
    source = hashlib.sha256(content).hexdigest()
    return {"source": source, "epsilon": epsilon, "columns": fingerprint(questions=questions)}


def _parts(p_yes_NQ: Float64[np.ndarray, "N Q"], epsilon: float) -> Iterator[Answered]:
    """The answers as the table takes them, some rows at a time."""
    for start in range(0, len(p_yes_NQ), ROWS_A_PART):
        part = p_yes_NQ[start : start + ROWS_A_PART]
        yield Answered(_clipped_log(part, epsilon), _clipped_log(1 - part, epsilon), asked_again=0)


def _clipped_log(p: Float64[np.ndarray, "N Q"], epsilon: float) -> Float32[np.ndarray, "N Q"]:
    return np.log(np.clip(p, epsilon, 1 - epsilon)).astype(np.float32)


def _remarks(merged: Merged, matches: Matches, run: Run) -> list[str]:
    remarks = []
    if findings := merged.describe():
        action = "the mean P(yes) of different answers taken" if merged.contradicting else "dropped"
        remarks.append(f"{'; '.join(findings)}: {action}")
    if matches.only_ends:
        name, image_id = next(iter(matches.image_of.items()))
        remarks.append(
            f"the folders in the names differ from the images': matched by their last parts, e.g. {name} to {image_id}"
        )
    if matches.not_wanted:
        remarks.append(f"{count(len(matches.not_wanted), 'name')} of test or shift images, not needed")
    if matches.unmatched:
        names = count(len(matches.unmatched), "name")
        remarks.append(
            f"{names} without an image ({examples(matches.unmatched)}); all are in {run.teacher.uri}/{UNMATCHED}"
        )
    return remarks


def _clipping(clipped: int, values: int, epsilon: float) -> str:
    return f"P(yes) clipped to [{epsilon:g}, 1 - {epsilon:g}]: {clipped:,} of {values:,} values changed"
