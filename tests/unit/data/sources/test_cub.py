"""Birds in the layout of CUB_200_2011."""

import pytest

from mmkd_ray.config import CubData, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.sources.cub import CubSource
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.data.table import settings_identity
from mmkd_ray.errors import DataError
from tests.support import published_layouts as published
from tests.support.source_rows import rows_of


def open_cub(root, **settings):
    return CubSource(CubData(source="cub", path=str(root), **settings))


def config_of(root, **settings):
    data = {"source": "cub", "path": str(root), **settings}
    return validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})


@pytest.fixture
def listed(tmp_path):
    """Split and class of each image, as its lists say."""
    return published.cub(tmp_path)


def test_splits_and_labels_are_read_from_the_lists(tmp_path, listed):
    source = open_cub(tmp_path)
    rows = published.read(source)
    assert source.class_names == ("Black footed Albatross", "Laysan Albatross")
    assert {row.image_id: row.class_name for row in rows} == {path: name for path, (_, name) in listed.items()}
    assert all(row.class_name == source.class_names[row.label] for row in rows)
    assert {row.image_id for row in rows if row.split == "test"} == {
        path for path, (split, _) in listed.items() if split == "test"
    }
    for row in rows:
        assert row.image == (tmp_path / row.image_id).read_bytes()


def test_validation_images_are_taken_from_the_training_images_of_each_class(tmp_path, listed):
    val = published.ids(open_cub(tmp_path, val_fraction=0.4), "val")
    assert (
        sorted(listed[path] for path in val)
        == [("train", "Black footed Albatross")] * 2 + [("train", "Laysan Albatross")] * 2
    )
    assert val == published.ids(open_cub(tmp_path, val_fraction=0.4), "val")
    assert val != published.ids(open_cub(tmp_path, val_fraction=0.4, split_seed=1), "val")


def test_the_image_table_is_made(tmp_path, listed, run):
    record = build_image_table(config_of(tmp_path), run, lambda *_: None)
    assert record["images"] == {"train": 8, "val": 2, "test": 6}
    assert isinstance(open_source(config_of(tmp_path)), CubSource)


def test_missing_and_broken_images_are_named(tmp_path, listed):
    first, second, third, *_ = listed
    (tmp_path / first).unlink()
    (tmp_path / second).write_bytes(b"GIF89a")
    (tmp_path / third).unlink()
    (tmp_path / third).mkdir()
    bad = {row.path: row.reason for row in rows_of(open_cub(tmp_path)) if isinstance(row, BadImage)}
    assert set(bad) == {first, second, third}
    assert bad[first] == "cannot be read: No such file or directory"
    assert bad[third] == "a folder and no file"


def test_the_identity_depends_on_content_and_settings_and_not_on_the_folder(tmp_path, listed):
    identity = open_cub(tmp_path).identity()
    assert str(tmp_path) not in str(identity)
    config = config_of(tmp_path)
    assert settings_identity(config) == settings_identity(config_of("/elsewhere"))
    assert settings_identity(config) != settings_identity(config_of(tmp_path, split_seed=3))
    change(tmp_path, "image_class_labels.txt", "3 1", "3 2")
    assert open_cub(tmp_path).identity() != identity


def change(root, name, old, new):
    path = root / "CUB_200_2011" / name
    lines = path.read_text().splitlines()
    assert old in lines
    path.write_text("\n".join(new if line == old else line for line in lines))


@pytest.mark.parametrize("name", ["images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"])
def test_a_missing_list_is_a_one_line_error_with_the_expected_layout(tmp_path, listed, name):
    (tmp_path / "CUB_200_2011" / name).unlink()
    with pytest.raises(
        DataError, match=rf"{name}' cannot be read: No such file or directory; expected .*/CUB_200_2011/ with"
    ):
        open_cub(tmp_path)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("image_class_labels.txt", "3 1", "3 7", "image 3 has '7'; accepted are 1, 2"),
        (
            "image_class_labels.txt",
            "3 1",
            "",
            "image 3 is in only one of .*images.txt and .*image_class_labels.txt",
        ),
        ("train_test_split.txt", "1 1", "1 yes", "image 1 has 'yes'; accepted are 0, 1"),
        ("train_test_split.txt", "16 1", "17 1", "image 16 is in only one of"),
        ("image_class_labels.txt", "3 1", "2 1", "line 3: number 2 is a duplicate"),
        ("image_class_labels.txt", "3 1", "3", "line 3: got '3'; 'NUMBER VALUE' is accepted"),
        (
            "classes.txt",
            "2 002.Laysan_Albatross",
            "2 002.Black_footed_Albatross",
            "the class 'Black footed Albatross' twice",
        ),
    ],
)
def test_inconsistent_lists_are_a_one_line_error(tmp_path, listed, name, old, new, message):
    change(tmp_path, name, old, new)
    with pytest.raises(DataError, match=message):
        open_cub(tmp_path)


def test_an_image_listed_twice_is_refused(tmp_path, listed):
    paths = [path.removeprefix("CUB_200_2011/images/") for path in listed]
    change(tmp_path, "images.txt", f"2 {paths[1]}", f"2 {paths[0]}")
    with pytest.raises(DataError, match=r"lists the image .* twice"):
        open_cub(tmp_path)


def test_a_wrong_folder_is_a_one_line_error(tmp_path, listed):
    with pytest.raises(DataError, match=r"is not a folder; expected .*unpack CUB_200_2011.tgz in"):
        open_cub(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"images.txt' cannot be read"):
        open_cub(tmp_path / "CUB_200_2011")
    with pytest.raises(DataError, match="a local folder is accepted"):
        open_cub("gs://bucket")
    (tmp_path / "CUB_200_2011" / "classes.txt").write_bytes(b"1 caf\xe9")
    with pytest.raises(DataError, match="is not text in UTF-8"):
        open_cub(tmp_path)
