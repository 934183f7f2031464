import io

import numpy as np
import pytest
import torch
from PIL import Image

from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.feed.pixels import load_pixels
from mmkd_ray.data.fit import Fit


@pytest.fixture
def filled(run, tmp_path):
    """Images 12 wide and 6 high: a red, a green and a blue third."""
    wide = np.zeros((6, 12, 3), np.uint8)
    for third, channel in enumerate(range(3)):
        wide[:, 4 * third : 4 * third + 4, channel] = 255
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG")
    for name in "ab":
        for number in range(4):
            (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "images" / name / f"{number}.png").write_bytes(buffer.getvalue())
    data = {"source": "folder", "path": str(tmp_path / "images")}
    build_image_table(validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}}), run, lambda *_: None)
    return run


def load(run, splits, size, how="crop"):
    return load_pixels(run, splits, Fit(how, size, "bicubic", fill=(9, 9, 9)))


def test_the_centre_square_is_kept(filled):
    pixels = load(filled, ["train"], 6)
    assert pixels.images_M3SS.shape == (len(pixels), 3, 6, 6)
    middle = pixels.images_M3SS[0, :, 3, :]  # red, green x 4, blue
    assert middle[1].tolist() == [0, 255, 255, 255, 255, 0]
    assert middle[0].tolist() == [255, 0, 0, 0, 0, 0]


def test_or_the_whole_picture_is(filled):
    squashed, padded = (load(filled, ["train"], 6, how).images_M3SS[0] for how in ("squash", "pad"))
    assert squashed[:, 3].argmax(dim=0).tolist() == [0, 0, 1, 1, 2, 2]
    assert padded[:, 0].tolist() == padded[:, 5].tolist() == [[9] * 6] * 3
    assert padded[:, 3].argmax(dim=0).tolist() == [0, 0, 1, 1, 2, 2]


def test_rows_of_all_fields_belong_to_the_same_image(filled):
    pixels = load(filled, ["train", "test"], 4)
    assert set(pixels.splits) == {"train", "test"}
    assert [name[0] == "b" for name in pixels.image_ids] == pixels.labels_N.bool().tolist()


def test_a_subset_shares_the_pixels_of_the_whole(filled):
    pixels = load(filled, ["train", "test"], 4)
    some = pixels.subset([3, 1, 2]).subset([2, 0])
    assert some.images_M3SS is pixels.images_M3SS
    assert some.image_ids == [pixels.image_ids[2], pixels.image_ids[3]]
    assert some.labels_N.tolist() == pixels.labels_N[[2, 3]].tolist()
    assert some.take(torch.tensor([1])).equal(pixels.take(torch.tensor([3])))
    assert torch.cat(list(some.in_batches(1))).equal(pixels.images_M3SS[[2, 3]])


def test_a_split_without_images_is_empty(filled):
    assert len(load(filled, ["shift"], 4)) == 0
