"""Splits as data sets call them."""

import pytest

from mmkd_ray.data.sources.splits import map_splits, split_line
from mmkd_ray.errors import DataError


def test_words_mean_what_folders_of_that_name_would_mean():
    splits = map_splits(["Train", "dev", "eval", "sketch"], {}, place="t")
    assert splits == {"Train": "train", "dev": "val", "eval": "test", "sketch": "sketch"}
    assert split_line(splits) == "splits: 'Train' is train, 'dev' is val, 'eval' is test, 'sketch' is a shift set"


def test_numbers_are_mapped():
    assert map_splits(["0", "1", "2"], {"0": "train", "1": "val", "2": None}, place="t")["2"] is None


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "a\\b", "a\0b"])
def test_a_split_that_is_no_name_of_a_folder_is_refused(name):
    with pytest.raises(DataError, match="cannot be the name of a folder"):
        map_splits(["train", "x"], {"x": name}, place="t")


def test_a_row_without_a_split_is_refused():
    with pytest.raises(DataError, match="some rows have no split"):
        map_splits(["train", ""], {}, place="t")
