"""Pascal VOC as torchvision unpacks it."""

from functools import partial

import pytest

from mmkd_ray.config import validate
from mmkd_ray.data.building import build_image_table
from mmkd_ray.data.table import read_splits
from mmkd_ray.errors import DataError
from tests.support.pictures import picture
from tests.support.source_rows import open_data

open_voc = partial(open_data, "voc")
OBJECT = """<object><name>{name}</name><difficult>{difficult}</difficult>
<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>
<bndbox><xmax>{right}</xmax><xmin>{left}</xmin><ymin>1</ymin><ymax>8</ymax></bndbox></object>"""


def one(name, left=2, right=4, difficult=0):
    return OBJECT.format(name=name, left=left, right=right, difficult=difficult)


@pytest.fixture
def root(tmp_path):
    year = tmp_path / "VOCdevkit" / "VOC2012"
    for folder in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (year / folder).mkdir(parents=True)
    names = [f"2012_{number:06}" for number in range(8)]
    for number, name in enumerate(names):
        (year / "JPEGImages" / f"{name}.jpg").write_bytes(picture(number))
        objects = [one("tit") + one("owl", left=8, right=8, difficult=1), "", one("owl", left=5, right=4)][number % 3]
        size = "<size><width>8</width><height>8</height><depth>3</depth></size>"
        (year / "Annotations" / f"{name}.xml").write_text(f"<annotation>{size}{objects}</annotation>")
    for split, members in (("train", names[:6]), ("val", names[6:]), ("owl_train", ["2012_000000  1"])):
        (year / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(members) + "\n")
    return tmp_path


def test_corners_become_boxes_and_difficult_ones_are_marked(root, run):
    data = {"source": "voc", "path": str(root)}
    config = validate({"name": "t", "data": data, "aspects": {"source": "fieldguide"}})
    record = build_image_table(config, run, lambda *_: None)
    assert record["class_names"] == ["owl", "tit"]
    assert (record["images"], record["boxes"]) == ({"train": 5, "test": 1, "val": 2}, 6)
    rows = {row["image_id"]: row["boxes"] for row in read_splits(run).to_pylist()}
    assert rows["JPEGImages/2012_000000.jpg"] == [
        {"x": 1, "y": 0, "width": 3, "height": 8, "label": 1, "area": 24, "is_crowd": False},
        {"x": 7, "y": 0, "width": 1, "height": 8, "label": 0, "area": 8, "is_crowd": True},
    ]
    assert rows["JPEGImages/2012_000001.jpg"] == rows["JPEGImages/2012_000002.jpg"] == []
    bad = run.images.read_table("bad_boxes.parquet").to_pylist()
    assert [row["box"] for row in bad] == ["object 1", "object 1"]
    assert "without area" in bad[0]["reason"]
    assert len(open_voc(root / "VOCdevkit" / "VOC2012")) == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation>", "2012_000003.xml' is not Pascal VOC's XML: no element found"),
        ("<annotation/>", "is not Pascal VOC's XML: no size/width"),
        (None, "2012_000003.xml' cannot be read: No such file"),
    ],
)
def test_what_is_not_voc_is_refused_in_one_line(root, content, message):
    file = root / "VOCdevkit/VOC2012/Annotations/2012_000003.xml"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(DataError, match=message):
        open_voc(root)


def test_one_year_at_a_time(root):
    (root / "VOCdevkit/VOC2007/Annotations").mkdir(parents=True)
    with pytest.raises(DataError, match=r"holds .*VOC2007, .*VOC2012: give one of them"):
        open_voc(root)
    with pytest.raises(DataError, match=r"expected .* with Annotations/, ImageSets/Main/ and JPEGImages/"):
        open_voc(root / "VOCdevkit/VOC2007/Annotations")
