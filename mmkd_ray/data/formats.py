"""What a file that cannot be read as an image is instead, by its first bytes, and what to do about it."""

from __future__ import annotations

import re

_CONVERT = "convert it to PNG or JPEG"
_FRAMES = "take images out of it, e.g. ffmpeg -i FILE frame_%05d.png"
_UNPACK = "unpack it"
_KINDS = (
    (rb"version https://git-lfs\.github\.com/spec/", "a git-lfs pointer, not the image itself", "run git lfs pull"),
    (rb"(?:\.\./)*\.?(?:git)?/annex/objects/", "a git-annex pointer, not the image itself", "run git annex get"),
    (rb".{4}ftyp(?:hei|hev|mif1|msf1|heim|heis)", "a HEIC photograph", _CONVERT),
    (rb".{4}ftyp(?:avif|avis)", "an AVIF image that this build of Pillow does not read", _CONVERT),
    (rb".{4}ftypcrx |FUJIFILMCCD-RAW|IIRO|IIRS|IIU\0", "a camera's raw file", _CONVERT),
    (rb".{4}(?:ftyp|moov|mdat|wide)", "a video (MP4 or MOV)", _FRAMES),
    (rb"RIFF.{4}AVI |\x1aE\xdf\xa3|\0\0\x01[\xb3\xba]|FLV\x01|\x30\x26\xb2\x75|OggS", "a video", _FRAMES),
    (rb"RIFF.{4}WAVE|ID3|fLaC", "a sound file", "remove it"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL image", f"{_CONVERT}, e.g. djxl FILE.jxl FILE.png"),
    (rb"%PDF-", "a PDF document", "convert its pages to PNG, e.g. pdftoppm -png FILE page"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing (EPS)", _CONVERT),
    (rb"8BPS", "a Photoshop document", _CONVERT),
    (rb"v/1\x01|#\?R(?:ADIANCE|GBE)", "an image of high dynamic range (EXR or HDR)", _CONVERT),
    (rb".{128}DICM", "a DICOM file", _CONVERT),
    (rb"SIMPLE  =", "a FITS file", _CONVERT),
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!|\xfd7zXZ|BZh|\x28\xb5\x2f\xfd", "an archive", _UNPACK),
    (rb"\x93NUMPY|\x89HDF|PAR1", "a file of arrays or tables (NumPy, HDF5, Parquet)", "write its images as PNG files"),
    (rb"\0+\Z", "nothing but zero bytes, as a copy that was broken off leaves", "fetch the image anew"),
)
_PATTERNS = [(re.compile(pattern, re.DOTALL), kind, advice) for pattern, kind, advice in _KINDS]
_LOOKED_AT = 4096


def what_it_is(encoded: bytes) -> str:
    """A few words on a file that no reader of images takes: what it is and what to do."""
    if not encoded:
        return "the file is empty"
    head = encoded[:_LOOKED_AT]
    for pattern, kind, advice in _PATTERNS:
        if pattern.match(head):
            return f"{kind}: {advice}"
    return _markup(head) or _text(head) or "of no known format"


def _markup(head: bytes) -> str | None:
    """SVG and HTML, whatever comments and declarations they begin with; None for what is neither."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    if re.search(rb"<svg\b", text):
        return f"an SVG drawing: {_CONVERT}"
    if re.search(rb"<(?:!doctype html|html|head|body)\b", text):
        return "an HTML page, such as a download that failed leaves: fetch the image anew"
    return None


def _text(head: bytes) -> str | None:
    """How a text begins; None for what is none."""
    try:
        text = head[: _LOOKED_AT - 3].decode()
    except UnicodeDecodeError:
        return None
    words = " ".join(text.split())
    if not words.isprintable():
        return None
    return f"text, beginning with '{words[:40]}': fetch the image anew, or leave such files out"
