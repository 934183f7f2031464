import numpy as np
import pytest

from mmkd_ray.answers.probability import Answers
from mmkd_ray.answers.query import Query
from mmkd_ray.answers.reading import overview
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.artifacts import open_run
from mmkd_ray.errors import LedgerError
from mmkd_ray.identity import identify
from tests.support.cells import wanted_of, write_batch

TEACHER = identify("teacher", kind="vllm", prompt="{question}")
Q = ["Is it red?", "Is it blue?", "Is it big?"]


@pytest.fixture
def store(run):
    store = AnswerStore(run, TEACHER)
    store.begin()
    return store


def test_the_same_batch_has_the_same_name_and_another_one_another(store):
    asked = [Query(text) for text in Q]
    names = {
        store.name(["a"], ["1"], asked), store.name(["a"], ["1"], asked), store.name(["a"], ["2"], asked),
        store.name(["b"], ["1"], asked), store.name(["a"], ["1"], asked[:2]),
        store.name(["a"], ["1"], [Query(Q[0], "mirrored"), *asked[1:]]),
    }  # fmt: skip
    assert len(names) == 5


def test_an_answer_that_is_lacking_without_a_reason_is_never_stored(store):
    """It would count as answered, and every later run would find the ledger incomplete."""
    log_p = np.array([[np.nan, np.nan], [-1, -1], [np.nan, np.nan]], np.float32)
    ids, asked = ["a", "b", "c"], [Query(text) for text in Q[:2]]
    with pytest.raises(LedgerError, match=r"nan or a probability above 1 as an answer about 1 of 3 images, e\.g\. 'c'"):
        store.write("part-x.parquet", ids, ids, asked, Answers(log_p, log_p, {0: "too long"}))
    assert not store.has("part-x.parquet")
    one_side = Answers(np.zeros((1, 2), np.float32), np.array([[0, np.nan]], np.float32))
    with pytest.raises(LedgerError, match="'a'"):
        store.write("part-x.parquet", ids[:1], ids[:1], asked, one_side)


def test_images_that_could_not_be_asked_are_quarantined_until_the_next_run(store):
    write_batch(store, ["a", "b", "c"], Q, failed=[1])
    assert store.quarantined() == {"b": "too long"}
    everything = wanted_of({image_id: f"sha-{image_id}" for image_id in "abc"}, Q)
    assert overview(store, everything).present_NQ.all(axis=1).tolist() == [True, False, True]
    store.begin()
    assert store.quarantined() == {}


def test_a_batch_that_an_engine_tries_again_and_can_ask_is_no_longer_quarantined(store):
    write_batch(store, ["a", "b"], Q, failed=[1])
    write_batch(store, ["a", "b"], Q)
    assert store.quarantined() == {}


def test_a_batch_of_nothing_but_failures_is_not_found_done(store):
    assert not store.has(write_batch(store, ["b"], Q, failed=[0]))


def test_how_it_was_asked_is_said_in_words(store):
    assert store.folder.read_json("asked.json") == TEACHER.as_dict()


def test_what_one_run_has_asked_is_there_for_all_and_each_knows_that_it_needs_it(store, run, tmp_path):
    write_batch(store, ["a", "b"], Q[:2])
    write_batch(store, ["c"], Q[:2], failed=[0])
    other = AnswerStore(open_run(str(tmp_path / "runs"), "chosen"), TEACHER)
    everything = wanted_of({image_id: f"sha-{image_id}" for image_id in "abc"}, Q)
    assert overview(other, everything).present_NQ.tolist() == [[True, True, False]] * 2 + [[False] * 3]
    other.begin()
    assert store.quarantined() == {"c": "too long"}, "another run's beginning is not its own"
    assert other.quarantined() == {}
    assert other.run.answer_keys() == run.answer_keys() == [TEACHER.key]


def test_a_file_that_was_asked_in_another_way_is_refused_by_what_differs(store, run):
    other = AnswerStore(run, identify("teacher", kind="vllm", prompt="Well: {question}"))
    name = write_batch(other, ["a"], Q)
    store.folder.write_bytes(name, other.folder.read_bytes(name))
    message = r"must not be mixed: teacher.prompt was 'Well: \{question\}' and is '\{question\}'; move the file away"
    with pytest.raises(LedgerError, match=message):
        overview(store, wanted_of({"a": "sha-a"}, Q))


def test_half_a_file_is_no_file(store):
    store.folder.write_bytes(".part-test-0123.parquet.0123.part", b"half")
    assert store.names() == []
