import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmkd_ray import schema
from mmkd_ray.artifacts import Folder
from mmkd_ray.errors import DamagedError
from tests.support.damage import damage, flipped_bits

ROWS, Q = 50, 12
RNG = np.random.default_rng(0)


def teacher_table():
    log_p = np.log(RNG.uniform(0.02, 0.98, (2, ROWS, Q)))
    columns = {
        "image_id": [f"train/{n}.png" for n in range(ROWS)],
        "sha256": [hashlib.sha256(b"%d" % n).hexdigest() for n in range(ROWS)],
        "log_p_yes": schema.fixed_size_rows(log_p[0]),
        "log_p_no": schema.fixed_size_rows(log_p[1]),
    }
    metadata = {schema.IDENTITY: "teacher", schema.QUERIES: '["Is it red?"]'}
    return pa.table(columns, schema=schema.teacher(Q).with_metadata(metadata))


def image_table():
    images = [RNG.bytes(300) for _ in range(ROWS)]
    columns = {
        "image_id": [f"{n}.png" for n in range(ROWS)],
        "image": images,
        "sha256": [hashlib.sha256(image).hexdigest() for image in images],
        "label": [n % 3 for n in range(ROWS)],
        "class_name": [f"class {n % 3}" for n in range(ROWS)],
        "split": ["train"] * ROWS,
    }
    return pa.table(columns, schema=schema.IMAGES)


def predictions():
    columns = {
        "image_id": [f"{n}.png" for n in range(ROWS)],
        "split": ["test"] * ROWS,
        "label": [n % 3 for n in range(ROWS)],
        "class_logits": schema.fixed_size_rows(RNG.normal(size=(ROWS, 3))),
        "aspect_logits": schema.fixed_size_rows(RNG.normal(size=(ROWS, Q))),
    }
    return pa.table(columns, schema=schema.predictions(3, Q))


@pytest.mark.parametrize("make", [teacher_table, image_table, predictions])
def test_no_flipped_bit_changes_what_is_read_without_an_error(tmp_path, make):
    folder, path = Folder(str(tmp_path)), tmp_path / "t.parquet"
    folder.write_table("t.parquet", make())
    whole, seen = folder.read_table("t.parquet"), 0
    with flipped_bits(path, 300) as bits:
        for bit in bits:
            try:
                found = folder.read_table("t.parquet")
            except DamagedError:
                seen += 1
            else:
                assert found.equals(whole, check_metadata=True), f"bit {bit} passes for data"
    assert seen > 250, "the others are statistics and the like, which nobody reads"


@pytest.mark.parametrize("kind", ["empty", "half", "wrong"])
def test_a_table_that_is_no_table_is_named_with_what_to_do(tmp_path, kind):
    folder = Folder(f"{tmp_path}/runs/a/teacher")
    folder.write_table("quarantine.parquet", teacher_table())
    damage(Path(folder.path, "quarantine.parquet"), kind)
    with pytest.raises(DamagedError, match=r"teacher/quarantine.parquet is damaged \(.*\): run `mmkd extract"):
        folder.read_table("quarantine.parquet")


def test_tables_that_are_gone_are_named(tmp_path):
    folder = Folder(f"{tmp_path}/runs/a/study/makd-seed0-1/predictions/clean-0")
    for name, place in (("predictions.parquet", "predictions.parquet"), ("", "clean-0/")):
        with pytest.raises(DamagedError, match=rf"{place} is damaged \(.* gone\): .* run `mmkd evaluate CONFIG`"):
            folder.read_table(name)


def test_a_table_of_an_earlier_version_is_read_as_it_is(tmp_path):
    table = teacher_table()
    pq.write_table(table, tmp_path / "old.parquet", compression="zstd")
    found = Folder(str(tmp_path)).read_table("old.parquet")
    assert found.equals(table)
    assert found.schema.metadata == table.schema.metadata


def test_a_column_that_a_table_lacks_is_damage(tmp_path):
    folder = Folder(str(tmp_path))
    folder.write_table("t.parquet", pa.table({"a": [1]}))
    with pytest.raises(DamagedError, match="it has no column b"):
        folder.read_table("t.parquet", ["a", "b"])
