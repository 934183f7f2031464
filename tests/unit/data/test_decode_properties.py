"""Random pictures in every kind of file look as they should; broken files are refused and nothing worse."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import DataError
from tests.support.pictures import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    TURNED,
    encode,
    gif_on_canvas,
    icon,
    oriented,
    png,
    webp_on_canvas,
)

MAX_PIXELS = 10_000
SIDE = st.integers(1, 12)

Form = tuple[bytes, np.ndarray]
"""A file, and what a person sees in it: [H, W, 3], 0 to 255."""


def pictures(channels: int, most: int = 255) -> st.SearchStrategy[np.ndarray]:
    shape = st.tuples(SIDE, SIDE, st.just(channels))
    return hnp.arrays(np.int64, shape, elements=st.integers(0, most))


def on_white(colour_HW3: np.ndarray, alpha_HW1: np.ndarray) -> np.ndarray:
    return (colour_HW3 * alpha_HW1 + 255 * (255 - alpha_HW1)) / 255


def grey(values_HW1: np.ndarray, most: int = 255) -> np.ndarray:
    return values_HW1.repeat(3, axis=2) * 255 / most


def pillow(drawn: np.ndarray, mode: str = "RGB") -> Image.Image:
    return Image.fromarray(drawn.astype(np.uint8).squeeze(2) if mode == "L" else drawn.astype(np.uint8), mode)


@st.composite
def png_files(draw: Callable) -> Form:
    bits, interlaced = draw(st.sampled_from([1, 2, 4, 8, 16])), draw(st.booleans())
    most = 2**bits - 1
    colour = draw(
        st.sampled_from([GREY, *([PALETTE] if bits < 16 else []), *([RGB, GREY_ALPHA, RGBA] if bits > 4 else [])])
    )
    drawn = draw(pictures({GREY: 1, PALETTE: 1, RGB: 3, GREY_ALPHA: 2, RGBA: 4}[colour], most))
    chunks, seen = [], drawn * 255 / most
    if colour == PALETTE:
        palette, alpha = (draw(hnp.arrays(np.uint8, (most + 1, width))) for width in (3, 1))
        chunks, seen = [(b"PLTE", palette.tobytes()), (b"tRNS", alpha.tobytes())], palette[drawn[..., 0]]
        seen = on_white(seen.astype(int), alpha[drawn[..., 0]].astype(int))
    elif colour in (GREY_ALPHA, RGBA):
        seen = on_white(seen[..., :-1], seen[..., -1:])
    elif draw(st.booleans()):
        first = drawn[0, 0]
        chunks = [(b"tRNS", first.astype(">u2").tobytes())]
        # Of 16-bit colours, Pillow keeps the upper 8 bits alone.
        kept = max(bits - 8, 0) if colour == RGB else 0
        seen = np.where((drawn >> kept == first >> kept).all(axis=2, keepdims=True), 255, seen)
    return png(drawn, colour, bits=bits, chunks=chunks, interlaced=interlaced), np.broadcast_to(
        seen, (*seen.shape[:2], 3)
    )


@st.composite
def lossless_files(draw: Callable) -> Form:
    drawn = draw(pictures(3))
    kind, options = draw(
        st.sampled_from(
            [
                ("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("PPM", {}), ("TGA", {}), ("PCX", {}),
                ("TGA", {"compression": "tga_rle"}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
                ("TIFF", {"compression": "packbits"}), ("TIFF", {"compression": "tiff_adobe_deflate"}),
            ]
        )
    )  # fmt: skip
    return encode(pillow(drawn), kind, **options), drawn


@st.composite
def turned_files(draw: Callable) -> Form:
    drawn, orientation = draw(pictures(3)), draw(st.integers(1, 8))
    kind = draw(st.sampled_from(["PNG", "WEBP", "TIFF"]))
    options = {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": oriented(orientation)}
    return encode(pillow(drawn), kind, lossless=True, **options), TURNED[orientation](drawn)


@st.composite
def lossy_files(draw: Callable) -> Form:
    """Blocks of one colour, of the size that these formats work in."""
    kind, options = draw(
        st.sampled_from(
            [
                ("JPEG", {"quality": 98, "subsampling": 0}),
                ("JPEG", {"quality": 98, "subsampling": 0, "progressive": True}),
                ("AVIF", {"quality": 100, "subsampling": "4:4:4", "speed": 10}),
                ("JPEG2000", {}),
            ]
        )
    )
    drawn = draw(pictures(3)).repeat(16, axis=0).repeat(16, axis=1)[:48, :48]
    return encode(pillow(drawn), kind, **options), drawn


@st.composite
def cmyk_files(draw: Callable) -> Form:
    ink = draw(pictures(4)).repeat(16, axis=0).repeat(16, axis=1)[:32, :32]
    seen = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    kind = draw(st.sampled_from(["JPEG", "TIFF"]))
    return encode(pillow(ink, "CMYK"), kind, quality=98), seen


@st.composite
def wide_grey_files(draw: Callable) -> Form:
    drawn = draw(pictures(1, 65_535))
    kind = draw(st.sampled_from(["PNG", "TIFF", "PGM", "float"]))
    if kind == "PGM":
        header = f"P5 {drawn.shape[1]} {drawn.shape[0]} 65535\n".encode()
        return header + drawn.astype(">u2").tobytes(), grey(drawn, 65_535)
    if kind == "float":
        return encode(Image.fromarray((drawn[..., 0] / 65_535).astype(np.float32)), "TIFF"), grey(drawn, 65_535)
    return encode(Image.fromarray(drawn[..., 0].astype(np.uint16)), kind), grey(drawn, 65_535)


@st.composite
def transparent_files(draw: Callable) -> Form:
    drawn, kind = draw(pictures(4)), draw(st.sampled_from(["PNG", "WEBP", "TIFF", "ICO"]))
    seen = on_white(drawn[..., :3], drawn[..., 3:])
    if kind == "ICO":
        return icon(encode(pillow(drawn, "RGBA"))), seen
    return encode(pillow(drawn, "RGBA"), kind, lossless=True, exact=True), seen


@st.composite
def first_frames(draw: Callable) -> Form:
    """An animation whose first frame lies anywhere on its canvas."""
    drawn = draw(pictures(3))
    height, width = drawn.shape[:2]
    left, top = (2 * draw(st.integers(0, 4)) for _ in range(2))
    canvas = (left + width + draw(st.integers(0, 4)), top + height + draw(st.integers(0, 4)))
    seen = np.full((*canvas[::-1], 3), 255)
    seen[top : top + height, left : left + width] = drawn
    if draw(st.booleans()):
        return gif_on_canvas(pillow(drawn), canvas, (left, top)), seen
    return webp_on_canvas(pillow(drawn), canvas, (left, top), transparent=draw(st.booleans()), lossless=True), seen


FORMS = {
    "PNG of any depth and colour": (png_files(), 1),
    "without loss": (lossless_files(), 0),
    "turned": (turned_files(), 0),
    "with loss": (lossy_files(), 8),
    "CMYK": (cmyk_files(), 8),
    "grey of 16 bits": (wide_grey_files(), 1),
    "transparent": (transparent_files(), 1),
    "first frame of an animation": (first_frames(), 0),
}


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_file_is_decoded_to_the_image_it_was_made_from(form: str, data: st.DataObject):
    files, tolerance = FORMS[form]
    encoded, expected = data.draw(files)
    seen = decode_rgb(encoded, max_pixels=MAX_PIXELS)
    assert seen.mode == "RGB"
    np.testing.assert_allclose(np.asarray(seen, dtype=float), expected, rtol=0, atol=tolerance + 0.5)


def whole_files() -> list[bytes]:
    """One of each format, and of what is read in a way of our own."""
    drawn = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    kinds = ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "TGA", "PCX", "MPO"]
    wide = png(np.arange(600).reshape(20, 30, 1), GREY, bits=16, chunks=[(b"tRNS", struct.pack(">H", 7))])
    return [
        *[encode(drawn, kind) for kind in kinds],
        *[encode(drawn, kind, exif=oriented(6)) for kind in ("PNG", "JPEG", "WEBP")],
        *[encode(drawn, "TIFF", compression=name) for name in ("tiff_lzw", "jpeg", "tiff_adobe_deflate")],
        encode(Image.fromarray(np.ones((9, 9), dtype=np.float32)), "TIFF"),
        wide,
        gif_on_canvas(drawn, (40, 40), (2, 2)),
        webp_on_canvas(drawn, (40, 40), (2, 2), transparent=False),
        encode(drawn, "PNG", save_all=True, append_images=[drawn.rotate(90)]),
        icon(encode(drawn)),
    ]


WHOLE = whole_files()


@st.composite
def broken_files(draw: Callable) -> bytes:
    """A file cut short, with bytes changed, or both; or no image at all."""
    content = bytearray(draw(st.sampled_from(WHOLE) | st.binary(max_size=200)))
    for _ in range(draw(st.integers(0, 8))):
        if content:
            content[draw(st.integers(0, min(len(content), 200) - 1) | st.integers(0, len(content) - 1))] = draw(
                st.integers(0, 255)
            )
    return bytes(content[: draw(st.integers(0, len(content)) | st.just(len(content)))])


def decoded_or_refused(content: bytes) -> None:
    try:
        image = decode_rgb(content, max_pixels=MAX_PIXELS)
    except DataError:
        return
    assert image.mode == "RGB"
    assert 0 < image.width * image.height <= MAX_PIXELS
    assert len(image.tobytes()) == image.width * image.height * 3


@settings(deadline=None, max_examples=600)
@given(broken_files())
def test_a_broken_file_is_decoded_or_refused(content: bytes):
    decoded_or_refused(content)


@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_a_file_cut_anywhere_in_its_head_is_decoded_or_refused(number: int):
    for length in range(min(len(WHOLE[number]), 150)):
        decoded_or_refused(WHOLE[number][:length])
