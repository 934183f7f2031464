import os
import time
from pathlib import Path

import pytest

from mmkd_ray.artifacts import Folder, open_run
from mmkd_ray.gc import STALE_S, YOUNG_S, delete, unused

HOUR, DAY = YOUNG_S, STALE_S


def age(storage, path, seconds):
    """Let everything below a path have been written so long ago."""
    then = time.time() - seconds
    for file in [Path(storage.path, path), *Path(storage.path, path).rglob("*")]:
        os.utime(file, (then, then))


@pytest.fixture
def storage(tmp_path):
    """One run with an image table and answers; beside them a table and answers of nobody."""
    run = open_run(str(tmp_path), "used")
    run.refer_to_images("i-used").child("table", "train").write_bytes("part-0.parquet", b"x" * 10)
    run.images.finish("i")
    run.refer_to_answers("a-used")
    run.shared.child("images", "i-other").write_bytes("part-0.parquet", b"x" * 3_000)
    run.shared.child("images", "i-other").finish("i")
    for key in ("a-used", "a-other"):
        run.answers(key).write_bytes("part-used-0.parquet", b"x" * 100)
    storage = Folder(str(tmp_path))
    age(storage, "shared", 2 * HOUR)
    return storage


def found(storage):
    return [(item.uri.removeprefix(f"{storage.uri}/"), item.reason) for item in unused(storage)]


def test_what_no_run_refers_to_is_listed_with_size_and_age_and_deleted_when_asked(storage):
    assert found(storage) == [
        ("shared/images/i-other", "no run refers to it"),
        ("shared/answers/a-other", "no run refers to it"),
    ]
    items = unused(storage)
    assert items[1].size == 100
    assert items[1].age_s == pytest.approx(2 * HOUR, abs=60)
    delete(items)
    assert found(storage) == []
    run = open_run(storage.uri, "used")
    assert run.images.finished("i")
    assert run.answers("a-used").names() == ["part-used-0.parquet"]


def test_what_has_just_been_written_may_be_of_a_run_that_has_not_noted_it_yet(storage):
    age(storage, "shared/images/i-other/record.json", HOUR / 2)
    age(storage, "shared/answers/a-other", HOUR / 2)
    assert found(storage) == []


def test_a_table_that_is_being_made_stays_and_one_that_was_given_up_goes(storage):
    Path(storage.path, "shared/images/i-other/record.json").unlink()
    assert [name for name, _ in found(storage)] == ["shared/answers/a-other"]
    age(storage, "shared/images/i-other", DAY + 60)
    assert found(storage)[0] == ("shared/images/i-other", "was never finished")


def test_files_of_killed_writers_go_after_a_day(storage):
    """In the answers that are used, and in a run; those in a folder that goes as a whole are not named."""
    for place in ("shared/answers/a-used", "shared/answers/a-other", "used/teacher/table"):
        Path(storage.path, place).mkdir(parents=True, exist_ok=True)
        Path(storage.path, place, ".a.parquet.0123.part").write_bytes(b"half")
        age(storage, place, DAY - 60)
    assert [name for name, _ in found(storage)] == ["shared/images/i-other", "shared/answers/a-other"]
    for place in ("shared/answers/a-used", "shared/answers/a-other", "used/teacher/table"):
        age(storage, place, DAY + 60)
    assert [name for name, _ in found(storage)] == [
        "shared/images/i-other", "shared/answers/a-other", "shared/answers/a-used/.a.parquet.0123.part",
        "used/teacher/table/.a.parquet.0123.part",
    ]  # fmt: skip
    delete(unused(storage))
    assert found(storage) == []


def test_a_storage_path_that_is_not_there_has_nothing_unused(tmp_path):
    assert unused(Folder(str(tmp_path / "nowhere"))) == []


def test_a_run_that_has_gone_needs_nothing(storage):
    Folder(f"{storage.uri}/used").delete()
    assert len(unused(storage)) == 4
