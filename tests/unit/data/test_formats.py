"""A file that is no image is called by its name, with what to do about it."""

import io
import zipfile

import numpy as np
import pytest

from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.errors import DataError


def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as writer:
        writer.writestr("a", "b")
    return stream.getvalue()


def arrays():
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(99), "a HEIC photograph: convert it to PNG or JPEG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "a HEIC photograph: convert"),
        (b"\xff\x0a\xfa\x7f" + bytes(99), "a JPEG XL image: convert"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "a JPEG XL image: convert"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing: convert"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- made by -->\n<SVG>", "an SVG drawing: convert"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
            "a git-lfs pointer.*run git lfs pull",
        ),
        (b"/annex/objects/SHA256E-s1--0.jpg\n", "a git-annex pointer.*run git annex get"),
        (b"<!DOCTYPE html><html><body>404", "an HTML page.*fetch the image anew"),
        (b"\n<!-- x --><HTML lang=en>", "an HTML page.*fetch the image anew"),
        (b"\0\0\0\x20ftypisom\0\0\2\0" + bytes(99), "a video .*take images out of it"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0" + bytes(99), "a video .*take images out of it"),
        (b"\x1aE\xdf\xa3" + bytes(99), "a video: take images out of it"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(99), "a video: take images out of it"),
        (b"%PDF-1.7\n%...", "a PDF document: convert its pages"),
        (b"8BPS\0\1" + bytes(99), "a Photoshop document: convert"),
        (bytes(128) + b"DICM" + bytes(99), "a DICOM file: convert"),
        (archive(), "an archive: unpack it"),
        (arrays(), "a file of arrays or tables"),
        (bytes(5000), "nothing but zero bytes.*fetch the image anew"),
        (b"{'error': 'rate limit'}", "text, beginning with '{'error': 'rate limit'}': .* leave such files out$"),
        ("größer\n".encode(), "text, beginning with 'größer'"),
        (b"\x93\x01\xfe\x80 no text", "of no known format"),
        (b"a\0b\1", "of no known format"),
    ],
)
def test_what_it_is_and_what_to_do_is_told(content, message):
    with pytest.raises(DataError, match=f"^not a readable image: {message}") as caught:
        decode_rgb(content)
    assert "\n" not in str(caught.value)


def test_markup_made_to_be_slow_is_not():
    with pytest.raises(DataError, match="not a readable image"):
        decode_rgb(b"<?xml <!-- " * 100_000)
