from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkd_ray import schema
from mmkd_ray.answers import reading, wanted
from mmkd_ray.answers.compacting import compact
from mmkd_ray.answers.query import Query, mirrored
from mmkd_ray.answers.reading import collect, overview, read_answers
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.artifacts import open_run
from mmkd_ray.errors import ArtifactError
from mmkd_ray.identity import identify
from tests.support.cells import wanted_of, write_batch
from tests.support.damage import KINDS, damage, flipped_bits

TEACHER = identify("teacher", kind="no_inference")
Q = ["Is it red?", "Is it blue?", "Is it big?"]


def everything(ids, queries=Q):
    return wanted_of({image_id: f"sha-{image_id}" for image_id in ids}, queries)


@pytest.fixture
def store(run):
    return AnswerStore(run, TEACHER)


def test_what_is_written_is_present_and_comes_back_by_query(store):
    write_batch(store, ["a", "b"], Q[:2])
    here = everything(["b", "c", "a"], [Q[2], Q[1], Q[0]])
    assert overview(store, here).present_NQ.tolist() == [[False, True, True], [False] * 3, [False, True, True]]
    found = collect(store, here)
    np.testing.assert_array_equal(found.log_p_yes_NQ[0], [np.nan, -4, -3])
    np.testing.assert_array_equal(found.log_p_no_NQ[2], [np.nan, -3, -2])
    assert found.asked_again == 0


def test_new_questions_and_images_are_added_to_what_is_there(store):
    write_batch(store, ["a"], Q[:1])
    write_batch(store, ["a"], Q[1:], offset=10)
    write_batch(store, ["b"], Q)
    np.testing.assert_array_equal(collect(store, everything("ab")).log_p_yes_NQ, [[-1, -11, -12], [-1, -2, -3]])


def test_a_view_of_an_image_has_answers_of_its_own_whatever_the_text_ends_in(store):
    """A question may say what used to be the mark of the mirrored view."""
    marked = f"{Q[0]} [image mirrored]"
    assert str(mirrored(Q[0])) == marked
    write_batch(store, ["a"], [Q[0], mirrored(Q[0]), marked, mirrored(marked)])
    here = everything("a", [mirrored(marked), marked, mirrored(Q[0]), Q[0], mirrored(Q[1])])
    np.testing.assert_array_equal(collect(store, here).log_p_yes_NQ, [[-4, -3, -2, -1, np.nan]])


def test_an_image_whose_bytes_have_changed_is_not_present(store):
    write_batch(store, ["a", "b"], Q)
    changed = wanted_of({"a": "sha-a", "b": "another"}, Q)
    assert overview(store, changed).present_NQ.all(axis=1).tolist() == [True, False]
    assert np.isnan(collect(store, changed).log_p_yes_NQ[1]).all()


def test_a_cell_that_was_asked_twice_is_counted_and_taken_once(store):
    write_batch(store, ["a", "b"], Q)
    write_batch(store, ["b", "c"], Q, offset=50)
    found = collect(store, everything("abc"))
    assert found.asked_again == 3
    assert np.isfinite(found.log_p_yes_NQ).all()


def test_parts_are_those_of_the_whole(store, monkeypatch):
    ids = [f"i{number:02d}" for number in range(11)]
    for start in range(0, 11, 2):
        write_batch(store, ids[start : start + 3], Q, offset=10 * start)
    whole = collect(store, everything(ids))
    for module in (reading, wanted):
        monkeypatch.setattr(module, "ROWS_A_PART", 4)
    parts = list(read_answers(store, everything(ids)))
    assert [len(part.log_p_yes_NQ) for part in parts] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate([part.log_p_yes_NQ for part in parts]), whole.log_p_yes_NQ)
    assert sum(part.asked_again for part in parts) == whole.asked_again == 15


@pytest.mark.parametrize("moment", ["listed", "looked into"])
def test_a_file_that_is_merged_before_it_is_read_is_found_in_the_merged_one(store, monkeypatch, moment):
    """Another run of the same store ends while this one reads."""
    for image_id in "abcd":
        write_batch(store, [image_id], Q)
    reader = AnswerStore(open_run(store.run.folder.uri.rpartition("/")[0], "other"), TEACHER)
    read, calls = AnswerStore.read, []

    def read_late(self, names, columns=None):
        names = list(names)
        calls.append(columns)
        if self is reader and len(calls) == (1 if moment == "listed" else 2):
            compact(store)
        return read(self, names, columns)

    monkeypatch.setattr(AnswerStore, "read", read_late)
    found = collect(reader, everything("abcd"))
    assert np.isfinite(found.log_p_yes_NQ).all()
    assert found.asked_again == 0
    assert len(store.names()) == 1


@settings(deadline=None)  # it writes files, and waits for the disk
@given(
    batches=st.lists(
        st.tuples(st.sets(st.sampled_from("abcdef"), min_size=1), st.sets(st.sampled_from(Q), min_size=1)), max_size=6
    ),
    merged=st.booleans(),
)
def test_present_is_exactly_what_was_written(tmp_path_factory, batches, merged):
    store = AnswerStore(open_run(str(tmp_path_factory.mktemp("s")), "r"), TEACHER)
    truth = set()
    for ids, questions in batches:
        write_batch(store, sorted(ids), sorted(questions))
        truth |= {(image_id, Query(question)) for image_id in ids for question in questions}
    if merged:
        compact(store)
    here = everything("abcdef")
    present, found = overview(store, here).present_NQ, collect(store, here)
    there = {(i, q) for r, i in enumerate("abcdef") for c, q in enumerate(here.queries) if present[r, c]}
    assert there == truth
    np.testing.assert_array_equal(np.isfinite(found.log_p_yes_NQ), present)


@pytest.mark.parametrize("kind", [*KINDS, "of another tool", "above 1"])
def test_a_damaged_file_counts_as_not_asked_and_is_named_once(store, capsys, kind):
    write_batch(store, ["a", "b"], Q)
    name = write_batch(store, ["c"], Q)
    if kind == "of another tool":
        store.folder.write_table(name, store.folder.read_table(name).replace_schema_metadata(None))
    elif kind == "above 1":
        table = store.folder.read_table(name)
        yes = schema.fixed_size_rows(np.full((1, 3), 0.5, np.float32))
        store.folder.write_table(name, table.set_column(2, table.schema.field("log_p_yes"), yes))
    else:
        damage(Path(store.folder.path, name), kind)
    if kind == "above 1":  # its ids can be read: what it lacks shows when the answers are
        with pytest.raises(ArtifactError, match=r"3 answers in .* were damaged: run the same command once more"):
            collect(store, everything("abc"))
    assert overview(store, everything("abc")).present_NQ.all(axis=1).tolist() == [True, True, False]
    assert np.isnan(collect(store, everything("abc")).log_p_yes_NQ[2]).all()
    assert capsys.readouterr().err.count(store.folder.place(name)) == (kind != "gone")
    compact(store)
    write_batch(store, ["c"], Q)
    assert overview(store, everything("abc")).present_NQ.all()


def test_no_flipped_bit_of_a_file_of_answers_becomes_an_answer(store):
    """What is seen only when the answers are read, after the ids, ends with advice; then the cells count as lacking."""
    name = write_batch(store, list("abcdefgh"), Q)
    whole, path = collect(store, everything("abcdefgh")), Path(store.folder.path, name)
    with flipped_bits(path, 300) as bits:
        for _ in bits:
            try:
                found = collect(store, everything("abcdefgh"))
            except ArtifactError:
                found = collect(store, everything("abcdefgh"))
            there = ~np.isnan(found.log_p_yes_NQ)
            np.testing.assert_array_equal(found.log_p_yes_NQ[there], whole.log_p_yes_NQ[there])
            np.testing.assert_array_equal(found.log_p_no_NQ[there], whole.log_p_no_NQ[there])
