"""What is there of the wanted cells: first which, by ids and hashes alone, then the answers, some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from mmkd_ray import schema
from mmkd_ray.answers.store import AnswerStore, StoredFile
from mmkd_ray.answers.wanted import ROWS_A_PART, Wanted
from mmkd_ray.errors import ArtifactError


@dataclass(frozen=True)
class Overview:
    """Which of the wanted cells are answered, and in which files."""

    present_NQ: Bool[np.ndarray, "N Q"]
    parts: Mapping[str, frozenset[int]]
    """By file: the parts of `ROWS_A_PART` wanted rows that it has answers about."""


@dataclass(frozen=True)
class Answered:
    """The answers about successive rows of the wanted ones; nan where there is nothing."""

    log_p_yes_NQ: Float32[np.ndarray, "N Q"]
    log_p_no_NQ: Float32[np.ndarray, "N Q"]
    asked_again: int
    """Cells found more than once: asked twice, counted once (the first file's, in the order of names)."""


def overview(store: AnswerStore, wanted: Wanted) -> Overview:
    """Look into every file, at ids and hashes alone.

    Another run may merge its files at the same time: what has gone when it is to be read is in a file that the next
    listing has, so it is looked again until a listing brings nothing new.
    """
    present_NQ = np.zeros((len(wanted), len(wanted.queries)), dtype=bool)
    parts: dict[str, frozenset[int]] = {}
    replaced: set[str] = set()
    while unseen := [name for name in store.names() if name not in parts]:
        for file in store.read(unseen, ["image_id", "sha256"]):
            _, columns = wanted.columns_of(file.queries)
            _, rows = wanted.index.find(file.table)
            present_NQ[np.ix_(rows, columns)] = True
            parts[file.name] = frozenset(np.unique(rows // ROWS_A_PART).tolist()) if len(columns) else frozenset()
            replaced.update(file.replaces)
    return Overview(present_NQ, {name: parts[name] for name in sorted(parts) if name not in replaced})


def read_answers(store: AnswerStore, wanted: Wanted) -> Iterator[Answered]:
    """The answers of the wanted cells, `ROWS_A_PART` rows after another, so that memory does not grow with the images.

    Raises:
        LedgerError: a file was asked in another way.
        ArtifactError: a file turns out to be damaged only now: what it held is to be asked again.
    """
    there = overview(store, wanted)
    for part in range(-(-len(wanted) // ROWS_A_PART)):
        while (answered := _read_part(store, wanted, there.parts, part)) is None:
            before, there = there, overview(store, wanted)
            if lost := int((before.present_NQ & ~there.present_NQ).sum()):
                raise ArtifactError(
                    f"{lost:,} answers in {store.folder.uri} were damaged: run the same command once more, which asks "
                    "them again"
                )
        yield answered


def collect(store: AnswerStore, wanted: Wanted) -> Answered:
    """All answers of the wanted cells at once: for a sample."""
    parts = list(read_answers(store, wanted))
    shape = (0, len(wanted.queries))
    yes = [np.empty(shape, np.float32), *(part.log_p_yes_NQ for part in parts)]
    no = [np.empty(shape, np.float32), *(part.log_p_no_NQ for part in parts)]
    return Answered(np.concatenate(yes), np.concatenate(no), sum(part.asked_again for part in parts))


def _read_part(store: AnswerStore, wanted: Wanted, files: Mapping[str, frozenset[int]], part: int) -> Answered | None:
    """One part; None if a file has gone since the overview."""
    start = part * ROWS_A_PART
    shape = min(ROWS_A_PART, len(wanted) - start), len(wanted.queries)
    log_p_yes_NQ, log_p_no_NQ = np.full((2, *shape), np.nan, dtype=np.float32)
    names, read, asked_again = [name for name, parts in files.items() if part in parts], 0, 0
    for file in store.read(names):
        read += 1
        asked_again += _lay_in(file, wanted, start, log_p_yes_NQ, log_p_no_NQ)
    return Answered(log_p_yes_NQ, log_p_no_NQ, asked_again) if read == len(names) else None


def _lay_in(file: StoredFile, wanted: Wanted, start: int, log_p_yes_NQ: np.ndarray, log_p_no_NQ: np.ndarray) -> int:
    """Put a file's answers where nothing is yet, and count those for which something was."""
    there, here = wanted.index.find(file.table)
    inside = (here >= start) & (here < start + len(log_p_yes_NQ))
    there, here = there[inside], here[inside] - start
    columns_there, columns_here = wanted.columns_of(file.queries)
    yes, no = (schema.matrix(file.table[name])[np.ix_(there, columns_there)] for name in ("log_p_yes", "log_p_no"))
    # Within one file, too, an image may be there twice: the first counts.
    _, first = np.unique(here, return_index=True)
    again = (len(here) - len(first)) * len(columns_here)
    here, yes, no = here[first], yes[first], no[first]
    target = np.ix_(here, columns_here)
    new = np.isnan(log_p_yes_NQ[target])
    log_p_yes_NQ[target] = np.where(new, yes, log_p_yes_NQ[target])
    log_p_no_NQ[target] = np.where(new, no, log_p_no_NQ[target])
    return again + int((~new).sum())
