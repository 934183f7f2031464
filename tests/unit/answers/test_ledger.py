import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmkd_ray import schema
from mmkd_ray.answers.ledger import prove
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.store import answers_metadata
from mmkd_ray.errors import LedgerError
from mmkd_ray.identity import identify
from tests.support.cells import wanted_of

QUESTIONS = ["Is it red?", "Is it blue?"]


def table(rows, prompt="{question}", questions=QUESTIONS):
    """Rows of (id, sha, log P(yes) of two questions)."""
    return pa.Table.from_pylist(
        [{"image_id": i, "sha256": s, "log_p_yes": v, "log_p_no": [-1.0, -1.0]} for i, s, v in rows],
        schema=schema.teacher(2).with_metadata(
            answers_metadata(identify("teacher", prompt=prompt), map(Query, questions))
        ),
    )


EXPECTED = {"a": "1", "b": "2"}
GOOD = [("a", "1", [-0.1, -0.2]), ("b", "2", [-0.3, -0.4])]


def test_a_complete_table_in_any_order():
    ledger = prove([table(GOOD[::-1])], wanted_of(EXPECTED, QUESTIONS), quarantined=3)
    assert ledger.as_dict() == {
        "images": 2, "scored": 2, "questions": 2, "expected": 4, "present": 4, "missing": 0, "duplicated": 0,
        "quarantined": 3,
    }  # fmt: skip
    assert (
        ledger.line()
        == "5 images, 2 scored, 3 quarantined; 2 x 2 questions = 4 cells expected, 4 present, 0 missing, 0 twice"
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (GOOD[:1], "2 missing.*missing e.g. b"),
        ([*GOOD, GOOD[0]], "2 twice.*twice e.g. a"),
        ([GOOD[0], ("b", "other", [-0.3, -0.4])], "1 rows are unknown, changed or not finite; missing e.g. b"),
        ([*GOOD, ("c", "3", [-0.3, -0.4])], "1 rows are unknown"),
        ([GOOD[0], ("b", "2", [-0.3, math.nan])], "missing e.g. b"),
        ([GOOD[0], ("b", "2", [-0.3, -math.inf])], "missing e.g. b"),
        ([GOOD[0], ("b", "2", None)], "missing e.g. b"),
    ],
)
def test_anything_else_is_refused(rows, message):
    with pytest.raises(LedgerError, match=message):
        prove([table(rows)], wanted_of(EXPECTED, QUESTIONS), quarantined=0)


def test_chunked_and_sliced_tables_are_read_right():
    rows = [(str(i), "s", [-0.1, -0.2] if i != 5 else [math.nan, -0.2]) for i in range(9)]
    whole = table(rows)
    chunked = pa.concat_tables([whole.slice(0, 4), whole.slice(4, 5)])
    expected = {str(i): "s" for i in range(9) if i != 5}
    with pytest.raises(LedgerError, match="1 rows are unknown"):
        prove([chunked], wanted_of(expected, QUESTIONS), quarantined=0)


@given(copies=st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_it_passes_exactly_when_each_image_is_there_once(copies):
    expected = {str(i): "s" for i in range(len(copies))}
    rows = [(str(i), "s", [-0.1, -0.2]) for i, count in enumerate(copies) for _ in range(count)]
    if all(count == 1 for count in copies):
        assert prove([table(rows)], wanted_of(expected, QUESTIONS), quarantined=0).present == 2 * len(copies)
    else:
        with pytest.raises(LedgerError):
            prove([table(rows)], wanted_of(expected, QUESTIONS), quarantined=0)


def test_files_are_counted_together():
    assert prove((table([row]) for row in GOOD), wanted_of(EXPECTED, QUESTIONS), quarantined=0).present == 4
    with pytest.raises(LedgerError, match="2 twice"):
        prove([table(GOOD), table(GOOD[:1])], wanted_of(EXPECTED, QUESTIONS), quarantined=0)


def test_files_that_were_asked_in_different_ways_are_a_mixture():
    with pytest.raises(LedgerError, match="mixture: its files were asked in 2 different ways"):
        prove(
            [table(GOOD[:1]), table(GOOD[1:], "Well? {question}")],
            wanted_of(EXPECTED, QUESTIONS), quarantined=0,
        )  # fmt: skip


def test_columns_of_other_questions_or_in_another_order_are_noticed():
    with pytest.raises(LedgerError, match="in another order"):
        prove([table(GOOD, questions=QUESTIONS[::-1])], wanted_of(EXPECTED, QUESTIONS), quarantined=0)
