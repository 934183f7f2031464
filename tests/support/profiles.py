"""ICC profiles of other colour spaces than sRGB, made from one that LittleCMS makes."""

from __future__ import annotations

import struct

import numpy as np

Gamut = tuple[tuple[float, float], ...]
DISPLAY_P3: Gamut = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB: Gamut = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
"""Chromaticities of red, green and blue."""
GREY: Gamut = ()
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D65, _D50 = np.array([0.9504559, 1, 1.0890578]), np.array([0.9642, 1, 0.8249])


def profile_of(gamut: Gamut, exponent: float | None, *, padding: int = 0) -> bytes:
    """A matrix profile of these primaries (or of grey), white D65.

    Args:
        gamut: chromaticities of the primaries; none for grey.
        exponent: of the curve; sRGB's curve if unset.
        padding: bytes of an additional tag, to make it large.
    """
    curve = (
        _srgb_curve() if exponent is None else _pad(b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256)))
    )
    tags = [(b"wtpt", _xyz(_D50)), (b"desc", _pad(b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)))]
    if gamut:
        tags += [
            (name, _xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _colorants(gamut).T, strict=True)
        ]
        tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    else:
        tags += [(b"kTRC", curve)]
    if padding:
        tags.append((b"priv", b"data" + np.random.default_rng(0).bytes(padding // 4 * 4)))
    place = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, value in tags:
        table += name + struct.pack(">II", place + len(content), len(value))
        content += value
    head = struct.pack(
        ">I4sI4s4s4s", place + len(content), bytes(4), 0x02100000, b"mntr", b"RGB " if gamut else b"GRAY", b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", *(round(value * 65536) for value in _D50))
    return head.ljust(128, b"\0") + table + content


def _colorants(gamut: Gamut) -> np.ndarray:
    """RGB to XYZ, adapted to D50 as profiles have it."""
    primaries = np.array([[x / y, 1, (1 - x - y) / y] for x, y in gamut]).T
    matrix = primaries * np.linalg.solve(primaries, _D65)
    return np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ _D65)) @ _BRADFORD @ matrix


def _srgb_curve() -> bytes:
    values = np.linspace(0, 1, 1024)
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return _pad(b"curv" + bytes(4) + struct.pack(">I", 1024) + (linear * 65535).round().astype(">u2").tobytes())


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _pad(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
