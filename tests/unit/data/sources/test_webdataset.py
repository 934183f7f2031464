"""Tar files of samples: labels, splits, images by offset, and whatever else a tar file may hold."""

import io
import json
import tarfile
from functools import partial

import pytest

from mmkd_ray.data.sources import tars
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.errors import DataError
from tests.support.pictures import picture
from tests.support.same_pictures import put_in_tar
from tests.support.source_rows import open_data, rows_of

open_tars = partial(open_data, "webdataset")


@pytest.fixture(autouse=True)
def nothing_is_read_yet():
    tars.read_samples.cache_clear()


def samples(count, label=lambda n: str(n % 2), ending="cls", start=0):
    """Members of so many samples."""
    for number in range(start, start + count):
        yield f"{number:04d}.png", picture(number)
        if (text := label(number)) is not None:
            yield f"{number:04d}.{ending}", text.encode()


def test_labels_are_in_cls_json_or_txt(tmp_path):
    put_in_tar(tmp_path / "cls.tar", samples(12))
    assert open_tars(tmp_path / "cls.tar").class_names == ("0", "1")
    put_in_tar(tmp_path / "txt.tar", samples(12, lambda n: ["wren\n", "鶴"][n % 2], "txt"))
    assert open_tars(tmp_path / "txt.tar").class_names == ("wren", "鶴")
    put_in_tar(tmp_path / "json.tar", samples(12, lambda n: json.dumps({"w": 1, "category": "ab"[n % 2]}), "json"))
    assert open_tars(tmp_path / "json.tar").class_names == ("a", "b")


def test_fields_of_json_may_be_named(tmp_path):
    def facts(number):
        split = ["train", "valid", "test"][number // 4 % 3]
        return json.dumps({"species": "ab"[number % 2], "fold": split, "owner": number % 8})

    put_in_tar(tmp_path / "t.tar", samples(24, facts, "json"))
    with pytest.raises(DataError, match=r"no column that is its label by name; it has species, fold, owner: say which"):
        open_tars(tmp_path / "t.tar")
    source = open_tars(tmp_path / "t.tar", columns={"label": "species", "split": "fold", "group": "owner"})
    items = list(source.items())
    assert [item.split for item in items[:12:4]] == ["train", "val", "test"]
    assert items[9].group == "1"
    assert source.group_kind == "object"


def test_no_member_leads_out_of_the_tar_file(tmp_path):
    (tmp_path / "secret.png").write_bytes(picture(200))
    path, before = tmp_path / "in" / "t.tar", set(tmp_path.iterdir())
    path.parent.mkdir()
    with tarfile.open(path, "w") as tar:

        def put(name, content=b"", kind=tarfile.REGTYPE, target=""):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(content)
            tar.addfile(info, io.BytesIO(content))

        put("birds", kind=tarfile.DIRTYPE)
        for number in range(10):
            put(f"birds/{number}.png", picture(number))
            put(f"birds/{number}.cls", str(number % 2).encode())
        names = ["../../up.png", str(tmp_path / "absolute.png"), "wr\udce9n.png"]
        for place, name in enumerate(names):
            put(name, picture(20 + place))
            put(name.replace(".png", ".cls"), b"1")
        put("link.png", kind=tarfile.SYMTYPE, target=str(tmp_path / "secret.png"))
        put("link.cls", b"0")
        put("hard.png", kind=tarfile.LNKTYPE, target="birds/0.png")
        put("hard.cls", b"0")
        put("pipe.png", kind=tarfile.FIFOTYPE)
        put("pipe.cls", b"0")
        put("birds/.hidden.png", b"?")
        put("README")
    found = rows_of(open_tars(path))
    bad = {row.path.removeprefix("t.tar/"): row.reason for row in found if isinstance(row, BadImage)}
    link = "a link in the tar file, or no ordinary file"
    assert bad == {
        "link.png": link, "hard.png": link, "pipe.png": link, "wr\\xe9n.png": "its name is not valid UTF-8",
    }  # fmt: skip
    images = {row.image_id: row.image for row in found if not isinstance(row, BadImage)}
    assert len(images) == 12
    assert images["t.tar/../../up.png"] == picture(20)
    assert set(tmp_path.iterdir()) == before | {path.parent}


def test_names_of_all_lengths_and_formats(tmp_path):
    long = "folder/" * 30 + "x" * 120
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tmp_path / "t.tar", "w", format=kind) as tar:
            for name, content in samples(10):
                info = tarfile.TarInfo(f"{long}é{name}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        tars.read_samples.cache_clear()
        assert [row.image for row in rows_of(open_tars(tmp_path))] == [picture(n) for n in range(10)]


def test_a_sample_with_several_images_is_refused_until_one_is_named(tmp_path):
    members = [*samples(10), *((f"{n:04d}.mask.png", picture(100 + n)) for n in range(10))]
    put_in_tar(tmp_path / "t.tar", sorted(members))
    assert [row.image for row in rows_of(open_tars(tmp_path))] == [picture(n) for n in range(10)]
    assert rows_of(open_tars(tmp_path, columns={"image": "mask.png"}))[3].image == picture(103)
    put_in_tar(tmp_path / "u.tar", [*samples(10), ("0003.jpg", picture(9))])
    with pytest.raises(DataError, match=r"sample '0003' of u.tar has 2 images \(png, jpg\); say which one by data.col"):
        open_tars(tmp_path)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], r"hold no images \(jpg, png, webp"),
        ([("a.cls", b"1")], r"hold no images"),
        ([("a.png", b"x")], r"no column that is its label by name; it has no columns"),
        ([*samples(4), ("z.png", b"x")], r"the image 't.tar/z.png' has no label; give it one"),
        ([*samples(4, lambda n: "[1"[: n % 2 + 1], "json")], r"no column that is its label"),
        ([*samples(8, lambda _: "1")], r"has one class only"),
    ],
)
def test_tar_files_without_what_is_needed_are_one_line(tmp_path, members, message):
    put_in_tar(tmp_path / "t.tar", members)
    with pytest.raises(DataError, match=message) as refusal:
        open_tars(tmp_path / "t.tar")
    assert "\n" not in str(refusal.value)


def test_the_same_name_twice_in_a_tar_file_is_told(tmp_path):
    put_in_tar(tmp_path / "t.tar", [*samples(10), ("0004.png", picture(99))])
    bad = [row for row in rows_of(open_tars(tmp_path)) if isinstance(row, BadImage)]
    assert bad == [BadImage("t.tar/0004.png", "the tar file has two files of this name")]


def test_a_tar_file_that_is_cut_off_or_none_or_compressed_is_one_line(tmp_path):
    put_in_tar(tmp_path / "t.tar", samples(40))
    whole = (tmp_path / "t.tar").read_bytes()
    for cut in (len(whole) // 2 + 700, 700):
        (tmp_path / "t.tar").write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"t.tar' is not a whole tar file \(.*\); fetch it anew"):
            open_tars(tmp_path)
    (tmp_path / "t.tar").write_bytes(b"<html>" * 300)
    with pytest.raises(DataError, match=r"t.tar' is not a whole tar file"):
        open_tars(tmp_path)
    (tmp_path / "t.tar").rename(tmp_path / "t.tar.gz")
    with pytest.raises(DataError, match=r"t.tar.gz in .* cannot be read from the middle.*gunzip"):
        open_tars(tmp_path)
    with pytest.raises(DataError, match=r"nowhere' is not there, and holds no .tar"):
        open_tars(tmp_path / "nowhere")


def test_a_tar_file_that_has_shrunk_since_gives_bad_images(tmp_path):
    put_in_tar(tmp_path / "t.tar", samples(10))
    source = open_tars(tmp_path)
    put_in_tar(tmp_path / "t.tar", [])
    read = list(source.reader.read(list(source.items())))
    assert read[9] == BadImage("t.tar/0009.png", "the tar file ends before it")
    (tmp_path / "t.tar").unlink()
    read = list(source.reader.read(list(source.items())))
    assert {row.reason for row in read} == {"cannot be read: No such file or directory"}


def test_a_tar_file_written_anew_changes_the_stamps_of_its_images_alone(tmp_path):
    put_in_tar(tmp_path / "a.tar", samples(10))
    put_in_tar(tmp_path / "b.tar", samples(10, start=10))
    before = open_tars(tmp_path)
    put_in_tar(tmp_path / "b.tar", samples(10, start=10))
    after = open_tars(tmp_path)
    changed = {now.image_id for was, now in zip(before.items(), after.items(), strict=True) if was.stamp != now.stamp}
    assert changed == {f"b.tar/{number:04d}.png" for number in range(10, 20)}
    assert before.identity() != after.identity()
