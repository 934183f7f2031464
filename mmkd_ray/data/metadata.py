"""A PNG or JPEG without the metadata that decides no pixel (texts, thumbnails, animation), and its colour profile.

Pillow refuses an image for a text of more than 1 MiB, a large profile, or metadata that is broken; viewers show it.
"""

from __future__ import annotations

import struct
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {b"tRNS", b"eXIf"}
"""Transparency, and EXIF for its orientation."""
_MOST_OF_A_PROFILE = 2**24
"""Bytes. The profile of a printer has a few MiB."""
_JPEG = b"\xff\xd8\xff"
_SCAN_OR_END, _COMMENT = {0xDA, 0xD9}, 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_ICC = b"ICC_PROFILE\0"
_JFIF_BYTES = 14
"""libjpeg takes a shorter one for something else."""


def split_metadata(encoded: bytes) -> tuple[bytes, bytes]:
    """What decides the pixels of an image file, and the ICC profile that it brings.

    Args:
        encoded: any file.

    Returns:
        A PNG or JPEG without other metadata (from a place on where it is broken, and any other file: as it is), and the
        profile of a PNG or JPEG, empty where there is none.
    """
    if encoded.startswith(_PNG):
        return _split_png(encoded)
    return _split_jpeg(encoded) if encoded.startswith(_JPEG) else (encoded, b"")


def _split_png(encoded: bytes) -> tuple[bytes, bytes]:
    """Leave out all chunks that are neither critical nor kept, and, as libpng does, those whose checksum is wrong."""
    dropped, profile, place = [], b"", len(_PNG)
    while place + 12 <= len(encoded):
        length, name = struct.unpack_from(">I4s", encoded, place)
        end = place + 12 + length
        if not name.isalpha():
            break
        if name[0] & 0x20:  # of a chunk that is not critical, the first letter is small
            intact = end <= len(encoded) and _is_intact(encoded, place, end)
            if name == b"iCCP" and intact:
                profile = profile or _unpacked(encoded[place + 8 : end - 4])
            if not (name in _PNG_KEPT and intact):
                dropped.append((place, end))
        place = end
    return _without(encoded, dropped), profile


def _is_intact(encoded: bytes, begin: int, end: int) -> bool:
    (checksum,) = struct.unpack_from(">I", encoded, end - 4)
    return zlib.crc32(memoryview(encoded)[begin + 4 : end - 4]) == checksum


def _unpacked(content: bytes) -> bytes:
    """The profile in an iCCP chunk; nothing if it is broken or too large."""
    _, _, packed = content.partition(b"\0")
    reader = zlib.decompressobj()
    try:
        profile = reader.decompress(packed[1:], _MOST_OF_A_PROFILE)
    except zlib.error:
        return b""
    return profile if reader.eof else b""


def _split_jpeg(encoded: bytes) -> tuple[bytes, bytes]:
    """Leave out comments and all application segments but JFIF and Adobe's, which decide colours, and EXIF."""
    dropped, profile, place = [], {}, 2
    while place + 4 <= len(encoded):
        mark, marker, length = struct.unpack_from(">BBH", encoded, place)
        end = place + 2 + length
        if mark != 0xFF or marker in _SCAN_OR_END or marker < 0xC0 or length < 2 or end > len(encoded):
            break
        content = encoded[place + 4 : end] if _APP0 <= marker <= _APP15 else b""
        if marker == _APP2 and content.startswith(_ICC) and len(content) >= len(_ICC) + 2:
            profile.setdefault(content[len(_ICC)], content[len(_ICC) + 2 :])
        kept = (
            not (_APP0 <= marker <= _APP15 or marker == _COMMENT)
            or marker == _APP14
            or (marker == _APP0 and content.startswith(b"JFIF\0") and len(content) >= _JFIF_BYTES)
            or (marker == _APP1 and content.startswith(b"Exif\0\0"))
        )
        if not kept:
            dropped.append((place, end))
        place = end
    return _without(encoded, dropped), b"".join(part for _, part in sorted(profile.items()))


def _without(encoded: bytes, dropped: list[tuple[int, int]]) -> bytes:
    """The bytes but for some ranges; the same object if there are none."""
    if not dropped:
        return encoded
    begins = [0, *(end for _, end in dropped)]
    ends = [*(begin for begin, _ in dropped), len(encoded)]
    return b"".join(encoded[begin:end] for begin, end in zip(begins, ends, strict=True))
