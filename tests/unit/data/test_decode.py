"""What people put into image folders, and what a person sees in it."""

import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import DataError

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pixels(encoded: bytes) -> np.ndarray:
    image = decode_rgb(encoded)
    assert image.mode == "RGB"
    return np.asarray(image)


def assert_all(encoded: bytes, colour: tuple[int, int, int], *, tolerance: int = 0) -> None:
    seen = pixels(encoded).reshape(-1, 3).astype(int)
    assert abs(seen - colour).max() <= tolerance, seen[0]


def test_an_ordinary_image_comes_back_pixel_for_pixel():
    drawn = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(drawn))), drawn)


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "ICO", "TGA", "PCX", "MPO", "AVIF"]
)
def test_formats_that_hold_pictures_are_read(kind: str):
    assert_all(encode(Image.new("RGB", (16, 16), (200, 100, 50)), kind), (200, 100, 50), tolerance=8)


def test_grey_becomes_three_equal_channels():
    drawn = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(drawn))), drawn[..., None].repeat(3, axis=-1))


def test_black_and_white_is_black_and_white():
    drawn = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(drawn).convert("1")))[..., 0], drawn)


def test_cmyk_jpeg_has_its_colours_and_not_their_negative():
    assert_all(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95), RED, tolerance=4)


@pytest.mark.parametrize(("written", "seen"), [(0, 0), (257 * 40, 40), (257 * 200, 200), (65535, 255)])
def test_16_bit_grey_keeps_its_brightness(written: int, seen: int):
    drawn = np.full((4, 4), written, dtype=np.uint16)
    assert_all(encode(Image.fromarray(drawn)), (seen, seen, seen))
    assert_all(encode(Image.fromarray(drawn), "TIFF"), (seen, seen, seen))


def test_transparency_shows_white_paper():
    assert_all(encode(Image.new("RGBA", (4, 4), (10, 20, 30, 0))), WHITE)
    assert_all(encode(Image.new("RGBA", (4, 4), (*RED, 255))), RED)
    assert_all(encode(Image.new("RGBA", (4, 4), (0, 0, 0, 128))), (127, 127, 127), tolerance=1)


def test_grey_with_transparency_shows_white_paper():
    assert_all(encode(Image.new("LA", (4, 4), (0, 0))), WHITE)
    assert_all(encode(Image.new("LA", (4, 4), (90, 255))), (90, 90, 90))


def test_a_transparent_palette_entry_shows_white_paper():
    image = Image.new("P", (4, 2), 0)
    image.putpalette([*BLACK, *RED])
    image.paste(1, (0, 0, 2, 2))
    seen = pixels(encode(image, transparency=0))
    np.testing.assert_array_equal(seen[:, :2], np.broadcast_to(RED, (2, 2, 3)))
    np.testing.assert_array_equal(seen[:, 2:], np.broadcast_to(WHITE, (2, 2, 3)))


def test_a_transparent_colour_of_an_rgb_image_shows_white_paper():
    assert_all(encode(Image.new("RGB", (4, 4), RED), transparency=RED), WHITE)


def test_of_an_animation_the_first_frame_is_seen():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]
    assert_all(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]), RED)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(3, lambda drawn: drawn[::-1, ::-1]), (6, lambda drawn: np.rot90(drawn, -1)), (8, np.rot90)],
)
def test_a_photograph_is_turned_as_its_exif_says(orientation: int, turned: Any):
    drawn = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(drawn), exif=exif)), turned(drawn))


def test_an_empty_file_is_refused_by_that_name():
    with pytest.raises(DataError, match="the file is empty"):
        decode_rgb(b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_a_truncated_file_is_refused_and_not_half_shown(kind: str):
    drawn = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = encode(Image.fromarray(drawn), kind)
    with pytest.raises(DataError, match="not a readable image"):
        decode_rgb(whole[: len(whole) // 2])


@pytest.mark.parametrize("content", [b"not an image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", bytes(1000)])
def test_what_is_no_image_is_refused(content: bytes):
    with pytest.raises(DataError, match="not a readable image") as raised:
        decode_rgb(content)
    assert "0x" not in str(raised.value), "a memory address says nothing to a reader"


def test_a_document_that_would_start_another_program_is_refused():
    with pytest.raises(DataError, match="of no known format"):
        decode_rgb(encode(Image.new("RGB", (16, 16), RED), "EPS"))


def test_an_image_above_the_limit_is_refused_with_its_size():
    encoded = encode(Image.new("L", (20, 10)))
    assert decode_rgb(encoded, max_pixels=200).size == (20, 10)
    with pytest.raises(DataError, match="20 x 10 pixels are more than the limit of 199"):
        decode_rgb(encoded, max_pixels=199)


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch):
    """A PNG of 200 bytes that says it has 10**9 pixels: refused by its header, whatever Pillow's own limit is."""
    header = bytearray(encode(Image.new("L", (1, 1))))
    header[16:24] = (40_000).to_bytes(4, "big") + (25_000).to_bytes(4, "big")
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    with pytest.raises(DataError):
        decode_rgb(bytes(header))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(DataError, match="40000 x 25000 pixels are more than the limit of 50000000"):
        decode_rgb(bytes(header), max_pixels=50_000_000)
