"""Cells that are wanted, and answers to them, in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.answers.wanted import Wanted


def wanted_of(images: Mapping[str, str], queries: Sequence[Query | str]) -> Wanted:
    """Images, by id with the hash of their content, and what is asked about each."""
    columns = {"image_id": pa.array(list(images), pa.string()), "sha256": pa.array(list(images.values()), pa.string())}
    return Wanted(pa.table(columns), tuple(Query.of(query) for query in queries))


def write_batch(
    store: AnswerStore,
    ids: Sequence[str],
    queries: Sequence[Query | str],
    *,
    offset: float = 0.0,
    failed: Sequence[int] = (),
) -> str:
    """A file of answers about images `ID` with content `sha-ID`; log P(yes) is -1, -2, ... row by row; its name."""
    asked, shas = [Query.of(query) for query in queries], [f"sha-{image_id}" for image_id in ids]
    log_p = -1.0 - offset - np.arange(len(ids) * len(asked), dtype=np.float32).reshape(len(ids), len(asked))
    log_p[list(failed)] = np.nan
    name = store.name(ids, shas, asked)
    store.write(name, ids, shas, asked, Answers(log_p, log_p - 1, dict.fromkeys(failed, "too long")))
    return name
