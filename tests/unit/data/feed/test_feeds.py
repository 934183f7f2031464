"""Every way to hold images shows the same: the same rows and labels, in the same order, seen alike, to the bit."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mmkd_ray.config import TrainConfig
from mmkd_ray.data.feed import files
from mmkd_ray.data.feed.look import Look
from mmkd_ray.data.feed.order import epoch_batches
from mmkd_ray.data.feed.pictures import EncodedPictures, MappedPictures
from mmkd_ray.data.feed.pixels import PictureFeed, Pixels, load_feed
from mmkd_ray.data.feed.seeing import Viewer
from mmkd_ray.data.fit import Fit
from mmkd_ray.errors import NoRoomError
from tests.support.tables import image_row, write_image_table
from tests.unit.data.test_building import config_for

CPU = torch.device("cpu")
SHAPES = {"squares": [(24, 24)], "wide": [(40, 24), (24, 31), (24, 24), (100, 30)]}
WHOLE = Fit("whole", 20, "bilinear")
LIGHT = TrainConfig(batch_size=8, crop_scale=(0.2, 1.0))
ANTIALIASED = LIGHT.model_copy(update={"views": "torchvision"})
MIXED = LIGHT.model_copy(update={"mixup": 0.8, "cutmix": 1.0})
AUGMENTED = ANTIALIASED.model_copy(update={"augment": "trivial", "colour_jitter": 0.4, "erasing": 0.5, "cutmix": 1.0})


def rows(shapes):
    draw = np.random.default_rng(0)
    for number in range(20):
        width, height = shapes[number % len(shapes)]
        buffer = io.BytesIO()
        coarse = Image.fromarray(draw.integers(0, 255, (4, 4, 3), dtype=np.uint8))
        turned = coarse.resize((width, height)).getexif() if number != 3 else Image.Exif()
        if number == 3:
            turned[0x0112] = 6  # lies on its side: it is seen upright
        coarse.resize((width, height)).save(buffer, "JPEG", exif=turned)
        yield image_row(f"{number:02}", buffer.getvalue(), label=number % 2, class_name="ab"[number % 2], split="train")


@pytest.fixture(params=list(SHAPES))
def filled(request, run, tmp_path, monkeypatch):
    """A run with twenty training images; files of them are kept in a folder of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "machine"))
    write_image_table(config_for(tmp_path), run, list(rows(SHAPES[request.param])), ["a", "b"])
    return run


def opened(run, how, fit=WHOLE, **more):
    return load_feed(run, ["train"], fit, how=how, **more)


def shown(feed, config, **which):
    """All that is seen in an epoch, step by step."""
    viewer = Viewer(feed, Look(config, 16, (9, 9, 9)), CPU)
    batches = epoch_batches(len(feed), config, seed=3, epoch=1, ratios_N=feed.ratios_N, **which)
    return list(viewer.ahead(batches, lambda batch, images: (batch, images)))


@pytest.mark.parametrize("fit", [WHOLE, Fit("whole", None, "bilinear"), Fit("squash", 20, "bicubic")])
def test_rows_labels_and_pictures_are_the_same(filled, fit):
    feeds = [
        opened(filled, "mapped", fit),
        opened(filled, "mapped", fit, batched=False),
        opened(filled, "encoded", fit),
    ]
    for feed in feeds:
        assert feed.image_ids == [f"{number:02}" for number in range(20)]
        assert feed.labels_N.tolist() == [number % 2 for number in range(20)]
        some = feed.subset([7, 3, 5]).subset([1, 2])
        assert some.image_ids == ["03", "05"]
        for place, row in zip(some.places(torch.arange(2)).tolist(), (3, 5), strict=True):
            assert torch.equal(some.pictures.picture(place), feeds[0].pictures.picture(row))
    assert torch.equal(feeds[1].ratios_N, feeds[2].ratios_N)


@pytest.mark.parametrize("config", [LIGHT, ANTIALIASED, MIXED])
def test_what_is_seen_is_the_same_to_the_bit(filled, config):
    one, other, squares = opened(filled, "encoded"), opened(filled, "mapped", batched=False), opened(filled, "mapped")
    assert isinstance(one.pictures, EncodedPictures)
    assert isinstance(other.pictures, MappedPictures)
    for (batch, seen), *others in zip(shown(one, config), shown(other, config), shown(squares, config), strict=True):
        assert seen.shape == (8, 3, 16, 16)
        for again, equal in others:
            assert torch.equal(batch.rows_B, again.rows_B)
            assert torch.equal(seen, equal)


@pytest.mark.parametrize("config", [LIGHT, ANTIALIASED, MIXED])
@pytest.mark.parametrize("how", ["mapped", "encoded"])
def test_workers_see_together_what_one_sees_and_an_epoch_goes_on_where_it_stopped(filled, config, how):
    feed = opened(filled, how)
    alone = shown(feed, config)
    shares = [shown(feed, config, rank=rank, workers=3) for rank in range(3)]
    for (_, seen), *parts in zip(alone, *shares, strict=True):
        assert torch.equal(seen, torch.cat([part for _, part in parts]))
    (rest,) = shown(feed, config, start=1)
    assert torch.equal(rest[1], alone[1][1])


@pytest.mark.parametrize("filled", ["wide"], indirect=True)
def test_transforms_of_torchvision_are_made_by_processes_and_change_nothing_of_this(filled):
    feed = opened(filled, "encoded")
    viewer = Viewer(feed, Look(AUGMENTED, 16, (9, 9, 9)), CPU)
    torch.manual_seed(5)
    drawn, shares = torch.rand(3), []
    torch.manual_seed(5)
    for rank in range(2):  # by the same processes
        batches = epoch_batches(20, AUGMENTED, seed=3, epoch=1, ratios_N=feed.ratios_N, rank=rank, workers=2)
        shares.append(list(viewer.ahead(batches, lambda _, images: images)))
    for batch, *parts in zip(
        epoch_batches(20, AUGMENTED, seed=3, epoch=1, ratios_N=feed.ratios_N), *shares, strict=True
    ):
        alone = viewer.see(batch)
        assert torch.equal(alone, torch.cat(parts))
        assert not torch.equal(alone, Viewer(feed, Look(ANTIALIASED, 16), CPU).see(batch))
    assert torch.equal(torch.rand(3), drawn)  # what dropout draws from is as it was


def test_squares_are_seen_many_at_once(filled):
    feed = opened(filled, "auto")
    assert isinstance(feed, PictureFeed if feed.ratios_N is not None else Pixels)


def test_where_the_disk_has_no_room_pictures_stay_encoded(filled, monkeypatch):
    room = files._free
    monkeypatch.setattr(files, "_free", lambda _, written: 20_000 - written)
    assert isinstance(opened(filled, "auto").pictures, EncodedPictures)
    with pytest.raises(NoRoomError, match="decoded images take"):
        opened(filled, "mapped")
    monkeypatch.setattr(files, "_free", room)
    assert not isinstance(opened(filled, "auto").pictures, EncodedPictures)
