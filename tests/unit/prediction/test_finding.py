import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.errors import DataError
from mmkd_ray.prediction.finding import _matches, find_images
from mmkd_ray.prediction.predictor import PictureReader
from tests.support.pictures import fill_tree, picture


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Two folders of two pictures each, in the current folder, and what lies beside pictures."""
    fill_tree(tmp_path / "birds", ["a", "b"], 2)
    (tmp_path / "birds" / "notes.txt").write_text("not a picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*words, **options):
    return [one.name for one in find_images(words, **options)]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("birds/a/0.png", ["birds/a/0.png"]),
        ("birds", ["birds/a/0.png", "birds/a/1.png", "birds/b/0.png", "birds/b/1.png"]),
        ("birds/b/", ["birds/b/0.png", "birds/b/1.png"]),
        ("birds/*/1.png", ["birds/a/1.png", "birds/b/1.png"]),
        ("birds/[a]", ["birds/a/0.png", "birds/a/1.png"]),
        ("**/0.*", ["birds/a/0.png", "birds/b/0.png"]),
    ],
)
def test_files_folders_and_patterns_keep_the_names_that_they_are_given_by(tree, word, found):
    assert names(word) == found
    assert names(f"{tree}/{word}") == [f"{tree}/{name}" for name in found]


def test_a_uri_is_found_as_a_path_is(tree):
    uri = f"file://{tree}/birds"
    for word, count in (
        (uri, 4),
        (f"{uri}/a/0.png", 1),
        (f"{uri}/*/0.png", 2),
        (f"{uri}/b*", 2),
        (f"{uri}/**/1.png", 2),
    ):
        found = find_images([word])
        assert [one.name.startswith(f"{uri}/") for one in found] == [True] * count, word
        assert all(isinstance(read, bytes) for read in PictureReader()(found))


def test_a_file_whose_name_has_signs_of_a_pattern_is_that_file(tree):
    (tree / "a[1].png").write_bytes(picture())
    assert names("a[1].png") == ["a[1].png"]


def test_rows_of_parquet_files_are_images_wherever_these_lie(tree):
    rows = [{"img": picture(value), "n": value} for value in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), tree / "birds" / "rows.parquet", row_group_size=2)
    found = find_images(["birds", "birds/rows.parquet"])
    of_table = [f"birds/rows.parquet:{row}" for row in range(5)]
    assert [one.name for one in found][4:] == of_table * 2
    read = PictureReader()(found)
    assert read[4:] == [picture(value) for value in range(5)] * 2


def test_a_column_of_several_is_named(tree):
    one = pa.array([picture()])
    pq.write_table(pa.table({"left": one, "right": one}), tree / "two.parquet")
    pq.write_table(pa.table({"image": one, "img": one}), tree / "unclear.parquet")
    assert names("two.parquet", column="right") == ["two.parquet:0"]
    with pytest.raises(DataError, match=r"say which one by --column=image"):
        find_images(["unclear.parquet"])
    with pytest.raises(DataError, match=r"--column: two.parquet has no column 'middle'"):
        find_images(["two.parquet"], column="middle")


def test_what_is_not_there_or_no_image_is_told_when_it_is_read(tree):
    pq.write_table(pa.table({"n": [1]}), tree / "numbers.parquet")
    (tree / "broken.parquet").write_bytes(b"no table")
    words = ["nowhere.png", "birds/a/0.png", "numbers.parquet", "broken.parquet"]
    read = PictureReader()(find_images(words))
    assert [isinstance(one, BadImage) for one in read] == [True, False, True, True]
    assert "No such file" in read[0].reason
    assert read[2].reason == "has no column of encoded images; it has n"
    assert read[3].reason.startswith("cannot be read: ")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("empty", "'empty' holds no images"),
        ("", "'' names no images"),
        ("birds/*.gif", "nothing matches 'birds/.*gif'"),
        ("s3://key:secret@bucket/a.png", "a URI may hold no key"),
    ],
)
def test_a_word_that_means_nothing_is_refused(tree, word, message):
    (tree / "empty").mkdir()
    with pytest.raises(Exception, match=message):
        find_images([word])


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a/b/c.png", "a/*/c.png", True),
        ("a/b/c.png", "*/c.png", False),
        ("a/b/c.png", "**/c.png", True),
        ("c.png", "**/c.png", True),
        ("a/b/c.png", "a/**", True),
        ("a/b/c.png", "a/?/*.[jp]*", True),
    ],
)
def test_a_pattern_matches_part_by_part(path, pattern, expected):
    assert _matches(path.split("/"), pattern.split("/")) is expected
