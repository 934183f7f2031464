import pytest

from mmkd_ray.config import FolderData
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.errors import DataError
from tests.support.pictures import picture
from tests.support.source_rows import ImageRow, rows_of


def tree(root, files):
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return FolderSource(FolderData(source="folder", path=str(root)))


def by_split(source):
    splits = {}
    for row in rows_of(source):
        if isinstance(row, ImageRow):
            splits.setdefault(row.split, set()).add(row.image_id)
    return splits


def test_a_plain_tree_is_split_into_three_disjoint_stratified_splits(tmp_path):
    source = tree(tmp_path, {f"{name}/{i}.png": picture(i) for name in ("a", "b") for i in range(20)})
    splits = by_split(source)
    assert {split: len(ids) for split, ids in splits.items()} == {"train": 28, "val": 4, "test": 8}
    assert sum(name.startswith("a/") for name in splits["test"]) == 4
    assert by_split(source) == splits


def test_existing_splits_are_used_and_others_are_shift_sets(tmp_path):
    places = [f"{split}/{name}" for split in ("train", "test", "sketch") for name in "ab"]
    files = {f"{place}/{i}.png": picture(i) for place in places for i in range(8)}
    splits = by_split(tree(tmp_path, files))
    assert set(splits) == {"train", "val", "test", "sketch"}
    assert len(splits["test"]) == 16
    assert all(name.startswith("train/") for name in splits["val"] | splits["train"])


def test_every_file_is_read_or_named(tmp_path):
    files = {f"{name}/{i}.png": picture(i) for name in "ab" for i in range(5)}
    files |= {"a/empty.png": b"", "a/notes": b"hello", "b/cut.png": picture()[:40]}
    files |= {".hidden/x.png": b"", "top.png": b""}  # not of the data set
    rows = rows_of(tree(tmp_path, files))
    bad = {row.path: row.reason for row in rows if isinstance(row, BadImage)}
    assert set(bad) == {"a/empty.png", "a/notes", "b/cut.png"}
    assert bad["a/empty.png"] == "not a readable image: the file is empty"
    assert len(rows) == 13


def test_names_with_spaces_and_unicode(tmp_path):
    files = {f"klasse {name}/bild nr {i} ü.png": picture(i) for name in "äb" for i in range(4)}
    rows = rows_of(tree(tmp_path, files))
    assert {row.class_name for row in rows} == {"klasse ä", "klasse b"}


def test_identity_changes_with_a_file(tmp_path):
    source = tree(tmp_path, {f"{name}/{i}.png": picture(i) for name in "ab" for i in range(3)})
    changed = tree(tmp_path, {"a/0.png": picture(7) + b"more"})
    assert source.identity() != changed.identity()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no images"),
        ({"top.png": b"x"}, r"holds files in no class folder \(top.png\); accepted are CLASS/IMAGE"),
        ({"only/1.png": b"x", "only/2.png": b"x"}, r"one class only \('only'\)"),
        ({"train/a/1.png": b"x", "train/b/1.png": b"x", "test/c/1.png": b"x"}, "no training images of c"),
    ],
)
def test_unusable_trees_are_a_one_line_error(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        tree(tmp_path, files)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        FolderSource(FolderData(source="folder", path=str(tmp_path / "nowhere")))
