import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.store import AnswerStore, Wanted
from mmkd_ray.artifacts import open_run
from mmkd_ray.errors import LedgerError
from mmkd_ray.identity import identify

TEACHER = identify("teacher", kind="vllm", prompt="{question}")
Q = ["Is it red?", "Is it blue?", "Is it big?"]


def answers(rows, columns, offset=0.0, failed=()):
    log_p = -1.0 - offset - np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    log_p[list(failed)] = np.nan
    return Answers(log_p, log_p - 1, dict.fromkeys(failed, "too long"))


def write(store, ids, questions, **how):
    shas = [f"sha-{image_id}" for image_id in ids]
    store.write(store.name(ids, shas, questions), ids, shas, questions, answers(len(ids), len(questions), **how))


def wanted(ids, questions=Q):
    return Wanted({image_id: f"sha-{image_id}" for image_id in ids}, tuple(questions))


@pytest.fixture
def store(run):
    store = AnswerStore(run, TEACHER)
    store.begin()
    return store


def test_what_is_written_is_present_and_comes_back_by_question(store):
    write(store, ["a", "b"], Q[:2])
    here = wanted(["b", "c", "a"], [Q[2], Q[1], Q[0]])
    assert store.present(here).tolist() == [[False, True, True], [False] * 3, [False, True, True]]
    collected = store.collect(here)
    np.testing.assert_array_equal(collected.log_p_yes_NQ[0], [np.nan, -4, -3])
    np.testing.assert_array_equal(collected.log_p_no_NQ[2], [np.nan, -3, -2])
    assert collected.asked_again == 0


def test_an_answer_that_is_lacking_without_a_reason_is_never_stored(store):
    """It would count as answered, and every later run would find the ledger incomplete."""
    lacking = answers(3, 2, failed=[0, 2])
    unexplained = Answers(lacking.log_p_yes_NQ, lacking.log_p_no_NQ, {0: "too long"})
    ids = ["a", "b", "c"]
    with pytest.raises(LedgerError, match=r"nan as an answer about 1 of 3 images, e\.g\. 'c'"):
        store.write("part-x.parquet", ids, ids, Q[:2], unexplained)
    assert not store.has("part-x.parquet")
    one_side = Answers(np.zeros((1, 2), np.float32), np.array([[0, np.nan]], np.float32))
    with pytest.raises(LedgerError, match="'a'"):
        store.write("part-x.parquet", ids[:1], ids[:1], Q[:2], one_side)


def test_new_questions_and_images_are_added_to_what_is_there(store):
    write(store, ["a"], Q[:1])
    write(store, ["a"], Q[1:], offset=10)
    write(store, ["b"], Q)
    collected = store.collect(wanted(["a", "b"]))
    np.testing.assert_array_equal(collected.log_p_yes_NQ, [[-1, -11, -12], [-1, -2, -3]])


def test_an_image_whose_bytes_have_changed_is_not_present(store):
    write(store, ["a", "b"], Q)
    changed = Wanted({"a": "sha-a", "b": "another"}, tuple(Q))
    assert store.present(changed).all(axis=1).tolist() == [True, False]
    assert np.isnan(store.collect(changed).log_p_yes_NQ[1]).all()


def test_a_cell_that_was_asked_twice_is_counted_and_taken_once(store):
    write(store, ["a", "b"], Q)
    write(store, ["b", "c"], Q, offset=50)
    collected = store.collect(wanted(["a", "b", "c"]))
    assert collected.asked_again == 3
    assert np.isfinite(collected.log_p_yes_NQ).all()


def test_the_same_batch_has_the_same_name_and_another_one_another(store):
    names = {
        store.name(["a"], ["1"], Q), store.name(["a"], ["1"], Q), store.name(["a"], ["2"], Q),
        store.name(["b"], ["1"], Q), store.name(["a"], ["1"], Q[:2]),
    }  # fmt: skip
    assert len(names) == 4


def test_images_that_could_not_be_asked_are_quarantined_until_the_next_run(store):
    write(store, ["a", "b", "c"], Q, failed=[1])
    assert store.quarantined(wanted(["a", "b", "c"])) == {"b": "too long"}
    assert store.quarantined(wanted(["a"])) == {}, "an image that is no longer wanted is nobody's trouble"
    assert store.present(wanted(["a", "b", "c"])).all(axis=1).tolist() == [True, False, True]
    store.begin()
    assert store.quarantined(wanted(["a", "b", "c"])) == {}


def test_a_batch_of_nothing_but_failures_is_not_found_done(store):
    write(store, ["b"], Q, failed=[0])
    assert not store.has(store.name(["b"], ["sha-b"], Q))


def test_how_it_was_asked_is_said_in_words(store):
    assert json.loads(store.folder.read_bytes("asked.json")) == TEACHER.as_dict()


def test_a_file_that_was_asked_in_another_way_is_refused_by_what_differs(store, run):
    other = AnswerStore(run, TEACHER.with_facts(prompt="Well: {question}"))
    write(other, ["a"], Q)
    (name,) = [name for name in other.folder.names() if name.startswith("part")]
    store.folder.write_bytes(name, other.folder.read_bytes(name))
    message = r"must not be mixed: teacher.prompt was 'Well: \{question\}' and is '\{question\}'; move the file away"
    with pytest.raises(LedgerError, match=message):
        store.present(wanted(["a"]))


def test_half_a_file_is_no_file(store):
    store.folder.write_bytes(".part-0123.parquet.0123.part", b"half")
    assert not store.present(wanted(["a"])).any()


@settings(deadline=None)  # it writes files, and waits for the disk
@given(
    batches=st.lists(
        st.tuples(st.sets(st.sampled_from("abcdef"), min_size=1), st.sets(st.sampled_from(Q), min_size=1)), max_size=6
    )
)
def test_present_is_exactly_what_was_written(tmp_path_factory, batches):
    store = AnswerStore(open_run(str(tmp_path_factory.mktemp("s")), "r"), TEACHER)
    store.begin()
    truth = set()
    for ids, questions in batches:
        write(store, sorted(ids), sorted(questions))
        truth |= {(image_id, question) for image_id in ids for question in questions}
    here = wanted("abcdef")
    present, collected = store.present(here), store.collect(here)
    found = {(i, q) for r, i in enumerate(here.sha256) for c, q in enumerate(here.questions) if present[r, c]}
    assert found == truth
    np.testing.assert_array_equal(np.isfinite(collected.log_p_yes_NQ), present)


def test_what_one_run_has_asked_is_there_for_all_and_each_knows_that_it_needs_it(store, run, tmp_path):
    write(store, ["a", "b"], Q[:2])
    write(store, ["c"], Q[:2], failed=[0])
    other = AnswerStore(open_run(str(tmp_path / "runs"), "chosen"), TEACHER)
    assert other.present(wanted(["a", "b", "c"])).tolist() == [[True, True, False]] * 2 + [[False] * 3]
    other.begin()
    assert store.quarantined(wanted(["a", "b", "c"])) == {"c": "too long"}, "another run's beginning is not its own"
    assert other.quarantined(wanted(["c"])) == {}
    assert other.run.answer_keys() == run.answer_keys() == [store.folder.uri.rpartition("/")[2]]
