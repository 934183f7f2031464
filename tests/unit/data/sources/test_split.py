"""Cutting a part off a labelled set, class by class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmkd_ray.data.sources.files import ImageFile
from mmkd_ray.data.sources.listing import Found
from mmkd_ray.data.sources.split import cut, stratified_cut

LABELS = np.repeat([0, 1, 2], [100, 20, 10])


def per_class(rows: np.ndarray, labels: np.ndarray = LABELS) -> list[int]:
    return [int((labels[rows] == label).sum()) for label in np.unique(labels)]


def test_the_share_is_taken_from_every_class():
    assert per_class(stratified_cut(LABELS, fraction=0.2, seed=0)) == [20, 4, 2]


def test_rows_are_sorted_and_without_duplicates():
    rows = stratified_cut(LABELS, fraction=0.5, seed=3)
    assert (np.diff(rows) > 0).all()
    assert rows.dtype == np.int64


def test_the_same_seed_chooses_the_same_rows_and_another_seed_others():
    first = stratified_cut(LABELS, fraction=0.3, seed=7)
    np.testing.assert_array_equal(first, stratified_cut(LABELS, fraction=0.3, seed=7))
    assert set(first) != set(stratified_cut(LABELS, fraction=0.3, seed=8))


def test_rows_are_drawn_from_the_whole_class():
    chosen = {row for seed in range(40) for row in stratified_cut(LABELS, fraction=0.1, seed=seed)}
    assert chosen >= set(range(120, 130))
    assert max(row for row in chosen if row < 100) > 90


@pytest.mark.parametrize(("fraction", "expected"), [(0.01, [1, 1]), (0.99, [2, 1])])
def test_at_least_one_row_of_a_small_class_is_chosen_and_one_is_kept(fraction: float, expected: list[int]):
    labels = np.array([0, 1, 0, 1, 0])
    assert per_class(stratified_cut(labels, fraction=fraction, seed=0), labels) == expected


def test_a_class_of_one_row_keeps_it():
    rows = stratified_cut(np.array([5, 9, 9]), fraction=0.9, seed=0)
    assert len(rows) == 1
    assert rows[0] in (1, 2)


def test_no_rows_give_no_rows():
    assert stratified_cut(np.array([], dtype=np.int64), fraction=0.5, seed=0).tolist() == []


@given(
    labels=hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(-3, 3)),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_share_is_exact_to_one_row_for_any_labels(labels: np.ndarray, fraction: float, seed: int):
    rows = stratified_cut(labels, fraction=fraction, seed=seed)
    for label in np.unique(labels):
        size, cut = int((labels == label).sum()), int((labels[rows] == label).sum())
        assert min(1, size - 1) <= cut <= max(size - 1, 0)
        assert abs(cut - fraction * size) <= 1


def test_a_share_of_the_readable_training_images_is_moved():
    lost = [ImageFile(Found(f"b/lost {number}", problem="cannot be read"), "train", "b") for number in range(10)]
    there = [ImageFile(Found(f"{name}/{number}"), "train", name) for name in ("b", "a") for number in range(10)]
    tested = [ImageFile(Found(f"test/{number}"), "test", "a") for number in range(10)]
    after = cut([*lost, *there, *tested], taken="val", fraction=0.4, seed=0)
    assert [file.found for file in after] == [file.found for file in (*lost, *there, *tested)]
    assert (after[:10], after[30:]) == (lost, tested)
    assert [sum(file.split == "val" for file in part) for part in (after[10:20], after[20:30])] == [4, 4]
    assert {file.split for file in after[10:30]} == {"train", "val"}
