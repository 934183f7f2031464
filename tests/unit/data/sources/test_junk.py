"""What is no image by its name is skipped and counted; what a person calls an image is not."""

import pytest

from mmkd_ray.config import FolderData, validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.data.sources.opening import open_source
from mmkd_ray.errors import DataError
from tests.support.pictures import fill_tree
from tests.support.source_rows import rows_of


def source_of(root, storage=None, **settings):
    return FolderSource(FolderData(source="folder", path=str(root), **settings), storage)


@pytest.fixture
def root(tmp_path):
    fill_tree(tmp_path / "tree", ["a", "b"])
    return tmp_path / "tree"


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"not an image")


def test_files_that_are_no_images_by_name_are_counted_in_one_line(root):
    clean = len(source_of(root))
    put(
        root,
        "a/Thumbs.db",
        "b/desktop.ini",
        "a/0.xml",
        "a/1.XML",
        "b/labels.csv",
        "b/notes.txt",
        "a/.DS_Store",
        "a/._0.png",
        "a/0.png:Zone.Identifier",
        "a/Thumbs.db:encryptable",
        "b/student.safetensors",
    )
    source = source_of(root)
    assert len(source) == clean
    (line,) = [line for line in source.describe() if "by name" in line]
    assert line.startswith("skipped 11 files that are no images by name: ")
    assert "Thumbs.db 1" in line
    assert ".xml 2" in line
    assert "hidden 2" in line


def test_thumbnails_and_leftovers_are_no_rows(root):
    clean = len(source_of(root))
    put(
        root,
        "a/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg",
        "lost+found/#1",
        "__MACOSX/a/._0.png",
        ".git/a/0.png",
        "b/.thumbnails/0.png",
    )
    source = source_of(root)
    assert (len(source), source.class_names) == (clean, ("a", "b"))
    assert any(
        line.startswith("skipped folders: ") and "@eaDir 1" in line and "lost+found 1" in line
        for line in source.describe()
    )


@pytest.mark.parametrize("name", ["x.heic", "x.svg", "x.mp4", "x.pdf", "x", "x.unknown", "readme.png"])
def test_what_may_be_a_picture_is_read_or_named(root, name):
    put(root, f"a/{name}")
    assert [row.path for row in rows_of(source_of(root)) if isinstance(row, BadImage)] == [f"a/{name}"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("b", ["a"]),
        ("drafts", ["a", "b"]),
        ("a/drafts", ["a", "b"]),
        ("*_mask.png", ["a", "b", "drafts"]),
        ("a/*", ["b"]),
    ],
)
def test_patterns_leave_out_files_and_folders(root, pattern, left):
    fill_tree(root, ["a/drafts", "drafts", "c"])
    put(root, "a/0_mask.png", "b/0_mask.png")
    source = source_of(root, exclude=(pattern, "nothing_of_this"))
    kept = {file.found.path for file in source._files}
    assert set(left) <= {path.split("/")[0] for path in kept}
    wanted = pattern.strip("*/")
    assert not any(path.startswith(f"{pattern.rstrip('*/')}/") or path.endswith(wanted) for path in kept)
    assert "data.exclude: 'nothing_of_this' matches nothing" in source.describe()


def test_the_storage_of_runs_is_never_data(root):
    fill_tree(root, ["runs/x/images"])
    assert source_of(root).class_names == ("a", "b", "runs")
    source = source_of(root, storage=str(root / "runs"))
    assert source.class_names == ("a", "b")
    assert "skipped folders: runs (storage.path) 1" in source.describe()
    with pytest.raises(DataError, match=r"data.path and storage.path are the same folder"):
        source_of(root, storage=str(root))


def test_where_one_class_is_left_what_was_left_out_is_told(root):
    with pytest.raises(DataError, match=r"one class only \('b'\).*data.exclude: 'a' matches 1 paths"):
        source_of(root, exclude=("a",))
    with pytest.raises(DataError, match=r"one class only \('b'\).*skipped folders: a \(storage.path\) 1"):
        source_of(root, storage=str(root / "a"))


def test_a_run_in_the_folder_of_the_images_does_not_read_itself(root, monkeypatch):
    monkeypatch.chdir(root)
    fill_tree(root, ["runs/x"])
    tree = {
        "name": "t",
        "data": {"source": "folder", "path": "."},
        "aspects": {"source": "fieldguide"},
        "storage": {"path": "runs"},
    }
    assert open_source(validate(tree)).class_names == ("a", "b")


def test_the_limit_of_unreadable_images_counts_images_alone(root, run):
    put(root, *[f"a/{number}.xml" for number in range(30)])
    tree = {
        "name": "t",
        "data": {"source": "folder", "path": str(root)},
        "aspects": {"source": "fieldguide"},
        "extract": {"max_bad_fraction": 0.0},
    }
    record = build_image_table(validate(tree), run, lambda *_: None)
    assert record["quarantined"] == 0
    assert any("skipped 30 files" in line for line in record["told"])
