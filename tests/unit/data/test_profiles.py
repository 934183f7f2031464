"""Colours of other profiles are shown as a viewer shows them."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from mmkd_ray.data.decode import decode_rgb
from tests.support.pictures import encode
from tests.support.profiles import ADOBE_RGB, DISPLAY_P3, GREY, profile_of

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
COLOURS = np.array(
    [[[200, 30, 60], [40, 180, 70], [90, 90, 220], [128, 128, 128], [255, 255, 255], [0, 0, 0]]], np.uint8
)


def seen(encoded):
    return np.asarray(decode_rgb(encoded)).astype(int)


def by_formula(colours, gamut, exponent=None):
    """What a wide-gamut colour is in sRGB, by the matrices (D65, no chromatic adaptation needed)."""
    values = colours / 255
    linear = (
        values**exponent if exponent else np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    )
    srgb = linear @ (np.linalg.inv(matrix_of(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)))) @ matrix_of(gamut)).T
    srgb = srgb.clip(0, 1)
    return np.where(srgb <= 0.0031308, srgb * 12.92, 1.055 * srgb ** (1 / 2.4) - 0.055) * 255


def matrix_of(gamut):
    """RGB to XYZ from the chromaticities of the three primaries and a white of D65."""
    primaries = np.array([[x / y, 1, (1 - x - y) / y] for x, y in gamut]).T
    x, y = 0.3127, 0.3290
    return primaries * np.linalg.solve(primaries, np.array([x / y, 1, (1 - x - y) / y]))


@pytest.mark.parametrize(
    ("profile", "exponent"), [(DISPLAY_P3, None), (ADOBE_RGB, 563 / 256)], ids=["Display P3", "Adobe RGB"]
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_wide_gamut_colours_become_srgb(profile, exponent, kind):
    tall = np.repeat(np.repeat(COLOURS, 16, axis=0), 16, axis=1)
    lossless = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    encoded = encode(Image.fromarray(tall), kind, icc_profile=profile_of(profile, exponent), **lossless)
    shown = seen(encoded)[8, 8::16]
    assert np.abs(shown - by_formula(COLOURS[0], profile, exponent)).max() <= 3
    assert np.abs(shown - COLOURS[0]).max() > 15, "without the profile, they would look paler"


def test_srgb_profiles_change_nothing():
    for profile in (SRGB, profile_of(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), None)):
        assert (seen(encode(Image.fromarray(COLOURS), icc_profile=profile)) == COLOURS).all()


def test_transparency_is_kept():
    samples = np.array([[[200, 30, 60, 255], [200, 30, 60, 0]]], np.uint8)
    shown = seen(encode(Image.fromarray(samples), icc_profile=profile_of(DISPLAY_P3, None)))
    assert (shown[0, 1] == 255).all()
    assert np.abs(shown[0, 0] - by_formula(COLOURS[0, 0], DISPLAY_P3)).max() <= 3


def test_palettes_have_profiles_too():
    image = Image.fromarray(COLOURS).quantize(6)
    before = np.asarray(image.convert("RGB"))
    shown = seen(encode(image, icc_profile=profile_of(DISPLAY_P3, None)))
    assert np.abs(shown - by_formula(before, DISPLAY_P3)).max() <= 3


def test_grey_has_its_own_curve():
    values = np.array([[0, 64, 128, 192, 255]], np.uint8)
    shown = seen(encode(Image.fromarray(values), icc_profile=profile_of(GREY, 1.0)))
    linear = values / 255
    wanted = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    assert np.abs(shown[..., 0] - wanted).max() <= 2


@pytest.mark.parametrize(
    "profile", [b"", b"not a profile", SRGB[:100], SRGB[:40] + b"\xff" * 500], ids=["empty", "text", "cut", "noise"]
)
def test_a_broken_profile_hides_no_picture(profile):
    assert (seen(encode(Image.fromarray(COLOURS), icc_profile=profile)) == COLOURS).all()


def test_a_profile_of_another_colour_space_is_ignored():
    grey = Image.fromarray(np.array([[0, 128, 255]], np.uint8))
    assert (seen(encode(grey, icc_profile=profile_of(DISPLAY_P3, None)))[..., 0] == [[0, 128, 255]]).all()
    assert (seen(encode(Image.fromarray(COLOURS), icc_profile=profile_of(GREY, 1.0))) == COLOURS).all()
