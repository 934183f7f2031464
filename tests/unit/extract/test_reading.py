import os

import pyarrow as pa
import pytest

from mmkd_ray.artifacts import Folder
from mmkd_ray.extract.reading import read_ahead


@pytest.mark.parametrize(("image_bytes", "mebibytes"), [(1_000, 32), (2**20, 128)])
def test_eight_batches_of_each_engine_are_read_ahead_and_never_less_than_a_little(tmp_path, image_bytes, mebibytes):
    folder = Folder(str(tmp_path))
    folder.write_table("part.parquet", pa.table({"image": [os.urandom(image_bytes) for _ in range(4)]}))
    limit = read_ahead((folder, "part.parquet"), batch_size=8, engines=2)
    assert limit == pytest.approx(mebibytes * 2**20, rel=0.01)
