import numpy as np
import pytest

from mmkd_ray.answers import compacting
from mmkd_ray.answers.compacting import compact
from mmkd_ray.answers.reading import collect, overview
from mmkd_ray.answers.store import AnswerStore
from mmkd_ray.artifacts import Folder, open_run
from mmkd_ray.identity import identify
from tests.support.cells import wanted_of, write_batch

TEACHER = identify("teacher", kind="no_inference")
Q = ["Is it red?", "Is it blue?", "Is it big?"]
IDS = [f"i{number}" for number in range(9)]


def everything():
    return wanted_of({image_id: f"sha-{image_id}" for image_id in IDS}, Q)


@pytest.fixture
def stores(tmp_path):
    """Two runs of one storage path that ask the same teacher; the name of one begins as that of the other."""
    return [AnswerStore(open_run(str(tmp_path), name), TEACHER) for name in ("a", "a-b")]


def answers(store):
    found = collect(store, everything())
    return found.log_p_yes_NQ.tolist(), found.log_p_no_NQ.tolist(), found.asked_again


@pytest.fixture
def store(stores):
    """Files of one image each, of two sets of questions; some images were asked twice."""
    store = stores[0]
    for number, image_id in enumerate(IDS):
        write_batch(store, [image_id], Q[:2], offset=number)
        write_batch(store, [image_id], Q[2:], offset=20 + number)
    write_batch(store, ["i3", "i5"], Q[:2], offset=50)
    write_batch(store, ["i3", "i4"], Q[:2], offset=60)
    return store


def test_many_small_files_become_one_for_each_set_of_questions_with_the_same_answers(store):
    present = overview(store, everything()).present_NQ
    found = answers(store)
    assert found[2] == 8
    compact(store)
    assert len(store.names()) == 2
    assert answers(store)[2] == 8, "what was asked twice still counts as asked twice"
    np.testing.assert_array_equal(overview(store, everything()).present_NQ, present)
    once = [row for row, image_id in enumerate(IDS) if image_id not in ("i3", "i4", "i5")]
    np.testing.assert_array_equal(np.array(answers(store)[0])[once], np.array(found[0])[once])
    before = store.names()
    compact(store)
    assert store.names() == before, "there is nothing more to merge"


def test_files_are_closed_when_they_are_large(store, monkeypatch):
    monkeypatch.setattr(compacting, "ROWS_A_PART", 4)
    compact(store)
    assert sorted(file.table.num_rows for file in store.read(store.names())) == [1, 4, 4, 4, 4, 5]


def test_new_small_files_are_merged_with_a_small_rest(store):
    compact(store)
    write_batch(store, ["new"], Q[:2])
    compact(store)
    assert len(store.names()) == 2
    assert sorted(file.table.num_rows for file in store.read(store.names())) == [9, 14]


def test_a_run_merges_its_own_files_alone(stores):
    for store in stores:
        for image_id in IDS[:3]:
            write_batch(store, [image_id], Q)
    compact(stores[0])
    assert [name.startswith(("rows-a-", "part-a-b-")) for name in stores[0].names()] == [True] * 4
    compact(stores[1])
    assert len(stores[0].names()) == 2


@pytest.mark.parametrize("deleted", [0, 1, 5])
def test_a_crash_while_small_files_are_deleted_loses_and_doubles_nothing(store, monkeypatch, deleted):
    class PlugPulledError(Exception):
        pass

    delete, left = Folder.delete_file, [deleted]

    def delete_some(self, name):
        if not left[0]:
            raise PlugPulledError
        left[0] -= 1
        delete(self, name)

    before = answers(store)
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "delete_file", delete_some)
        with pytest.raises(PlugPulledError):
            compact(store)
    assert len(store.names()) > 10
    assert answers(store)[2] == before[2]
    assert np.isfinite(answers(store)[0]).all()
    compact(store)
    assert len(store.names()) == 2
    assert answers(store)[2] == before[2]
