"""What people put into image folders, and what a person sees in it."""

import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmkd_ray.data.decode import check_decodes, decode_rgb
from mmkd_ray.errors import DataError
from tests.support.pictures import (
    GREY,
    GREY_ALPHA,
    TURNED,
    encode,
    gif_on_canvas,
    icon,
    oriented,
    png,
    set_tiff_tag,
    tiled_tiff,
    webp_on_canvas,
)

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def pixels(encoded: bytes) -> np.ndarray:
    image = decode_rgb(encoded)
    assert image.mode == "RGB"
    assert check_decodes(encoded) == image.size
    return np.asarray(image)


def assert_all(encoded: bytes, colour: tuple[int, int, int], *, tolerance: int = 0) -> None:
    seen = pixels(encoded).reshape(-1, 3).astype(int)
    assert abs(seen - colour).max() <= tolerance, seen[0]


def test_an_ordinary_image_is_decoded_exactly():
    drawn = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(drawn))), drawn)


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "ICO", "TGA", "PCX", "MPO", "AVIF"]
)
def test_image_formats_are_read(kind: str):
    assert_all(encode(Image.new("RGB", (16, 16), (200, 100, 50)), kind), (200, 100, 50), tolerance=8)


def test_grey_becomes_three_equal_channels():
    drawn = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(drawn))), drawn[..., None].repeat(3, axis=-1))


def test_black_and_white_is_black_and_white():
    drawn = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(drawn).convert("1")))[..., 0], drawn)


def test_cmyk_jpeg_is_not_inverted():
    assert_all(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95), RED, tolerance=4)


def test_cmyk_jpeg_without_the_adobe_marker_is_read_like_one_with_it():
    """As libjpeg's users (browsers, OpenCV) read it: all that write CMYK write it inverted."""
    encoded = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    start = encoded.index(b"Adobe") - 4
    (length,) = struct.unpack(">H", encoded[start + 2 : start + 4])
    assert_all(encoded[:start] + encoded[start + 2 + length :], RED, tolerance=4)


def test_ycck_jpeg_has_its_colours():
    """CMYK by way of YCbCr, as Photoshop writes it: red ink-free of cyan, and no black."""
    luma, blue, red = Image.new("RGB", (1, 1), (0, 255, 255)).convert("YCbCr").getpixel((0, 0))
    planes = Image.new("CMYK", (16, 16), (255 - luma, 255 - blue, 255 - red, 0))  # Pillow inverts what it writes
    encoded = bytearray(encode(planes, "JPEG", quality=95))
    transform = encoded.index(b"Adobe") + 11
    assert encoded[transform] == 0
    encoded[transform] = 2
    assert_all(bytes(encoded), RED, tolerance=4)


@pytest.mark.parametrize("mode", ["LAB", "YCbCr"])
def test_other_colour_spaces_are_converted_to_rgb(mode: str):
    assert_all(encode(Image.new("RGB", (4, 4), (200, 100, 50)).convert(mode), "TIFF"), (200, 100, 50), tolerance=2)


@pytest.mark.parametrize(("written", "seen"), [(0, 0), (257 * 40, 40), (257 * 200, 200), (65535, 255)])
def test_16_bit_grey_keeps_its_brightness(written: int, seen: int):
    drawn = np.full((4, 4), written, dtype=np.uint16)
    assert_all(encode(Image.fromarray(drawn)), (seen, seen, seen))
    assert_all(encode(Image.fromarray(drawn), "TIFF"), (seen, seen, seen))


def test_16_bits_per_channel_are_reduced_to_8():
    drawn = np.array([[[0, 30_000, 65_535], [257 * 7, 257 * 8, 257 * 9]]])
    np.testing.assert_array_equal(pixels(png(drawn, bits=16)), [[(0, 117, 255), (7, 8, 9)]])


def test_16_bit_grey_with_alpha_is_put_on_white():
    drawn = np.array([[[257 * 40, 65_535], [0, 0]]])
    np.testing.assert_array_equal(pixels(png(drawn, GREY_ALPHA, bits=16))[0], [(40, 40, 40), WHITE])


def tiff_row(values: list[float], kind: type) -> bytes:
    return encode(Image.fromarray(np.array([values], dtype=kind)), "TIFF")


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        ([0.0, 0.25, 0.5], [0, 64, 128]),
        ([0.0, 50.0, 100.0], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([np.nan, -np.inf, np.inf], [0, 0, 255]),
        ([7.0, np.nan, 8.0], [0, 0, 255]),
    ],
    ids=["between 0 and 1", "above 1", "below 0", "no numbers", "holes"],
)
def test_floats_between_0_and_1_are_kept_and_others_rescaled(values: list[float], seen: list[int]):
    np.testing.assert_array_equal(pixels(tiff_row(values, np.float32))[0, :, 0], seen)


@pytest.mark.parametrize("values", [[0, 1000, 2000], [-500, 0, 500], [0, 2**30, 2**31 - 1]])
def test_32_bit_integers_are_rescaled(values: list[int]):
    np.testing.assert_array_equal(pixels(tiff_row(values, np.int32))[0, :, 0], [0, 128, 255])


def test_an_image_of_one_value_is_black():
    assert_all(tiff_row([5, 5], np.int32), BLACK)


def test_16_bit_grey_with_white_as_zero():
    assert_all(set_tiff_tag(tiff_row([257 * 200], np.uint16), 262, 0), (55, 55, 55))


def test_12_bit_grey_uses_its_whole_range():
    three_bytes = set_tiff_tag(set_tiff_tag(encode(Image.new("L", (3, 1)), "TIFF"), 256, 2), 258, 12)
    packed = bytes([0xFF, 0xF8, 0x00])  # 4095 and 2048
    np.testing.assert_array_equal(pixels(three_bytes[:-3] + packed)[0, :, 0], [255, 128])


def test_transparency_becomes_white():
    assert_all(encode(Image.new("RGBA", (4, 4), (10, 20, 30, 0))), WHITE)
    assert_all(encode(Image.new("RGBA", (4, 4), (*RED, 255))), RED)
    assert_all(encode(Image.new("RGBA", (4, 4), (0, 0, 0, 128))), (127, 127, 127), tolerance=1)


def test_grey_with_transparency_becomes_white():
    assert_all(encode(Image.new("LA", (4, 4), (0, 0))), WHITE)
    assert_all(encode(Image.new("LA", (4, 4), (90, 255))), (90, 90, 90))


def test_a_transparent_palette_entry_becomes_white():
    image = Image.new("P", (4, 2), 0)
    image.putpalette([*BLACK, *RED])
    image.paste(1, (0, 0, 2, 2))
    seen = pixels(encode(image, transparency=0))
    np.testing.assert_array_equal(seen[:, :2], np.broadcast_to(RED, (2, 2, 3)))
    np.testing.assert_array_equal(seen[:, 2:], np.broadcast_to(WHITE, (2, 2, 3)))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_becomes_white(bits: int):
    most = 2**bits - 1
    transparent, black = min(most, 1), 0
    encoded = png(
        np.array([[[transparent], [black]]]), GREY, bits=bits, chunks=[(b"tRNS", struct.pack(">H", transparent))]
    )
    np.testing.assert_array_equal(pixels(encoded)[0], [WHITE, BLACK])


@pytest.mark.parametrize(("bits", "transparent"), [(8, (10, 20, 30)), (16, (20_000, 30_000, 40_000))])
def test_a_transparent_colour_of_an_rgb_image_becomes_white(bits: int, transparent: tuple[int, int, int]):
    drawn = np.array([[transparent, BLACK]])
    encoded = png(drawn, bits=bits, chunks=[(b"tRNS", struct.pack(">HHH", *transparent))])
    np.testing.assert_array_equal(pixels(encoded)[0], [WHITE, BLACK])


def test_premultiplied_grey_is_put_on_white():
    separate = encode(Image.new("LA", (4, 4), (64, 128)), "TIFF")
    assert_all(set_tiff_tag(separate, 338, 1), (191, 191, 191), tolerance=1)


FRAMES = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("GIF", {}), ("GIF", {"disposal": 2}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})],
)
def test_the_first_frame_of_an_animation_is_used(kind: str, options: dict[str, Any]):
    assert_all(encode(FRAMES[0], kind, save_all=True, append_images=FRAMES[1:], **options), RED)


def test_the_default_image_of_an_animated_png_is_used():
    assert_all(encode(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:], default_image=True), RED)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_pixels_outside_the_first_frame_of_an_animation_are_white(kind: str):
    frames = [Image.new("RGBA", (4, 4), (0, 0, 0, 0)), Image.new("RGBA", (4, 4), (0, 255, 0, 255))]
    frames[0].putpixel((1, 2), (*RED, 255))
    options = {"lossless": True} if kind == "WEBP" else {"disposal": 1}
    seen = pixels(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    expected = np.full((4, 4, 3), 255)
    expected[2, 1] = RED
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize(
    "encoded",
    [
        gif_on_canvas(Image.new("RGB", (2, 2), RED), (6, 4), (2, 0)),
        webp_on_canvas(Image.new("RGB", (2, 2), RED), (6, 4), (2, 0), transparent=False, lossless=True),
        webp_on_canvas(Image.new("RGB", (2, 2), RED), (6, 4), (2, 0), transparent=True, lossless=True),
    ],
    ids=["GIF", "WebP", "WebP with transparency"],
)
def test_a_partial_first_frame_is_put_on_white(encoded: bytes):
    expected = np.full((4, 6, 3), 255)
    expected[:2, 2:4] = RED
    np.testing.assert_array_equal(pixels(encoded), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("JPEG", {"quality": 100, "subsampling": 0}),
        ("MPO", {"quality": 100, "subsampling": 0}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_a_photograph_is_rotated_by_its_exif_orientation(kind: str, options: dict[str, Any], orientation: int):
    corners = np.array([[RED, WHITE, BLACK], [(0, 255, 0), (0, 0, 255), (200, 100, 50)]], dtype=np.uint8)
    drawn = corners.repeat(16, axis=0).repeat(16, axis=1)
    options |= {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": oriented(orientation)}
    seen, turned = pixels(encode(Image.fromarray(drawn), kind, **options)), TURNED[orientation](drawn)
    np.testing.assert_allclose(seen.astype(int), turned, rtol=0, atol=8)


def test_exif_of_either_byte_order_is_read():
    drawn = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    for order in "<>":
        seen = pixels(encode(Image.fromarray(drawn), exif=oriented(6, order=order)))
        np.testing.assert_array_equal(seen, TURNED[6](drawn))


BROKEN_EXIF = {
    "garbage": b"Exif\0\0garbage",
    "empty": b"Exif\0\0",
    "cut": oriented(6)[:20],
    "endless": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(12),
    "far": b"Exif\0\0II*\0\xff\xff\xff\xff",
    "no such turn": oriented(77),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "MPO"])
@pytest.mark.parametrize("exif", BROKEN_EXIF.values(), ids=BROKEN_EXIF)
def test_an_image_with_broken_exif_is_read(kind: str, exif: bytes):
    drawn = Image.new("RGB", (16, 24), (200, 100, 50))
    assert_all(encode(drawn, kind, exif=exif), (200, 100, 50), tolerance=8)
    assert decode_rgb(encode(drawn, kind, exif=exif)).size == (16, 24)


def test_the_orientation_is_read_from_exif_that_is_cut_off_after_it():
    drawn = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    entries_promised = bytearray(oriented(6))
    entries_promised[14:16] = struct.pack("<H", 9)
    seen = pixels(encode(Image.fromarray(drawn), exif=bytes(entries_promised)))
    np.testing.assert_array_equal(seen, TURNED[6](drawn))


def test_a_tiff_with_exif_beyond_its_end_is_read():
    pointing = set_tiff_tag(encode(Image.new("L", (4, 4), 9), "TIFF"), 284, 0).replace(
        struct.pack("<HHII", 284, 3, 1, 0), struct.pack("<HHII", 34665, 4, 1, 9_999_999)
    )
    assert_all(pointing, (9, 9, 9))


def test_pillows_warnings_about_metadata_are_off():
    """Pillow would warn on stderr, once a file, in every actor."""
    encoded = encode(Image.new("RGB", (8, 8)), "JPEG", exif=BROKEN_EXIF["endless"])
    code = "import sys; from mmkd_ray.data.decode import decode_rgb; decode_rgb(sys.stdin.buffer.read())"
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], input=encoded, capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b""


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_line_of_pixels_is_an_image(kind: str, size: tuple[int, int]):
    assert decode_rgb(encode(Image.new("RGB", size, RED), kind)).size == size


def test_interlaced_and_progressive_images_are_whole():
    drawn = np.random.default_rng(0).integers(0, 256, (13, 11, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pixels(png(drawn, interlaced=True)), drawn)
    encoded = encode(Image.new("RGB", (64, 64), (200, 100, 50)), "JPEG", progressive=True)
    assert_all(encoded, (200, 100, 50), tolerance=4)


def test_an_empty_file_is_refused():
    with pytest.raises(DataError, match="the file is empty"):
        decode_rgb(b"")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("GIF", {}),
        ("WEBP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("PPM", {}),
        ("JPEG2000", {}),
        ("AVIF", {}),
        ("TGA", {}),
        ("PCX", {}),
        ("ICO", {}),
    ],
)
def test_a_truncated_file_is_refused(kind: str, options: dict[str, Any]):
    drawn = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = encode(Image.fromarray(drawn), kind, **options)
    for part in (0.3, 0.6, 0.9):
        for decode in (decode_rgb, check_decodes):
            with pytest.raises(DataError, match="not a readable image"):
                decode(whole[: int(part * len(whole))])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_a_damaged_jpeg_is_refused_by_a_check_as_by_decoding(options: dict[str, Any]):
    """A check makes an eighth of the pixels."""
    rng, outcomes = np.random.default_rng(0), set()
    whole = encode(Image.fromarray(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)), "JPEG", **options)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=2):
            damaged[place] = rng.integers(256)
        outcome = said(check_decodes, bytes(damaged))
        assert said(lambda encoded: decode_rgb(encoded).size, bytes(damaged)) == outcome
        outcomes.add(outcome)
    assert len(outcomes) > 2


def said(decode: Callable[[bytes], tuple[int, int]], encoded: bytes) -> str:
    """The size that it gives, or why it refuses."""
    try:
        return str(decode(encoded))
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("content", [b"not an image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", bytes(1000)])
def test_a_file_that_is_not_an_image_is_refused(content: bytes):
    with pytest.raises(DataError, match="not a readable image") as raised:
        decode_rgb(content)
    assert "0x" not in str(raised.value), "a memory address says nothing to a reader"


def test_eps_which_would_start_ghostscript_is_refused():
    with pytest.raises(DataError, match="a PostScript drawing"):
        decode_rgb(encode(Image.new("RGB", (16, 16), RED), "EPS"))


def test_an_image_above_the_limit_is_refused_with_its_size():
    encoded = encode(Image.new("L", (20, 10)))
    assert decode_rgb(encoded, max_pixels=200).size == (20, 10)
    with pytest.raises(DataError, match="20 x 10 pixels are more than the limit of 199"):
        decode_rgb(encoded, max_pixels=199)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and has none."""
    encoded = png(np.zeros((1, 1, 1), dtype=np.uint8), GREY)
    honest, lying = struct.pack(">II", 1, 1), struct.pack(">II", width, height)
    header = encoded[12:29].replace(honest, lying)
    return encoded[:12] + header + struct.pack(">I", zlib.crc32(header)) + encoded[33:]


def icon_of_bitmap(width: int, height: int) -> bytes:
    """A Windows icon with a bitmap of so many pixels of 1 bit, none of them there."""
    return icon(struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, 1, 0, 0, 0, 0, 2, 0) + bytes(8))


@pytest.mark.parametrize(
    "encoded",
    [
        bomb(20_000, 10_000),
        bomb(40_000, 25_000),
        icon(bomb(20_000, 10_000)),
        icon_of_bitmap(20_000, 10_000),
        encode(Image.new("1", (20_000, 10_000)), "TIFF", compression="tiff_adobe_deflate"),
        encode(Image.new("1", (20_000, 10_000)), "GIF"),
    ],
    ids=["PNG", "PNG that Pillow refuses", "icon of a PNG", "icon of a bitmap", "TIFF", "GIF"],
)
def test_a_decompression_bomb_is_refused_by_its_header(encoded: bytes):
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"[\d,]+ x [\d,]+ pixels are more than the limit of 50,000,000"):
        decode_rgb(encoded, max_pixels=50_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 50_000


def test_a_huge_tile_of_a_small_tiff_is_not_decoded():
    encoded = tiled_tiff(size=16, tile=4096, value=7)
    assert_all(encoded, (7, 7, 7))
    with pytest.raises(DataError, match="4,096 x 4,096 pixels are more than the limit of 1,000,000"):
        decode_rgb(encoded, max_pixels=1_000_000)


@pytest.mark.parametrize("pillows_limit", [10, 60])
def test_our_limit_of_pixels_replaces_pillows(monkeypatch: pytest.MonkeyPatch, pillows_limit: int):
    """Pillow warns above its limit and refuses above twice as much."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillows_limit)
    assert decode_rgb(encode(Image.new("L", (10, 10))), max_pixels=100).size == (10, 10)
