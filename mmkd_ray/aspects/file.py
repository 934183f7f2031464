"""Write `aspects.yaml`, a file for people to read and edit; their edits are kept."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from mmkd_ray.aspects.questions import Aspect, Origin
from mmkd_ray.aspects.wording import normal

_HEADER = """\
The questions that the teacher is asked, in the order of `rank`; the first `aspects.count` of them are used.
Edit freely: reword, delete, add (`- Is the bird flying?` is enough), change ranks, write comments. An id is the hash
of its question and follows it. `orientation_sensitive: true`: a horizontal flip of the image can change the answer
(`mirror` is the question that it becomes)."""


def new_file(aspects: Sequence[Aspect], remark: str) -> str:
    """The text of a new file.

    Args:
        aspects: the questions in the order of their ranks.
        remark: how they were selected, for the comment at the top.
    """
    entries = CommentedSeq([_entry(aspect, rank) for rank, aspect in enumerate(aspects, start=1)])
    entries.yaml_set_start_comment(f"{remark}\n{_HEADER}")
    return _dump(entries)


def reranked(text: str, aspects: Sequence[Aspect]) -> str:
    """The text of a file with `rank`, `id` and `information` as they are now; the rest, comments too, is kept.

    Args:
        text: of a file with exactly these questions, in any order.
        aspects: the questions in their new order.
    """
    entries = _yaml().load(text)
    ranks = {normal(aspect.question): (rank, aspect) for rank, aspect in enumerate(aspects, start=1)}
    for place, entry in enumerate(entries):
        if isinstance(entry, str):
            entries[place] = CommentedMap({"question": entry})
            if comment := entries.ca.items.pop(place, None):
                entries[place].ca.items["question"] = [None, None, comment[0], None]
    for entry in entries:
        rank, aspect = ranks[normal(entry["question"])]
        told = () if aspect.information is None else (("information", aspect.information),)
        for key, value in (("rank", rank), ("id", aspect.id), *told):
            if key in entry:
                entry[key] = value
            else:
                # Never insert it last: a comment after an entry's last key (e.g. a heading of the next entries) must
                # stay after the entry.
                entry.insert(min(1, len(entry) - 1), key, value)
    return _dump(entries)


def _entry(aspect: Aspect, rank: int) -> CommentedMap:
    origin = aspect.origin or Origin("file")
    values: Mapping[str, Any] = {
        "question": aspect.question,
        "id": aspect.id,
        "rank": rank,
        "orientation_sensitive": aspect.orientation_sensitive,
        "mirror": aspect.mirror,
        "paraphrase": aspect.paraphrase,
        "weight": None if aspect.weight == 1 else aspect.weight,
        "information": aspect.information,
        "source": origin.source,
        # Quoted, because some YAML parsers do not read an unquoted `no` or `12:30` as text.
        "model": origin.model and SingleQuotedScalarString(origin.model),
        "prompt": origin.prompt and SingleQuotedScalarString(origin.prompt),
    }
    return CommentedMap({key: value for key, value in values.items() if value is not None})


def _yaml() -> YAML:
    yaml = YAML()  # round trip: comments and order of keys are kept
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=2, offset=0)
    return yaml


def _dump(entries: CommentedSeq) -> str:
    stream = io.StringIO()
    _yaml().dump(entries, stream)
    return stream.getvalue()
