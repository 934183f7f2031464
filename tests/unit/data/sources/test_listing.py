"""What people, and other programs, leave in folders of images."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import fs

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import FolderData
from mmkd_ray.data.sources import listing
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.data.sources.junk import Skipped
from mmkd_ray.errors import DataError
from tests.support.pictures import picture
from tests.support.source_rows import ImageRow, rows_of
from tests.unit.data.test_decode_properties import broken_files

NOBODY = 65_534


def source_of(root: Path, **settings) -> FolderSource:
    return FolderSource(FolderData(source="folder", path=str(root), **settings))


@pytest.fixture
def root(tmp_path):
    """Two classes of five pictures."""
    fill(tmp_path / "tree")
    return tmp_path / "tree"


def fill(root: Path) -> None:
    for name in "ab":
        (root / name).mkdir(parents=True)
        for number in range(5):
            (root / name / f"{number}.png").write_bytes(picture(number))


def bad_of(source: FolderSource) -> dict[str, str]:
    rows = rows_of(source)
    assert len(rows) == len(source)
    return {row.path: row.reason for row in rows if isinstance(row, BadImage)}


def test_keys_of_an_object_store_with_an_empty_name_are_named_and_the_rest_is_read():
    store = fsspec.filesystem("memory")
    for key in ("a/1.png", "b/2.png", "a//3.png", "/a/4.png"):
        store.pipe(f"/bucket/data/{key}", picture(1))
    root = Folder("memory://bucket/data")
    root.__dict__["_resolved"] = fs.PyFileSystem(fs.FSSpecHandler(store)), "/bucket/data"
    tree = listing.list_tree(root, Skipped())
    assert tree.folders == ["a", "b"]
    problems = {found.path: found.problem for found in tree.found}
    assert problems.pop("a/1.png") == problems.pop("b/2.png") == ""
    assert list(problems) == ["a/3.png (key a//3.png)", "a/4.png (key /a/4.png)"]
    assert all("an empty name (//), which pyarrow does not read: rename" in problem for problem in problems.values())


def test_pipes_and_devices_are_named_and_not_read(root):
    os.mkfifo(root / "a" / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root / "a")  # the path of a socket has 107 bytes at most
        try:
            server.bind("socket.png")
        finally:
            os.chdir(here)
        assert bad_of(source_of(root)) == {
            f"a/{name}.png": "no ordinary file but a pipe, socket or device" for name in ("pipe", "socket")
        }


def test_links_are_followed_if_they_lead_somewhere(root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.png").write_bytes(picture())
    (root / "a" / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "file.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    (root / "a" / "nowhere.png").symlink_to("gone.png")
    (root / "a" / "itself.png").symlink_to("itself.png")
    (root / "b" / "up").symlink_to(root / "b")
    source = source_of(root)
    assert bad_of(source) == {
        "a/nowhere.png": "a link that leads nowhere",
        "a/itself.png": "cannot be read: Too many levels of symbolic links",
        "b/up/": "a link to a folder that it lies in",
    }
    read = {row.image_id for row in rows_of(source) if isinstance(row, ImageRow)}
    assert {"a/folder/x.png", "a/file.png"} < read


def test_a_class_behind_a_broken_link_is_an_error(root):
    (root / "c").symlink_to("unmounted")
    with pytest.raises(DataError, match=r"no training images of c \(c: a link that leads nowhere\)"):
        source_of(root)


def test_a_file_that_is_deleted_after_the_listing_is_named(root):
    source = source_of(root)
    (root / "a" / "0.png").unlink()
    (root / "b" / "1.png").unlink()
    (root / "b" / "1.png").mkdir()
    reasons = bad_of(source)
    assert set(reasons) == {"a/0.png", "b/1.png"}
    assert reasons["a/0.png"] == "cannot be read: No such file or directory"
    assert reasons["b/1.png"].startswith("cannot be read: ")


def test_names_of_any_kind_are_kept(root):
    composed, decomposed = (unicodedata.normalize(form, "Blaumeise ü é.png") for form in ("NFC", "NFD"))
    names = [composed, decomposed, " leading and  double.png", 'it\'s "quoted".png', "two\nlines.png", "tab\t\\.png"]
    names += ["鳥.png", "🐦.png", "%20#?&.png", "no extension", "-rf", "*.png", "e\u202etxt.png"]
    for number, name in enumerate(names):
        (root / "a" / name).write_bytes(picture(100 + number))
    read = {row.image_id: row.image for row in rows_of(source_of(root))}
    for number, name in enumerate(names):
        assert read[f"a/{name}"] == picture(100 + number)


def test_a_class_name_may_have_its_accents_encoded_in_two_ways(tmp_path):
    for split, form in (("train", "NFC"), ("test", "NFD")):
        for name in ("Grünling", "Star"):
            folder = tmp_path / split / unicodedata.normalize(form, name)
            folder.mkdir(parents=True)
            for number in range(3):
                (folder / f"{number}.png").write_bytes(picture(number))
    source = source_of(tmp_path)
    assert source.class_names == ("Grünling", "Star")
    assert len({row.image_id for row in rows_of(source)}) == 12


def test_a_name_that_is_not_utf8_is_shown_with_escapes(root):
    (root / "a" / os.fsdecode(b"caf\xe9.png")).write_bytes(picture())
    source = source_of(root)
    assert bad_of(source) == {"a/caf\\xe9.png": "its name is not valid UTF-8"}
    assert json.dumps(source.identity(), ensure_ascii=False).encode()


def test_a_class_whose_name_is_not_utf8_is_refused(root):
    folder = root / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "1.png").write_bytes(picture())
    with pytest.raises(
        DataError, match=r"no training images of caf\\xe9 \(caf\\xe9/1.png: its name is not valid UTF-8"
    ):
        source_of(root)


def test_a_file_of_many_gigabytes_is_not_read(root):
    with (root / "a" / "film.png").open("wb") as film:
        film.truncate(listing.MAX_FILE_BYTES + 1)
    assert bad_of(source_of(root)) == {"a/film.png": "1,073,741,825 bytes are more than the limit of 1,073,741,824"}


@pytest.fixture
def public(tmp_path):
    """A tree that another user may enter: pytest's own folders are closed."""
    folder = Path(tempfile.mkdtemp(prefix="mmkd-test-"))
    folder.chmod(0o755)
    fill(folder / "tree")
    yield folder / "tree"
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)


AS_NOBODY = """
import json, os, sys
from pathlib import Path
from mmkd_ray.identity import fingerprint
from mmkd_ray.config import FolderData
from mmkd_ray.data.decode import decode_rgb
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.data.sources.base import BadImage
from mmkd_ray.errors import DataError
from tests.support.source_rows import rows_of

decode_rgb(Path(sys.argv[2]).read_bytes())  # what Pillow imports late may be out of reach for nobody
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({nobody})
    os.setuid({nobody})
try:
    source = FolderSource(FolderData(source="folder", path=sys.argv[1]))
    for path in sys.argv[3:]:
        os.chmod(path, 0)
    bad = {{row.path: row.reason for row in rows_of(source) if isinstance(row, BadImage)}}
    print(json.dumps({{"bad": bad, "files": len(source), "identity": fingerprint(source=source.identity())}}))
except DataError as error:
    print(json.dumps({{"error": str(error)}}))
"""


def seen_by_nobody(root: Path, *locked_after_listing: Path):
    """What another user than root finds: root may read everything."""
    some = next(root.rglob("*.png"))
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY.format(nobody=NOBODY), str(root), str(some), *map(str, locked_after_listing)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_files_without_permission_are_named(public):
    (public / "a" / "0.png").chmod(0)
    for name, mode in (("closed", 0o000), ("names only", 0o444)):
        (public / "a" / name).mkdir()
        (public / "a" / name / "1.png").write_bytes(picture())
        (public / "a" / name).chmod(mode)
    if os.geteuid() == 0:
        os.chown(public / "b" / "4.png", NOBODY, NOBODY)  # so that nobody can close it
    before = seen_by_nobody(public, public / "b" / "4.png")
    assert before["bad"] == {
        "a/0.png": "cannot be read: Permission denied",
        "a/closed/": "the folder cannot be listed: Permission denied",
        "a/names only/1.png": "cannot be read: Permission denied",
        "b/4.png": "cannot be read: Permission denied",
    }
    assert before["files"] == 12
    (public / "a" / "0.png").chmod(0o644)
    after = seen_by_nobody(public)
    assert "a/0.png" not in after["bad"]
    assert after["identity"] != before["identity"], "what has been made readable must be read"


@pytest.mark.parametrize(
    ("closed", "message"),
    [
        ("b", "no training images of b (b/: the folder cannot be listed: Permission denied)"),
        ("", "cannot be listed: Permission denied"),
    ],
)
def test_an_unreadable_class_folder_is_an_error(public, closed, message):
    (public / closed).chmod(0o311 if not closed else 0)
    assert message in seen_by_nobody(public)["error"]


def test_an_unreadable_tree_is_a_one_line_error(public):
    public.parent.chmod(0o700)
    assert seen_by_nobody(public)["error"] == f"data.path: '{public}' cannot be reached: Permission denied"


def test_an_unreadable_split_is_an_error(public):
    for split in ("train", "test"):
        fill(public / split)
    for name in "ab":
        shutil.rmtree(public / name)
    (public / "test").chmod(0)
    assert f"'{public}/test/': the folder cannot be listed: Permission denied" in seen_by_nobody(public)["error"]


def is_visible_name(name: bytes) -> bool:
    """Whether a file may have it, and is not skipped for it, as `MAKEFILE` is (see test_junk.py)."""
    possible = b"/" not in name and b"\0" not in name and 0 < len(name) <= 200
    return possible and not Skipped().file(f"a/{os.fsdecode(name)}")


NAMES = st.one_of(
    st.text(min_size=1, max_size=30).map(lambda name: name.encode("utf-8", "replace")),
    st.binary(min_size=1, max_size=20),
    st.sampled_from(["ü.png", "ü.png", "a b.PNG", "x.jpg"]).map(str.encode),
).filter(is_visible_name)

CONTENTS = st.one_of(
    broken_files(),
    st.sampled_from([b"", b"text", picture(1)]),
    st.sampled_from(["pipe", "nowhere"]),
)


@settings(deadline=None, max_examples=20)
@given(files=st.dictionaries(NAMES, CONTENTS, max_size=8))
def test_whatever_files_there_are_each_is_read_or_named(files: dict[bytes, bytes | str]):
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "tree"
        fill(root)
        expected = {f"{name}/{number}.png" for name in "ab" for number in range(5)}
        for raw, content in files.items():
            name = os.fsdecode(raw)
            path = root / "a" / name
            if path.exists():
                continue
            expected.add(f"a/{raw.decode('utf-8', 'backslashreplace')}")
            if content == "pipe":
                os.mkfifo(path)
            elif content == "nowhere":
                path.symlink_to("gone")
            else:
                path.write_bytes(content)
        rows = rows_of(source_of(root), max_pixels=10_000)
    bad = [row for row in rows if isinstance(row, BadImage)]
    read = [row.image_id for row in rows if isinstance(row, ImageRow)]
    assert sorted([*read, *(row.path for row in bad)]) == sorted(expected)
    assert all(row.reason for row in bad)
