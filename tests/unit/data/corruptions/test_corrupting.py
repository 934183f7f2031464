import numpy as np
import pytest
from PIL import Image

from mmkd_ray import fieldguide
from mmkd_ray.data.corruptions import CORRUPTIONS, corrupt, table_for
from mmkd_ray.data.corruptions.blur import clipped_zoom, motion_blur
from mmkd_ray.data.corruptions.constants import CONSTANTS
from mmkd_ray.data.corruptions.weather import plasma_fractal
from mmkd_ray.data.decode import decode_rgb


def made(image, name, severity, seed=0, table="tiny"):
    return corrupt(image, name, severity, table=table, generator=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def bird():
    """A drawn bird of 64 px."""
    drawn = next(fieldguide.images(species_seed=0, seed=0, per_class={"train": 1}))
    return np.asarray(decode_rgb(next(iter(fieldguide.draw([drawn.image_id], species_seed=0, seed=0)))))


@pytest.mark.parametrize("table", ["tiny", "imagenet"])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_it_changes_the_image_and_the_same_seed_gives_the_same_bytes(bird, name, table):
    for severity in (1, 5):
        once, again = (made(bird, name, severity, table=table) for _ in range(2))
        assert once.shape == bird.shape
        assert once.dtype == np.uint8
        np.testing.assert_array_equal(once, again)
    assert (once != bird).any()


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name not in ("snow", "elastic_transform", "frost")])
def test_the_last_severity_is_farther_from_the_image_than_the_first(bird, name):
    def distance(severity):
        return np.mean([np.abs(made(bird, name, severity, seed).astype(int) - bird).mean() for seed in range(3)])

    assert distance(5) > distance(1)


@pytest.mark.parametrize(
    "name", ["gaussian_noise", "glass_blur", "motion_blur", "snow", "frost", "fog", "elastic_transform"]
)
def test_chance_decides(bird, name):
    assert (made(bird, name, 3, seed=0) != made(bird, name, 3, seed=1)).any()


@pytest.mark.parametrize("shape", [(16, 16), (40, 61)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_any_shape(name, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert made(image, name, 3).shape == image.shape


def test_the_simple_ones_by_hand():
    image = np.array([[[51, 102, 204], [0, 0, 0]]], dtype=np.uint8)
    # The value of HSV goes from 0.8 to 0.9; black becomes grey.
    assert made(image, "brightness", 1)[0].tolist() == [[57, 114, 229], [25, 25, 25]]
    # 0.4 of the distance to the mean of each channel: 0.1, 0.2, 0.4.
    assert made(image, "contrast", 1)[0].tolist() == [[35, 71, 142], [15, 30, 61]]
    noise = np.random.default_rng(7).normal(scale=0.04, size=(1, 2, 3))
    expected = ((image / 255 + noise).clip(0, 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(made(image, "gaussian_noise", 1, seed=7), expected)


def test_a_motion_to_the_right_leaves_a_trail_by_a_gaussian():
    dot = np.zeros((9, 9))
    dot[4, 4] = 1
    moved = motion_blur(dot, 3, 1.0, 0.0)
    weights = np.exp(-(np.arange(7) ** 2) / 2)
    np.testing.assert_allclose(moved[4, 4::-1], (weights / weights.sum())[:5], atol=1e-6)
    assert moved.sum() == pytest.approx(moved[4].sum())


def test_a_zoom_keeps_the_middle_and_the_shape():
    layer = np.zeros((64, 64))
    layer[28:36, 28:36] = 1
    zoomed = clipped_zoom(layer, 2.0)
    assert zoomed.shape == layer.shape
    assert zoomed.mean() == pytest.approx(4 * layer.mean(), rel=0.1)


def test_fog_is_a_plasma_between_0_and_1():
    plasma = plasma_fractal(64, 3.0, np.random.default_rng(0))
    assert (plasma.min(), plasma.max()) == (0, 1)
    assert plasma_fractal(64, 1.5, np.random.default_rng(0)).std() > 0


def test_pixels_and_jpeg_are_pillows(bird):
    small = Image.fromarray(bird).resize((44, 44), Image.Resampling.BOX).resize((64, 64), Image.Resampling.BOX)
    np.testing.assert_array_equal(made(bird, "pixelate", 3), np.asarray(small))


def test_constants_are_chosen_by_the_size_of_the_image():
    assert [table_for(side) for side in (32, 64, 96, 97, 224)] == ["tiny"] * 3 + ["imagenet"] * 2
    for table in CONSTANTS.values():
        assert tuple(table) == CORRUPTIONS
        assert {len(constants) for constants in table.values()} == {5}
    # Two of the published ones, by name.
    assert CONSTANTS["imagenet"]["gaussian_noise"] == (0.08, 0.12, 0.18, 0.26, 0.38)
    assert CONSTANTS["tiny"]["jpeg_compression"] == (65, 58, 50, 40, 25)
