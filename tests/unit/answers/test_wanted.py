import subprocess
import sys

import numpy as np
import pyarrow as pa

from mmkd_ray.answers.wanted import ImageIndex, keys_of
from tests.support.cells import wanted_of

IMAGES = {f"i{number}": f"s{number}" for number in range(1_000)}
KEY = """
import pyarrow as pa
from mmkd_ray.answers.wanted import keys_of
print(keys_of(pa.table({"image_id": ["i1"], "sha256": ["s1"]}))[0])
"""


def test_images_are_found_wherever_they_stand_and_others_are_not():
    wanted = wanted_of(IMAGES, ["Is it red?"])
    table = pa.table(
        {"image_id": ["i7", "other", "i999", "i0", "i7", "i"], "sha256": ["s7", "s1", "s999", "x", "s7", "7s7"]}
    )
    there, here = wanted.index.find(table)
    assert list(zip(there.tolist(), here.tolist(), strict=True)) == [(0, 7), (2, 999), (4, 7)]
    assert [len(found) for found in ImageIndex.of(np.empty(0, np.uint64)).find(table)] == [0, 0]
    assert [len(found) for found in wanted.index.find(table.slice(0, 0))] == [0, 0]


def test_all_of_a_thousand_images_have_their_own_key_the_same_in_every_process():
    keys = wanted_of(IMAGES, ["Is it red?"]).keys
    assert len(np.unique(keys)) == 1_000
    table = pa.table({"image_id": ["i1"], "sha256": ["s1"]})
    elsewhere = subprocess.run([sys.executable, "-c", KEY], capture_output=True, text=True, check=True)
    assert int(elsewhere.stdout) == keys[1] == keys_of(table)[0]


def test_some_images_can_be_left_out():
    rest = wanted_of(IMAGES, ["Is it red?"]).without(["i0", "i2", "nobody"])
    assert len(rest) == 998
    assert rest.image_ids[:2] == ["i1", "i3"]
