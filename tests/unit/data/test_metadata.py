"""Metadata decides nothing: whatever it holds, the picture is read as a viewer shows it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.metadata import split_metadata
from mmkd_ray.errors import DataError
from tests.support.pictures import PALETTE, encode, oriented, png
from tests.support.profiles import DISPLAY_P3, profile_of

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
P3 = profile_of(DISPLAY_P3, None)


def chunk(name, content, checksum=None):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum or zlib.crc32(name + content))


def with_chunk(made, *, before=b"IDAT"):
    """The picture with a chunk put in before another one."""
    plain = png(PICTURE)
    place = plain.index(before) - 4
    return plain[:place] + made + plain[place:]


def seen(encoded, **options):
    return np.asarray(decode_rgb(encoded, **options))


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
@pytest.mark.parametrize(
    "made",
    [
        chunk(b"tEXt", b"workflow\0" + b"x" * 3_000_000),
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(80_000_000))),
        chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(bytes(2_000_000))),
        b"".join(chunk(b"tEXt", b"k\0" + b"x" * 900_000) for _ in range(80)),
        chunk(b"tEXt", b"a\0b", checksum=1),
        chunk(b"eXIf", b"broken", checksum=1),
        chunk(b"iCCP", b"name\0\0" + zlib.compress(P3), checksum=1),
        chunk(b"iCCP", b"name\0\0not packed"),
        chunk(b"tRNS", bytes(6), checksum=1),
        chunk(b"gAMA", b""),
        chunk(b"pHYs", b"1"),
        chunk(b"acTL", b"?"),
        chunk(b"prVt", b"private"),
    ],
    ids=["text", "packed text", "international text", "texts", "checksum of text", "of exif", "of a profile",
         "broken profile", "checksum of transparency", "gamma", "size", "animation", "private"],
)  # fmt: skip
def test_metadata_hides_no_picture(made, before):
    assert (seen(with_chunk(made, before=before), max_pixels=100) == PICTURE).all()
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_file_that_ends_in_its_metadata_shows_its_picture():
    encoded = with_chunk(chunk(b"tEXt", b"a\0" + b"b" * 100), before=b"IEND")
    assert (seen(encoded[:-60]) == PICTURE).all()


def test_a_large_profile_is_applied():
    large = profile_of(DISPLAY_P3, None, padding=3_000_000)
    encoded = with_chunk(chunk(b"iCCP", b"name\0\0" + zlib.compress(large)))
    assert (seen(encoded) == seen(with_chunk(chunk(b"iCCP", b"name\0\0" + zlib.compress(P3))))).all()
    assert (seen(encoded) != PICTURE).any()


def test_a_profile_that_unpacks_to_more_than_memory_is_ignored():
    assert (seen(with_chunk(chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(100_000_000))))) == PICTURE).all()


def test_orientation_and_transparency_stay():
    turned = with_chunk(chunk(b"tEXt", b"a\0b", checksum=1) + chunk(b"eXIf", oriented(6)[6:]))
    assert (seen(turned) == np.rot90(PICTURE, -1)).all()
    clear = seen(with_chunk(chunk(b"tEXt", b"a\0b", checksum=1) + chunk(b"tRNS", struct.pack(">3H", *PICTURE[0, 0]))))
    assert (clear[0, 0] == 255).all()
    assert (clear[1] == PICTURE[1]).all()


def test_a_wrong_checksum_of_the_header_is_refused():
    encoded = bytearray(png(PICTURE))
    encoded[encoded.index(b"IHDR") + 4 + 13] ^= 1
    with pytest.raises(DataError, match="not a readable image"):
        decode_rgb(bytes(encoded))


def test_the_limit_of_pixels_holds_with_metadata():
    with pytest.raises(DataError, match="9 x 6 pixels are more than the limit of 53"):
        decode_rgb(with_chunk(chunk(b"tEXt", b"a\0b", checksum=1)), max_pixels=53)


def test_what_has_no_metadata_is_not_copied():
    plain = png(PICTURE)
    assert split_metadata(plain)[0] is plain
    jpeg = encode(Image.fromarray(PICTURE), "JPEG")
    assert split_metadata(jpeg)[0] is jpeg
    assert split_metadata(b"") == (b"", b"")
    palette = png(np.zeros((2, 2, 1), np.uint8), PALETTE, chunks=[(b"PLTE", bytes(3))])
    assert split_metadata(palette)[0] is palette


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize(
    "made",
    [
        segment(0xE2, b"ICC_PROFILE\0"),
        segment(0xE2, b"ICC_PROFILE\0\1"),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + b"broken" * 40),
        segment(0xE0, b"JFIF\0"),
        segment(0xE2, b"MPF\0II*\0\x08\0\0\0\1\0"),
        segment(0xED, b"Photoshop 3.0\x008BIM\4"),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x"),
        segment(0xE1, b"Exif\0\0II*\0"),
        segment(0xFE, b"a comment"),
        b"".join(segment(0xE1, b"XMP" + bytes(65_000)) for _ in range(40)),
    ],
)
def test_metadata_of_a_jpeg_hides_no_picture(made):
    plain = encode(Image.fromarray(PICTURE), "JPEG", quality=95)
    assert (seen(plain[:2] + made + plain[2:], max_pixels=100) == seen(plain)).all()


def test_a_profile_in_several_segments_is_applied():
    large = profile_of(DISPLAY_P3, None, padding=150_000)
    encoded = encode(Image.fromarray(PICTURE), "JPEG", quality=95, icc_profile=large)
    assert encoded.count(b"ICC_PROFILE\0") == 3
    assert split_metadata(encoded)[1] == large
    small = encode(Image.fromarray(PICTURE), "JPEG", quality=95, icc_profile=P3)
    assert (seen(encoded) == seen(small)).all()
    assert (seen(encoded) != seen(encode(Image.fromarray(PICTURE), "JPEG", quality=95))).any()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpegs_pixels_are_the_same_without_metadata(mode):
    image = Image.fromarray(PICTURE).convert(mode)
    encoded = encode(image, "JPEG", quality=95, comment=b"x", exif=oriented(1), progressive=True)
    stripped, _ = split_metadata(encoded)
    assert len(stripped) < len(encoded)
    with Image.open(io.BytesIO(encoded)) as before, Image.open(io.BytesIO(stripped)) as after:
        assert before.mode == after.mode == mode
        assert before.tobytes() == after.tobytes()
