"""What an endpoint is sent is what a person sees."""

import base64
import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.extract.engines.openai.images import data_uri
from tests.support.pictures import encode
from tests.support.profiles import DISPLAY_P3, profile_of

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def sent(encoded):
    """The image as a decoder without any care for profiles sees it."""
    with Image.open(io.BytesIO(base64.b64decode(data_uri(encoded).partition(",")[2]))) as image:
        return np.asarray(image)


def with_text(size):
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * size)
    return encode(PICTURE, pnginfo=text)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_in_another_profile_is_sent_in_srgb(kind):
    encoded = encode(PICTURE, kind, icc_profile=profile_of(DISPLAY_P3, None))
    assert (sent(encoded) == np.asarray(decode_rgb(encoded))).all()


def test_a_large_text_is_not_sent():
    assert (sent(with_text(3_000_000)) == np.asarray(PICTURE)).all()
    assert len(data_uri(with_text(3_000_000))) == len(data_uri(encode(PICTURE)))


def test_a_plain_jpeg_is_not_encoded_again():
    encoded = encode(PICTURE, "JPEG")
    assert base64.b64decode(data_uri(encoded).partition(",")[2]) == encoded
