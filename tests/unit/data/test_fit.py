"""How pictures become squares, or stay whole."""

import numpy as np
import pytest
from PIL import Image
from timm.data.transforms_factory import transforms_imagenet_eval

from mmkd_ray.data.fit import Fit

GREY = (124, 116, 104)


def picture(width, height):
    """Colours that change slowly from left to right and from top to bottom."""
    x, y = np.meshgrid(np.linspace(0, 250, width), np.linspace(0, 250, height))
    return Image.fromarray(np.stack([x, y, (x + y) / 2], axis=-1).astype(np.uint8))


def middle_square(image, size):
    """The squares of version 0.1.0, on which stored students' numbers stand."""
    side = min(image.size)
    if image.size != (size, size):
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    return np.asarray(image)


@pytest.mark.parametrize("shape", [(33, 33), (16, 16), (200, 200)])
@pytest.mark.parametrize("how", ["whole", "crop", "squash", "pad"])
def test_squares_are_what_they_always_were(shape, how):
    image = picture(*shape)
    assert np.array_equal(Fit(how, 16, "bicubic")(image), middle_square(image, 16))


@pytest.mark.parametrize("shape", [(41, 30), (30, 41), (160, 16)])
def test_the_middle_of_a_wide_picture_is_what_it_always_was(shape):
    image = picture(*shape)
    assert np.array_equal(Fit("crop", 16, "bicubic")(image), middle_square(image, 16))


SHAPES = [((500, 375), (341, 256)), ((375, 500), (256, 341)), ((64, 64), (256, 256))]


@pytest.mark.parametrize(("shape", "whole"), SHAPES)
def test_a_whole_picture_keeps_its_shape(shape, whole):
    fit = Fit("whole", 256, "bilinear")
    assert fit.shape(*shape) == whole
    assert fit(picture(*shape)).shape == (whole[1], whole[0], 3)


def test_a_picture_may_stay_as_large_as_it_is():
    image = picture(50, 31)
    assert np.array_equal(Fit("whole", None, "bicubic")(image), np.asarray(image))


@pytest.mark.parametrize("crop_pct", [1.0, 0.875])
@pytest.mark.parametrize(("how", "mode"), [("crop", "center"), ("squash", "squash"), ("pad", "border")])
@pytest.mark.parametrize("shape", [(120, 80), (80, 120)])
def test_squares_are_timms(shape, how, mode, crop_pct):
    image = picture(*shape)
    theirs = transforms_imagenet_eval(
        img_size=56, crop_pct=crop_pct, crop_mode=mode, interpolation="bicubic", use_prefetcher=True,
        mean=[value / 255 for value in GREY],
    )(image)  # fmt: skip
    theirs = np.asarray(theirs).transpose(1, 2, 0).astype(int)
    ours = Fit(how, 56, "bicubic", crop_pct, GREY)(image).astype(int)
    assert ours.shape == theirs.shape == (56, 56, 3)
    differs = np.abs(ours - theirs).max(axis=2) > 6  # they round to whole pixels in between
    assert differs.mean() < (0.05 if how == "pad" else 0.001)  # a column of the edge may be the picture's or the colour


def test_a_colour_that_is_not_seen_decides_nothing():
    for how, same in (("whole", True), ("crop", True), ("squash", True), ("pad", False)):
        assert (Fit(how, 40, "bicubic", fill=GREY).facts() == Fit(how, 40, "bicubic").facts()) == same


def test_what_pads_is_the_colour():
    padded = Fit("pad", 40, "bicubic", fill=GREY)(picture(80, 20))
    assert (padded[:15] == GREY).all()
    assert (padded[25:] == GREY).all()
    assert not (padded[15:25] == GREY).all(axis=2).any()
