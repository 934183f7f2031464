"""Encoded pictures of kinds that Pillow reads and does not write, and folders of ordinary ones."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""Colour types of a PNG."""
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
"""Passes of an interlaced PNG: first column and row, steps between columns and rows."""


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(value: int = 0) -> bytes:
    """A small one of one grey."""
    return encode(Image.new("RGB", (8, 8), (value, value, value)))


SPLIT_FOLDERS = ("train/a", "train/b", "val/a", "val/b", "test/a", "test/b")


def fill_tree(root: Path, folders: Iterable[str], count: int = 5) -> None:
    """Put so many pictures, each of its own, into folders."""
    for place, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = Image.new("RGB", (8, 8), (place, number, 0))
            (root / folder / f"{number}.png").write_bytes(encode(picture))


def png(
    samples_HWC: np.ndarray,
    colour: int = RGB,
    *,
    bits: int = 8,
    chunks: Sequence[tuple[bytes, bytes]] = (),
    interlaced: bool = False,
) -> bytes:
    """A PNG of any depth; `chunks` go before the pixels."""
    height, width = samples_HWC.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    passes = [samples_HWC[y::dy, x::dx] for x, y, dx, dy in (ADAM7 if interlaced else [(0, 0, 1, 1)])]
    packed = zlib.compress(b"".join(_png_rows(part, bits) for part in passes if part.size))
    whole = [(b"IHDR", header), *chunks, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, content) for name, content in whole)


def _png_rows(samples_HWC: np.ndarray, bits: int) -> bytes:
    flat = samples_HWC.reshape(len(samples_HWC), -1)
    if bits == 16:
        rows = flat.astype(">u2").view(np.uint8)
    else:
        rows = np.packbits(
            (flat[..., None] >> np.arange(bits)[::-1] & 1).reshape(len(flat), -1).astype(np.uint8), axis=1
        )
    return b"".join(b"\0" + row.tobytes() for row in rows)


def _png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def gif_on_canvas(image: Image.Image, canvas: tuple[int, int], place: tuple[int, int], **options: Any) -> bytes:
    """A GIF whose first frame covers a part of its canvas only."""
    encoded = bytearray(encode(image, "GIF", **options))
    frame = encoded.index(b"\x2c" + struct.pack("<HHHH", 0, 0, *image.size))
    encoded[6:10] = struct.pack("<HH", *canvas)
    encoded[frame + 1 : frame + 5] = struct.pack("<HH", *place)
    return bytes(encoded)


def webp_on_canvas(
    image: Image.Image, canvas: tuple[int, int], place: tuple[int, int], *, transparent: bool, **options: Any
) -> bytes:
    """An animated WebP of two equal frames that cover a part of its canvas; places are even numbers."""
    still = encode(image, "WEBP", **options)
    flags = 0x02 | (0x10 if transparent else 0)
    head = bytes([flags, 0, 0, 0]) + _uint24(canvas[0] - 1, canvas[1] - 1)
    frame = _uint24(place[0] // 2, place[1] // 2, image.width - 1, image.height - 1, 100) + b"\0" + still[12:]
    chunks = [(b"VP8X", head), (b"ANIM", bytes(6)), (b"ANMF", frame), (b"ANMF", frame)]
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(content)) + content for name, content in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _uint24(*values: int) -> bytes:
    return b"".join(struct.pack("<I", value)[:3] for value in values)


def icon(frame: bytes) -> bytes:
    """A Windows icon that announces 16 x 16 pixels and holds this."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(frame), 22) + frame


def set_tiff_tag(encoded: bytes, tag: int, value: int) -> bytes:
    """Change a number among the tags of a little-endian TIFF."""
    short = struct.pack("<HHI", tag, 3, 1)
    kind, start = ("<H", short) if short in encoded else ("<I", struct.pack("<HHI", tag, 4, 1))
    at = encoded.index(start) + 8
    return encoded[:at] + struct.pack(kind, value) + encoded[at + struct.calcsize(kind) :]


def tiled_tiff(size: int, tile: int, value: int) -> bytes:
    """A grey TIFF of one compressed tile, most of which lies outside of the image."""
    packed = zlib.compress(bytes([value]) * tile**2, 1)
    deflate, black_is_zero, start = 8, 1, 8 + 2 + 12 * 10 + 4
    tags = [
        (256, size), (257, size), (258, 8), (259, deflate), (262, black_is_zero), (277, 1),
        (322, tile), (323, tile), (324, start), (325, len(packed)),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + packed


def oriented(orientation: int, *, order: str = "<") -> bytes:
    """An EXIF block that says nothing but this."""
    mark = b"II" if order == "<" else b"MM"
    return b"Exif\0\0" + mark + struct.pack(f"{order}HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


TURNED = {
    1: lambda drawn: drawn,
    2: lambda drawn: drawn[:, ::-1],
    3: lambda drawn: drawn[::-1, ::-1],
    4: lambda drawn: drawn[::-1],
    5: lambda drawn: drawn.swapaxes(0, 1),
    6: lambda drawn: np.rot90(drawn, -1),
    7: lambda drawn: drawn[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}
"""How a picture is to be shown, by its EXIF orientation (EXIF 2.32, 4.6.4)."""
