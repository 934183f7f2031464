"""Whether everything that a run has on storage is as it was written: read whole, without its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from mmkd_ray import schema
from mmkd_ray.answers.probability import are_answers
from mmkd_ray.answers.verify import verify
from mmkd_ray.artifacts import RECORD, Folder, Run, damaged
from mmkd_ray.aspects.questions import FILE
from mmkd_ray.data.table import check_count, check_files, split_folders
from mmkd_ray.errors import ArtifactError, MmkdError, one_line

_OF_EVALUATION = ("results.parquet", "students.parquet", "evaluation.json")
_LISTS = {"history.json", "questions.json", "unmatched.json"}
"""JSON files that hold no mapping; a record of this version has their hashes."""
_OF_COMMANDS = {"logs", "seconds.json", "writer.lock"}
"""What a command leaves in the folder of a run even if it ends before it makes anything."""
_OF_RAY = {"lanes", "tensorboard"}
"""Folders of a study that hold no student."""


@dataclass(frozen=True)
class Finding:
    """One artifact."""

    name: str
    text: str
    """What it holds; or what is damaged and what to do."""
    is_whole: bool


def examine(run: Run) -> Iterator[Finding]:
    """Look at every artifact that is there; what is not made yet is left out.

    Raises:
        ArtifactError: there is nothing of a run.
    """
    if set(run.folder.names()) <= _OF_COMMANDS:
        raise ArtifactError(f"{run.folder.uri} holds no run; give the folder of one, e.g. runs/quickstart")
    yield from (_finding(name, check) for name, check in _checks(run))


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, check(), is_whole=True)
    except MmkdError as error:
        return Finding(name, str(error), is_whole=False)
    except (LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        return Finding(name, f"it cannot be read: {one_line(error)}", is_whole=False)


def _checks(run: Run) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each artifact's name, and what reads it."""
    yield "references", partial(_references, run)
    if run.image_key() is not None:
        yield "images", partial(_images, run)
    for key in run.answer_keys():
        yield f"answers {key[:8]}", partial(_answers, run.answers(key))
    for folder in (run.aspects, run.evidence):
        if folder.names():
            yield folder.uri.rpartition("/")[2], partial(_files, folder)
    if run.teacher.names():
        yield "teacher table", partial(_teacher, run)
    yield from _students(run.study)
    if run.folder.exists(_OF_EVALUATION[-1]):
        yield "evaluation", partial(_plain, run.folder, _OF_EVALUATION)
    if run.folder.exists("summary.json"):
        yield "summary", partial(_plain, run.folder, ("summary.json",))
    if run.tune.exists(RECORD):
        yield "tune", partial(_files, run.tune)


def _students(study: Folder) -> Iterator[tuple[str, Callable[[], str]]]:
    for name in study.names():
        student = study.child(name)
        if name in _OF_RAY or name == RECORD or not student.exists(RECORD):
            continue
        yield f"student {name}", partial(_student, student)
        for seen in student.child("predictions").names():
            yield f"predictions {name} {seen}", partial(_predictions, student.child("predictions", seen))


def _references(run: Run) -> str:
    run.check_references()
    return "readable"


def _images(run: Run) -> str:
    record = run.require(run.images, "images")
    _files(run.images)
    for split, expected in record["images"].items():
        folder = run.images.child("table", split)
        found = sum(table.num_rows for _, table in folder.read_tables(folder.tables(), ["label"]))
        check_count(run.images, split, found, expected)
    check_files(run)
    for folder in split_folders(run):
        _files(run.images.child("parts", folder.uri.rpartition("/")[2]))
    return f"{sum(record['images'].values()):,} images, each with the bytes that it had"


def _answers(folder: Folder) -> str:
    rows = 0
    for name, table in folder.read_tables(folder.tables()):
        rows += table.num_rows
        if not all(are_answers(schema.matrix(table[column])).all() for column in ("log_p_yes", "log_p_no")):
            raise damaged(folder.place(name), "an answer is nan, or a probability above 1")
    _plain(folder, [name for name in folder.sizes() if name.endswith(".json")])
    return f"{rows:,} rows in {len(folder.tables())} files"


def _teacher(run: Run) -> str:
    line = verify(run).line()
    _files(run.teacher)
    return line


def _student(folder: Folder) -> str:
    from mmkd_ray.students.bundle import load_bundle  # noqa: PLC0415 (seconds of imports)

    _files(folder)
    card = load_bundle(folder).card
    return f"{card.model}, {card.classes} classes, {len(card.questions)} questions"


def _predictions(folder: Folder) -> str:
    _files(folder)
    record = folder.read_mapping(RECORD)
    rows = folder.read_table().num_rows
    if rows != record.get("images", rows):
        raise damaged(f"{folder.uri}/", f"it has {rows:,} images in place of {record['images']:,}")
    return f"{rows:,} images"


def _files(folder: Folder) -> str:
    """Read the files in a folder, not those of folders in it; compare them with its record, if it has one."""
    record = folder.read_mapping(RECORD) if folder.exists(RECORD) else {}
    known = record.get("files", {})
    for name in known:
        if name != FILE:  # which a person may edit
            folder.read_checked(name, record)
    return _plain(folder, [name for name in folder.sizes() if name not in known])


def _plain(folder: Folder, names: list[str] | tuple[str, ...]) -> str:
    for name in names:
        if name.endswith(".parquet"):
            folder.read_table(name)
        elif name.endswith(".json"):
            (folder.read_json if name in _LISTS else folder.read_mapping)(name)
    return f"{len(names)} files"
