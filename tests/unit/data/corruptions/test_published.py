import numpy as np
import pytest
from scipy import ndimage

from mmkd_ray.data.corruptions import corrupt
from mmkd_ray.data.corruptions.blur import defocus_blur
from mmkd_ray.data.corruptions.weather import _photograph


def test_glass_copies_one_pixel_over_the_other_as_the_published_loop_does():
    image = np.random.default_rng(0).integers(0, 256, (34, 40, 3), dtype=np.uint8)
    generator, (sigma, far, times) = np.random.default_rng(3), (0.9, 2, 2)
    pixels = (ndimage.gaussian_filter(image / 255.0, (sigma, sigma, 0), mode="nearest") * 255).astype(np.uint8)
    for _ in range(times):
        steps = iter(generator.integers(-far, far, size=((34 - 2 * far) * (40 - 2 * far), 2)))
        for row in range(34 - far, far, -1):
            for column in range(40 - far, far, -1):
                down, right = next(steps)
                pixels[row, column] = pixels[row + down, column + right]
    expected = ndimage.gaussian_filter(pixels / 255.0, (sigma, sigma, 0), mode="nearest").clip(0, 1) * 255
    made = corrupt(image, "glass_blur", 5, table="tiny", generator=np.random.default_rng(3))
    np.testing.assert_array_equal(made, expected.astype(np.uint8))


def test_the_largest_disks_are_not_normalised_again():
    # OpenCV's kernel of radius 8, whose smoothed edge is mirrored at the border, adds up to this.
    assert defocus_blur(np.full((32, 32, 3), 0.5), 8, 0.5).mean() * 2 == pytest.approx(1.0129755, abs=1e-6)


def test_shrunk_frost_is_sampled_without_a_filter():
    whole, shrunk = _photograph(4, 1.0, 64, 64), _photograph(4, 0.3, 64, 64)
    assert shrunk.shape == (148, 198, 3)
    rows, columns = (np.mgrid[:148, :198] + 0.5) / 0.3 - 0.5
    expected = np.stack([ndimage.map_coordinates(whole[..., c], [rows, columns], order=1) for c in range(3)], axis=-1)
    # Pillow rounds to whole values.
    np.testing.assert_allclose(shrunk[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1.01 / 255)


@pytest.mark.parametrize("severity", [0, -1, 6])
def test_other_severities_are_refused(severity):
    with pytest.raises(ValueError, match="accepted are 1, 2, 3, 4 and 5"):
        corrupt(np.zeros((32, 32, 3), np.uint8), "contrast", severity, table="tiny", generator=np.random.default_rng(0))
